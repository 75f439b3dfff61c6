"""The engine `dask`: worker processes of an embedded or an existing Dask cluster."""

import logging
import os
import socket
import time
from collections import deque
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from itertools import pairwise
from operator import getitem
from typing import Any

from distributed import Client, as_completed
from distributed.protocol import pickle
from distributed.scheduler import KilledWorker
from distributed.system import MEMORY_LIMIT

from infra.engines.base import Blocks, Engine, Kernel, Merge
from infra.engines.batching import AutoBatching
from infra.engines.blocks import BlockSource, Span, cut_span, joined
from infra.engines.dask_cluster import WORKER_LOST, DaskCluster
from infra.engines.dask_group import run_together
from infra.engines.dask_memory import MEMORY_TRIES, workers_of
from infra.engines.streaming import resident
from infra.engines.tree import finish, reduce_span
from infra.errors import EngineError
from infra.retrying import retry

ITEM_TRIES = 3  # tries of an item that runs alone
ROUND_TRIES = 5  # tries of a round, which may be a whole fit and may lose several workers one after the other
IN_FLIGHT = 4  # number of submitted tasks for each thread: enough to keep it busy, few enough to stop soon
BATCH_S = 0.2  # seconds that the items of one task may take together; a task itself costs a few milliseconds

log = logging.getLogger(__name__)


