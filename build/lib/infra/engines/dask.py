"""The engine `dask`: worker processes of an embedded or an existing Dask cluster."""

import logging
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import CancelledError
from contextlib import ExitStack
from typing import Any
from urllib.parse import urlsplit

from distributed import Client, LocalCluster, as_completed, get_worker, worker_client
from distributed.client import FutureCancelledError
from distributed.comm.core import CommClosedError
from distributed.scheduler import KilledWorker

from infra.engines.base import Blocks, Engine, Kernel, Merge
from infra.engines.blocks import BlockSource, Span, finish, reduce_span, resident
from infra.engines.collective import join, rendezvous
from infra.errors import EngineError

WORKER_LOST = (KilledWorker, FutureCancelledError, CancelledError, CommClosedError)
TRIES = 3
IN_FLIGHT = 4  # tasks a thread: enough to keep it busy, few enough to stop soon


class DaskEngine(Engine):
    """Worker processes of a Dask cluster: embedded, or attached to by its scheduler's address.

    Inside a task that itself runs on the cluster, the task gives its slot back while it coordinates.
    """

    name = "dask"

    def __init__(self, workers: int, address: str | None = None) -> None:
        self._stack = ExitStack()
        self.address, self._client = self._connect(workers, address)
        self.workers = len(self._addresses()) if address else workers

    def _connect(self, workers: int, address: str | None) -> tuple[str, Client]:
        if address is not None and _inside_worker():
            client = self._stack.enter_context(worker_client(separate_thread=True))
            return address, client
        if address is None:
            cluster = LocalCluster(
                n_workers=workers,
                threads_per_worker=1,
                host="127.0.0.1",
                dashboard_address="127.0.0.1:0",
                memory_limit="auto",
                silence_logs=logging.CRITICAL,  # what fails is raised here; heartbeats lost at the end are noise
            )
            self._stack.callback(cluster.close)
            address = cluster.scheduler_address
        try:
            client = Client(address, set_as_default=False, timeout="20s")
        except (OSError, TimeoutError) as error:
            raise EngineError(f"no Dask scheduler answers at {address}: {error}") from None
        self._stack.callback(client.close)
        return address, client

    def close(self) -> None:
        self._stack.close()

    @property
    def dashboard(self) -> str | None:
        return str(self._client.dashboard_link)

    @property
    def client(self) -> Client:
        """The Dask client, for libraries that speak to Dask themselves."""
        return self._client

    def worker_pids(self) -> Mapping[str, int]:
        pids = self._client.run(os.getpid)
        return {f"dask-{i}": pids[address] for i, address in enumerate(sorted(pids))}

    def partition(self, source: BlockSource) -> Blocks:
        addresses = self._addresses()
        spans = self._spans(source)
        residents = []
        for i, span in enumerate(spans):
            # pinned, but not for ever: should this worker go, another takes the span over
            address = addresses[i % len(addresses)]
            # in a list, because scatter() takes a collection apart
            [detached] = self._client.scatter([source.detached(span)], workers=[address], hash=False)
            residents.append(self._submit(resident, detached, span, at=address))
        return Blocks(source, spans, residents)

    def map(self, kernel: Kernel, blocks: Blocks, *state: Any) -> list[Any]:
        parts = self._round(_map_span, blocks, kernel, *state)
        return [result for part in parts for result in part]

    def reduce(self, kernel: Kernel, merge: Merge, blocks: Blocks, *state: Any) -> Any:
        parts = self._round(_reduce_span, blocks, kernel, merge, *state)
        return finish((node for part in parts for node in part), merge)

    def together(self, function: Callable[..., Any], blocks: Blocks, *state: Any) -> list[Any]:
        with rendezvous(len(blocks.spans), self._host()) as arguments:
            return self._round(_join_span, blocks, function, arguments, blocks.spans, *state)

    def _round(self, task: Callable[..., Any], blocks: Blocks, *arguments: Any) -> list[Any]:
        """One task for each span; when a worker is lost with its span, the data is sent again."""
        for tries_left in reversed(range(TRIES)):
            futures = [
                self._submit(task, span, data, *arguments)
                for span, data in zip(blocks.spans, blocks.residents, strict=True)
            ]
            try:
                return list(self._client.gather(futures))
            except WORKER_LOST as error:
                if not tries_left:
                    raise EngineError(f"Dask lost its workers {TRIES} times in one round: {error}") from error
                blocks.residents[:] = self.partition(blocks.source).residents
        raise AssertionError("unreachable")

    def run(
        self, function: Callable[..., Any], items: Sequence[Any], shared: Any = None
    ) -> Iterator[tuple[int, Any]]:
        waiting = list(range(len(items)))[::-1]
        tries = dict.fromkeys(waiting, 0)
        handle = self._share(shared)
        limit = IN_FLIGHT * self.workers
        running: dict[Any, int] = {}
        done = as_completed(loop=self._client.loop)
        try:
            while waiting or running:
                while waiting and len(running) < limit:
                    i = waiting.pop()
                    tries[i] += 1
                    future = self._submit(function, items[i], handle)
                    running[future] = i
                    done.add(future)
                future = next(done)
                i = running.pop(future)
                try:
                    result = future.result()
                except WORKER_LOST as error:
                    if tries[i] < TRIES:
                        waiting.append(i)
                        handle = self._share(shared)
                        continue
                    result = EngineError(f"the worker died {TRIES} times over this item: {error}")
                yield i, result
        finally:
            self._client.cancel(list(running), force=True)

    def _share(self, shared: Any) -> Any:
        return None if shared is None else self._client.scatter([shared], broadcast=True, hash=False)[0]

    def _submit(self, function: Callable[..., Any], *arguments: Any, at: str | None = None) -> Any:
        pinned = {"workers": [at], "allow_other_workers": True} if at else {}
        return self._client.submit(function, *arguments, pure=False, **pinned)

    def _addresses(self) -> list[str]:
        self._client.wait_for_workers(1, timeout=60)
        return sorted(self._client.scheduler_info(n_workers=-1)["workers"])

    def _host(self) -> str:
        """Address of this process as the workers see it."""
        return urlsplit(get_worker().address).hostname or "" if _inside_worker() else _own_host(self.address)


def _inside_worker() -> bool:
    try:
        get_worker()
    except ValueError:
        return False
    return True


def _own_host(scheduler: str) -> str:
    import socket

    target = urlsplit(scheduler)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:  # connects nothing, finds the route
        probe.connect((target.hostname, target.port))
        return str(probe.getsockname()[0])


def _map_span(span: Span, blocks: list[Any], kernel: Kernel, *state: Any) -> list[Any]:
    return [kernel(*block, *state) for block in blocks]


def _reduce_span(span: Span, blocks: list[Any], kernel: Kernel, merge: Merge, *state: Any) -> list[Any]:
    return reduce_span(kernel, merge, blocks, span.start, *state)


def _join_span(
    span: Span,
    blocks: list[Any],
    function: Callable[..., Any],
    arguments: dict[str, Any],
    spans: tuple[Span, ...],
    *state: Any,
) -> Any:
    return join(
        arguments, spans.index(span), len(spans), lambda communicator: function(blocks, communicator, *state)
    )
