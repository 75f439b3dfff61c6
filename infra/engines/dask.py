"""The engine `dask`: worker processes of an embedded or an existing Dask cluster."""

import logging
import os
import socket
import time
from collections import deque
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from concurrent.futures import CancelledError
from contextlib import ExitStack, nullcontext, suppress
from itertools import pairwise
from operator import getitem
from typing import Any, TypeVar
from urllib.parse import urlsplit

import dask
from distributed import Client, LocalCluster, Lock, as_completed, get_worker, wait, worker_client
from distributed.client import ClosedClientError, FutureCancelledError
from distributed.comm import resolve_address
from distributed.comm.core import CommClosedError
from distributed.protocol import pickle
from distributed.scheduler import KilledWorker
from distributed.utils import get_mp_context
from tornado.ioloop import PeriodicCallback

from infra.engines.base import Blocks, Engine, Kernel, Merge
from infra.engines.blocks import BlockSource, Span, cut_span, finish, joined, reduce_span, resident
from infra.engines.collective import Meeting, PeerLostError, join, rendezvous
from infra.engines.pace import Pace
from infra.engines.preloading import PRELOADED
from infra.errors import EngineError

WORKER_LOST = (KilledWorker, FutureCancelledError, CancelledError, CommClosedError)
TRIES = 3
ROUND_TRIES = 5  # a round may be a whole fit; and workers that restart can take turns to disturb it
IN_FLIGHT = 4  # tasks a thread: enough to keep it busy, few enough to stop soon
TASK_S = 0.2  # that the items of one task may take together: a task costs a few milliseconds
SETTLE_S = 5.0  # until the scheduler has noticed that a worker is gone, and members that their group is
CONNECT_TIMEOUT_S = 20
KEEP_UP_S = 5
WATCH_S = 1.0
WORKERS_TIMEOUT_S = 60
EMBEDDED = {
    # a worker that died on this machine is not going to answer half a minute later
    "distributed.comm.timeouts.connect": "10s",
    # workers are forked from a process that has imported the libraries: up in no time, and so is one that died
    "distributed.worker.multiprocessing-method": "forkserver",
    # Dask looks at every worker's stack a hundred times a second, and at its own loops fifty times: a twentieth of
    # the time of a fit. Studies profile with cProfile, and only when asked.
    "distributed.worker.profile.enabled": False,
    "distributed.admin.tick.interval": "1s",
    # without Dask's MALLOC_TRIM_THRESHOLD_: it has memory given back to the system at every release, which nearly
    # halves the speed of a network's training
    "distributed.nanny.pre-spawn-environ": dict.fromkeys(
        ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"), 1
    ),
}

T = TypeVar("T")