class DaskEngine(Engine):
    """Worker processes of a Dask cluster: embedded, or attached to by its scheduler's address.

    A task that itself runs on the cluster, and uses this engine, gives its slot back while it waits for the engine.

    Parameters
    ----------
    workers : int
        Number of worker processes of an embedded cluster, with one thread each. An existing cluster keeps its own.
    address : str, optional
        Address of the scheduler of an existing cluster, for example `tcp://host:8786`.
    preload : sequence of str, optional
        Names of modules that the workers of an embedded cluster import when they start.
    memory_limit : int, optional
        Bytes of memory that each worker of an embedded cluster may use; default: an equal share of the machine's
        memory. Dask ends a worker that comes close to its limit.

    Raises
    ------
    EngineError
        If no scheduler answers, or the existing cluster has no worker.
    """

    name = "dask"

    def __init__(
        self,
        workers: int,
        address: str | None = None,
        preload: Sequence[str] = (),
        memory_limit: int | None = None,
    ) -> None:
        self._embedded = address is None
        self.memory_limit = memory_limit or (MEMORY_LIMIT // workers if self._embedded else None)
        self._cluster = DaskCluster(workers, address, preload, self.memory_limit)
        try:
            self.workers = len(self._cluster.addresses()) if address else workers
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        self._cluster.close()

    @property
    def address(self) -> str:
        """Address of the cluster's scheduler."""
        return self._cluster.address

    @property
    def dashboard(self) -> str | None:
        return str(self.client.dashboard_link)

    @property
    def client(self) -> Client:
        """The Dask client, for libraries that speak to Dask themselves."""
        return self._cluster.client

    @property
    def worker_memory(self) -> int | None:
        if self._embedded:  # known even while all workers are being started anew
            return super().worker_memory
        self._cluster.addresses()  # waits for a worker
        limits = [worker["memory_limit"] for worker in workers_of(self.client).values()]
        return min(filter(None, limits), default=None)

    def worker_pids(self) -> Mapping[str, int]:
        found = self.client.run(_host_and_pid, on_error="ignore")
        here = socket.gethostname()
        local = [pid for _, (host, pid) in sorted(found.items()) if host == here]
        return {f"dask-{i}": pid for i, pid in enumerate(local)}

    def partition(self, source: BlockSource, most: int | None = None) -> Blocks:
        spans = self._spans(source.n_blocks, most)

        def residents(direct: bool | None = None) -> list[Any]:
            return self._cluster.persistently(lambda: self._residents(source, spans, direct))

        # the data is sent again through the scheduler, which knows which workers are still there
        return Blocks(spans, residents(self._cluster.direct), residents)

    def _residents(self, source: BlockSource, spans: tuple[Span, ...], direct: bool | None) -> list[Any]:
        addresses = self._cluster.addresses()
        residents = []
        for i, span in enumerate(spans):
            # a preference, not a demand: if this worker is lost, another worker takes the span over
            address = addresses[i % len(addresses)]
            detached = self._cluster.scatter(source.detached(span), workers=[address], direct=direct)
            residents.append(self._cluster.submit(resident, detached, span, at=address))
        return residents

    def map(self, kernel: Kernel, blocks: Blocks, *state: Any) -> list[Any]:
        parts = self._round(_map_span, blocks, kernel, *state)
        return [result for part in parts for result in part]

    def reduce(self, kernel: Kernel, merge: Merge, blocks: Blocks, *state: Any) -> Any:
        parts = self._round(_reduce_span, blocks, kernel, merge, *state)
        return finish((node for part in parts for node in part), merge)

    def shuffle(self, kernel: Kernel, blocks: Blocks, count: int, *state: Any) -> Blocks:
        targets = self._spans(count)

        def residents() -> list[Any]:
            cuts = [
                self._cluster.submit(_cut_span, span, data, kernel, targets, *state)
                for span, data in zip(blocks.spans, blocks.residents, strict=True)
            ]
            addresses = self._cluster.addresses()
            # a task for each pair of spans, so that no worker receives what is meant for another
            return [
                self._cluster.submit(
                    _joined,
                    *(self._cluster.submit(getitem, cut, i) for cut in cuts),
                    at=addresses[i % len(addresses)],
                )
                for i in range(len(targets))
            ]

        def reload() -> list[Any]:
            _restore(blocks)
            return self._cluster.persistently(residents)

        return Blocks(targets, self._cluster.persistently(residents), reload)

    def _round(self, task: Callable[..., Any], blocks: Blocks, *arguments: Any) -> list[Any]:
        """Run one task for each span; when a worker is lost with its span, the data is sent again."""

        def attempt() -> list[Any]:
            futures = [
                self._cluster.submit(task, span, data, *arguments)
                for span, data in zip(blocks.spans, blocks.residents, strict=True)
            ]
            return list(self.client.gather(futures, direct=self._cluster.direct))

        return self._retried(attempt, blocks)

    def _retried(self, attempt: Callable[[], list[Any]], blocks: Blocks) -> list[Any]:
        """Return the results of a round, which is tried again with restored blocks when it lost a worker."""
        killed = 0  # tries that had a worker killed for memory

        def failed(error: BaseException, tries_left: int) -> None:
            nonlocal killed
            self._cluster.check_scheduler(error)
            if kills := self._cluster.memory_kills.new():
                killed += 1
                if killed == MEMORY_TRIES:
                    raise EngineError(f"given up after {killed} tries: {kills[-1]}") from error
                log.warning("tried once more: %s", kills[-1])
            if not tries_left:
                raise EngineError(
                    f"Dask lost its workers {ROUND_TRIES} times in one round: {error}"
                ) from error
            _restore(blocks)

        return retry(attempt, tries=ROUND_TRIES, on=WORKER_LOST, failed=failed)

    def run_group(self, function: Callable[..., Any], blocks: Blocks, *state: Any) -> list[Any]:
        # as bytes, because the scheduler would unpickle the function too, and import modules that only workers need
        work = pickle.dumps((function, state))

        def attempt() -> list[Any]:
            # two groups at once could each hold workers that the other waits for
            with self._cluster.group_lock if len(blocks.spans) > 1 else nullcontext():
                return run_together(self._cluster, work, blocks)

        return self._retried(attempt, blocks)

    def run(
        self, function: Callable[..., Any], items: Sequence[Any], shared: Any = None
    ) -> Generator[tuple[int, Any]]:
        lost: list[int] = []
        yield from self._side_by_side(function, items, shared, lost)
        # one item that kills its worker loses the worker's other items too, so each lost item runs again alone
        for i in lost:
            yield i, self._alone(function, items[i], shared)

    def _side_by_side(
        self, function: Callable[..., Any], items: Sequence[Any], shared: Any, lost: list[int]
    ) -> Iterator[tuple[int, Any]]:
        waiting = deque(range(len(items)))
        handle = self._share(shared)
        running: dict[Any, list[int]] = {}
        done = as_completed(loop=self.client.loop)
        batching = AutoBatching(self.workers, BATCH_S)
        try:
            while waiting or running:
                while waiting and len(running) < IN_FLIGHT * self.workers:
                    numbers = [waiting.popleft() for _ in range(batching.size(len(waiting)))]
                    future = self._cluster.submit(_each, function, [items[i] for i in numbers], handle)
                    running[future] = numbers
                    done.add(future)
                future = next(done)
                numbers = running.pop(future)
                try:
                    results, seconds = future.result()
                except WORKER_LOST as error:
                    self._cluster.check_scheduler(error)
                    self._warn_of_memory()
                    lost += numbers
                    if handle is not None and handle.status != "finished":
                        handle = self._share(
                            shared
                        )  # the shared value was lost with the last worker that held it
                else:
                    batching.observe(seconds)
                    yield from zip(numbers, results, strict=True)
        finally:
            self.client.cancel(list(running), force=True)

    def _warn_of_memory(self) -> None:
        for kill in self._cluster.memory_kills.new():
            log.warning("its items will be tried once more: %s", kill)

    def _alone(self, function: Callable[..., Any], item: Any, shared: Any) -> Any:
        """Return the result of one item, or the error that says why the item is given up."""

        def failed(error: BaseException, tries_left: int) -> None:
            self._cluster.check_scheduler(error)
            if kills := self._cluster.memory_kills.new():
                raise _GivenUpError(f"given up after {MEMORY_TRIES} tries: {kills[-1]}") from error
            # a killed task has been tried on several workers by the scheduler itself
            if not tries_left or isinstance(error, KilledWorker):
                raise _GivenUpError(
                    f"its worker died (a crash, or no memory left) each time it ran: {error}"
                ) from error

        try:
            return retry(
                lambda: self._cluster.submit(_only, function, item, self._share(shared)).result(),
                tries=ITEM_TRIES,
                on=WORKER_LOST,
                failed=failed,
            )
        except _GivenUpError as error:
            return EngineError(str(error))

    def _share(self, shared: Any) -> Any:
        if shared is None:
            return None
        return self._cluster.persistently(lambda: self._broadcast(_Shared(shared)))

    def _broadcast(self, shared: "_Shared") -> Any:
        self._cluster.addresses()  # waits for at least one worker
        return self._cluster.scatter(shared, broadcast=True)


@dataclass(frozen=True)
class _Shared:
    """A value that all items of a run share; inside this object Dask does not measure each column of a wide table."""

    value: Any


class _GivenUpError(EngineError):
    """An item whose worker died too often."""


def _restore(blocks: Blocks) -> None:
    """Send the data of blocks to the workers again."""
    assert blocks.reload is not None  # noqa: S101 (for the type checker)
    blocks.residents[:] = blocks.reload()


def _host_and_pid() -> tuple[str, int]:
    return socket.gethostname(), os.getpid()


def _only(function: Callable[..., Any], item: Any, shared: _Shared | None) -> Any:
    return function(item, shared.value if shared else None)


def _each(
    function: Callable[..., Any], items: list[Any], shared: _Shared | None
) -> tuple[list[Any], list[float]]:
    """Return the results of some items, and the seconds that each item took."""
    results, times, value = [], [time.perf_counter()], shared.value if shared else None
    for item in items:
        results.append(function(item, value))
        times.append(time.perf_counter())
    return results, [end - start for start, end in pairwise(times)]


def _map_span(span: Span, blocks: list[Any], kernel: Kernel, *state: Any) -> list[Any]:
    return [kernel(*block, *state) for block in blocks]


def _reduce_span(span: Span, blocks: list[Any], kernel: Kernel, merge: Merge, *state: Any) -> list[Any]:
    return reduce_span(kernel, merge, blocks, span.start, *state)


def _cut_span(
    span: Span, blocks: list[Any], kernel: Kernel, targets: tuple[Span, ...], *state: Any
) -> list[Any]:
    return cut_span(kernel, blocks, span.start, targets, *state)


def _joined(*pieces: list[Any]) -> list[Any]:
    return joined(part for piece in pieces for part in piece)