class DaskEngine(Engine):
    """Worker processes of a Dask cluster: embedded, or attached to by its scheduler's address.

    Inside a task that itself runs on the cluster, the task gives its slot back while it coordinates.
    """

    name = "dask"

    def __init__(self, workers: int, address: str | None = None, preload: Sequence[str] = ()) -> None:
        self._stack = ExitStack()
        # on this machine nothing stands between this process and the workers; elsewhere Dask decides
        self._direct = True if address is None else None
        try:
            self.address, self._client = self._connect(workers, address, preload)
            self.workers = len(self._addresses()) if address else workers
            self._group = Lock("trilla-group", scheduler_rpc=self._client.scheduler, loop=self._client.loop)
            self._stack.callback(self._client.loop.add_callback, self._group.refresh_callback.stop)
        except BaseException:
            self._stack.close()
            raise

    def _connect(self, workers: int, address: str | None, preload: Sequence[str]) -> tuple[str, Client]:
        if address is not None and _inside_worker_of(address):
            client = self._stack.enter_context(worker_client(separate_thread=True))
            return address, client
        if address is None:
            self._stack.enter_context(dask.config.set(EMBEDDED))
            get_mp_context().set_forkserver_preload([*PRELOADED, *preload])
            cluster = LocalCluster(
                n_workers=workers,
                threads_per_worker=1,
                host="127.0.0.1",
                dashboard_address="127.0.0.1:0",
                memory_limit="auto",
                env=dict(os.environ),  # the server that forks workers keeps that of its own start
                silence_logs=logging.CRITICAL,  # what fails is raised here; heartbeats lost at the end are noise
            )
            self._stack.callback(cluster.close)
            self._keep_up(cluster, workers)
            address = cluster.scheduler_address
        try:
            client = Client(address, set_as_default=False, timeout=CONNECT_TIMEOUT_S)
        except (OSError, TimeoutError, ValueError) as error:
            raise EngineError(f"no Dask scheduler answers at {address}: {error}") from None
        self._stack.callback(client.close)
        return address, client

    def _keep_up(self, cluster: LocalCluster, workers: int) -> None:
        # a worker killed while it starts, or slow to start again, is one that the cluster gives up for good:
        # asked for so many workers again, it starts what is missing
        keeper = PeriodicCallback(lambda: cluster.scale(workers), KEEP_UP_S * 1000)
        cluster.loop.add_callback(keeper.start)
        self._stack.callback(cluster.loop.add_callback, keeper.stop)

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
        found = self._client.run(_host_and_pid, on_error="ignore")
        here = socket.gethostname()
        local = [pid for _, (host, pid) in sorted(found.items()) if host == here]
        return {f"dask-{i}": pid for i, pid in enumerate(local)}

    def partition(self, source: BlockSource) -> Blocks:
        spans = self._spans(source.n_blocks)

        def residents(direct: bool | None = None) -> list[Any]:
            return self._persistently(lambda: self._residents(source, spans, direct))

        # sent anew through the scheduler, which knows who is still there
        return Blocks(spans, residents(self._direct), residents)

    def _residents(self, source: BlockSource, spans: tuple[Span, ...], direct: bool | None) -> list[Any]:
        addresses = self._addresses()
        residents = []
        for i, span in enumerate(spans):
            # pinned, but not for ever: should this worker go, another takes the span over
            address = addresses[i % len(addresses)]
            # in a list, because scatter() takes a collection apart
            [detached] = self._client.scatter(
                [source.detached(span)], workers=[address], direct=direct, hash=False
            )
            residents.append(self._submit(resident, detached, span, at=address))
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
                self._submit(_cut_span, span, data, kernel, targets, *state)
                for span, data in zip(blocks.spans, blocks.residents, strict=True)
            ]
            addresses = self._addresses()
            # a task for each pair of spans, so that no worker receives what is meant for another
            return [
                self._submit(
                    _joined,
                    *(self._submit(getitem, cut, i) for cut in cuts),
                    at=addresses[i % len(addresses)],
                )
                for i in range(len(targets))
            ]

        def again() -> list[Any]:
            assert blocks.again is not None  # noqa: S101 (for the type checker)
            blocks.residents[:] = blocks.again()
            return self._persistently(residents)

        return Blocks(targets, self._persistently(residents), again)

    def _round(self, task: Callable[..., Any], blocks: Blocks, *arguments: Any) -> list[Any]:
        """One task for each span; when a worker is lost with its span, the data is sent again."""
        for tries_left in reversed(range(ROUND_TRIES)):
            futures = [
                self._submit(task, span, data, *arguments)
                for span, data in zip(blocks.spans, blocks.residents, strict=True)
            ]
            try:
                return list(self._client.gather(futures, direct=self._direct))
            except WORKER_LOST as error:
                self._restore(blocks, error, tries_left)
        raise AssertionError("unreachable")

    def _restore(self, blocks: Blocks, error: BaseException, tries_left: int) -> None:
        self._check_scheduler(error)
        if not tries_left:
            raise EngineError(f"Dask lost its workers {ROUND_TRIES} times in one round: {error}") from error
        assert blocks.again is not None  # noqa: S101 (for the type checker)
        blocks.residents[:] = blocks.again()

    def run_group(self, function: Callable[..., Any], blocks: Blocks, *state: Any) -> list[Any]:
        # as bytes: the scheduler would unpickle it too, and import what only workers need
        work = pickle.dumps((function, state))
        for tries_left in reversed(range(ROUND_TRIES)):
            # two groups at once could each hold workers that the other waits for
            with self._group if len(blocks.spans) > 1 else nullcontext():
                places = self._places(blocks)
                futures: list[Any] = []
                try:
                    with rendezvous(len(blocks.spans), self._host()) as meeting:
                        futures = [
                            # each on a worker of its own: two on one would wait for each other
                            self._submit(_join_span, span, data, work, meeting, blocks.spans, on=place)
                            for span, data, place in zip(blocks.spans, blocks.residents, places, strict=True)
                        ]
                        self._watch(futures, places)
                        return list(self._client.gather(futures, direct=self._direct))
                except Exception as error:
                    cause = self._cause(futures, error)
                    lost = isinstance(cause, WORKER_LOST) or (
                        isinstance(cause, PeerLostError) and self._gone(places)
                    )
                    self._client.cancel(futures, force=True)
                    if not lost:
                        raise cause from None
            self._restore(blocks, cause, tries_left)
        raise AssertionError("unreachable")

    def _watch(self, futures: list[Any], places: list[str]) -> None:
        """Wait for a group; should a worker go before its group has met, its peers would wait for it in vain."""
        with self._client.as_current():
            while True:
                try:
                    wait(futures, timeout=WATCH_S)
                except TimeoutError:
                    if any(future.status == "error" for future in futures):
                        return  # the others end by themselves
                    if not set(places) <= set(self._addresses()):
                        raise CommClosedError("a worker of the group is gone") from None
                else:
                    return

    def _places(self, blocks: Blocks) -> list[str]:
        """A worker of its own for each span, the one that holds it where that can be."""
        with self._client.as_current():
            wait(blocks.residents)
        holders = self._client.who_has(blocks.residents)
        free = self._addresses(len(blocks.spans))
        places = []
        for data in blocks.residents:
            place = next((address for address in free if address in holders.get(data.key, ())), free[0])
            free.remove(place)
            places.append(place)
        return places

    def _cause(self, futures: list[Any], error: Exception) -> Exception:
        """What broke a group: a member's own exception rather than its peers' lost connections."""
        with self._client.as_current(), suppress(TimeoutError, CancelledError):
            wait(futures, timeout=SETTLE_S)  # the member of a lost worker never ends
        raised = [future.exception() for future in futures if future.status == "error"]
        return next((e for e in raised if not isinstance(e, PeerLostError)), error)

    def _gone(self, places: list[str]) -> bool:
        """Whether a worker is lost, which its peers may notice before the scheduler does."""
        until = time.monotonic() + SETTLE_S
        while set(places) <= set(self._addresses()):
            if time.monotonic() > until:
                return False
            time.sleep(0.2)
        return True

    def run(
        self, function: Callable[..., Any], items: Sequence[Any], shared: Any = None
    ) -> Generator[tuple[int, Any]]:
        lost: list[int] = []
        yield from self._side_by_side(function, items, shared, lost)
        # a worker that dies takes the items beside the guilty one with it: alone, each answers for itself
        for i in lost:
            yield i, self._alone(function, items[i], shared)

    def _side_by_side(
        self, function: Callable[..., Any], items: Sequence[Any], shared: Any, lost: list[int]
    ) -> Iterator[tuple[int, Any]]:
        waiting = deque(range(len(items)))
        handle = self._share(shared)
        running: dict[Any, list[int]] = {}
        done = as_completed(loop=self._client.loop)
        pace = Pace(self.workers, TASK_S)
        try:
            while waiting or running:
                while waiting and len(running) < IN_FLIGHT * self.workers:
                    numbers = [waiting.popleft() for _ in range(pace.share(len(waiting)))]
                    future = self._submit(_each, function, [items[i] for i in numbers], handle)
                    running[future] = numbers
                    done.add(future)
                future = next(done)
                numbers = running.pop(future)
                try:
                    results, seconds = future.result()
                except WORKER_LOST as error:
                    self._check_scheduler(error)
                    lost += numbers
                    if handle is not None and handle.status != "finished":
                        handle = self._share(shared)  # it was lost with its last holder
                else:
                    pace.add(seconds)
                    yield from zip(numbers, results, strict=True)
        finally:
            self._client.cancel(list(running), force=True)

    def _alone(self, function: Callable[..., Any], item: Any, shared: Any) -> Any:
        for tries in range(1, TRIES + 1):
            try:
                return self._submit(function, item, self._share(shared)).result()
            except WORKER_LOST as error:
                self._check_scheduler(error)
                # the scheduler has then tried it on several workers by itself
                if tries == TRIES or isinstance(error, KilledWorker):
                    return EngineError(
                        f"its worker died (a crash, or no memory left) each time it ran: {error}"
                    )
        raise AssertionError("unreachable")

    def _share(self, shared: Any) -> Any:
        if shared is None:
            return None
        return self._persistently(lambda: self._broadcast(shared))

    def _broadcast(self, shared: Any) -> Any:
        self._addresses()  # waits for at least one worker
        return self._client.scatter([shared], broadcast=True, hash=False)[0]

    def _submit(
        self, function: Callable[..., Any], *arguments: Any, at: str | None = None, on: str | None = None
    ) -> Any:
        """Submit a task: anywhere, preferably `at` a worker, or `on` it and no other."""
        pinned = {"workers": [at or on], "allow_other_workers": at is not None} if at or on else {}
        try:
            return self._client.submit(function, *arguments, pure=False, **pinned)
        except ClosedClientError as error:
            raise self._unreachable(error) from error

    def _persistently(self, call: Callable[[], T]) -> T:
        """Result of an exchange with all workers, tried again if one of them goes in the middle of it."""
        for tries_left in reversed(range(TRIES)):
            try:
                return call()
            except (KeyError, OSError, *WORKER_LOST) as error:
                self._check_scheduler(error)
                if not tries_left:
                    raise self._unreachable(error) from error
                time.sleep(0.5)
        raise AssertionError("unreachable")

    def _addresses(self, least: int = 1) -> list[str]:
        try:
            self._client.wait_for_workers(least, timeout=WORKERS_TIMEOUT_S)
            # asked of the scheduler itself: what the client remembers is refreshed without the workers
            identity = self._client.sync(self._client.scheduler.identity, n_workers=-1)
            return sorted(identity["workers"])
        except (OSError, ClosedClientError) as error:
            raise EngineError(f"fewer than {least} Dask workers at {self.address}: {error}") from error

    def _check_scheduler(self, error: BaseException) -> None:
        """Raise if `error` means that not a worker is lost but the scheduler."""
        if getattr(error, "reason", None) == "scheduler-connection-lost" or self._client.status != "running":
            raise self._unreachable(error) from error

    def _unreachable(self, error: BaseException) -> EngineError:
        return EngineError(f"the Dask scheduler at {self.address} or its workers cannot be reached: {error}")

    def _host(self) -> str:
        """Address of this process as the workers see it."""
        if _inside_worker_of(self.address):
            return urlsplit(get_worker().address).hostname or ""
        return _own_host(self.address)


def _inside_worker_of(scheduler: str) -> bool:
    try:
        worker = get_worker()
    except ValueError:
        return False
    return bool(resolve_address(worker.scheduler.address) == resolve_address(scheduler))


def _own_host(scheduler: str) -> str:
    target = urlsplit(scheduler)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:  # connects nothing, finds the route
        probe.connect((target.hostname, target.port))
        return str(probe.getsockname()[0])


def _host_and_pid() -> tuple[str, int]:
    return socket.gethostname(), os.getpid()


def _each(function: Callable[..., Any], items: list[Any], shared: Any) -> tuple[list[Any], list[float]]:
    """Results of some items, and the seconds that each took."""
    results, times = [], [time.perf_counter()]
    for item in items:
        results.append(function(item, shared))
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


def _join_span(
    span: Span,
    blocks: list[Any],
    work: bytes,
    meeting: Meeting | None,
    spans: tuple[Span, ...],
) -> Any:
    function, state = pickle.loads(work)
    return join(
        meeting, spans.index(span), len(spans), lambda communicator: function(blocks, communicator, *state)
    )
