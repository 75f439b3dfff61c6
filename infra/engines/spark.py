"""The engine `spark`: an embedded local session or an existing Spark cluster."""

import pickle
import queue
import threading
import time
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Literal
from uuid import uuid4

import psutil
from py4j.protocol import Py4JError
from pyspark import TaskContext
from pyspark.accumulators import AccumulatorParam

from infra.engines import jvm
from infra.engines.base import Blocks, Engine, Kernel, Merge
from infra.engines.blocks import (
    BlockSource,
    Span,
    cut_span,
    finish,
    joined,
    reduce_span,
    resident,
)
from infra.engines.collective import Meeting, PeerLostError, join, rendezvous
from infra.engines.pace import Pace
from infra.errors import EngineError

TRIES = 3
FIRST_TASKS = 2  # a worker: items that have a task each and show how long one takes
TASK_S = 1.0  # that the items of one task may take together: a task costs some 50 ms


class SparkEngine(Engine):
    """One Spark session of this process: embedded as `local[workers]`, or attached to a master.

    An embedded session ends with the engine, its Java process included.
    """

    name = "spark"

    def __init__(self, workers: int, master: str | None = None, preload: Sequence[str] = ()) -> None:
        # a second number, so that a failed task is tried again; plain local[k] gives up at once
        self.session = jvm.start(master or f"local[{workers},4]", workers, preload)
        self._context = self.session.sparkContext
        self._java = jvm.process()
        self._open = True
        self.workers = max(1, self._context.defaultParallelism) if master else workers

    def close(self) -> None:
        if self._open:
            self._open = False
            jvm.stop(self.session)

    @property
    def dashboard(self) -> str | None:
        address = self._context.uiWebUrl
        return None if address is None else str(address)

    def worker_pids(self) -> Mapping[str, int]:
        if self._java is None or not self._alive():
            return {}
        pids = {"spark-jvm": self._java.pid}
        with suppress(psutil.NoSuchProcess):
            children = self._java.children(recursive=True)
            pids |= {
                f"spark-python-{i}": child.pid
                for i, child in enumerate(sorted(children, key=lambda p: p.pid))
            }
        return pids

    def partition(self, source: BlockSource) -> Blocks:
        spans = self._spans(source.n_blocks)
        parts = [(span, source.detached(span)) for span in spans]
        try:
            return Blocks(spans, self._context.parallelize(parts, len(parts)).cache())
        except Exception as error:
            raise self._explained(error) from error

    def map(self, kernel: Kernel, blocks: Blocks, *state: Any) -> list[Any]:
        def one(span: Span, data: Any) -> list[Any]:
            return [kernel(*block, *state) for block in resident(data, span)]

        return [result for part in self._job(blocks, one) for result in part]

    def reduce(self, kernel: Kernel, merge: Merge, blocks: Blocks, *state: Any) -> Any:
        def one(span: Span, data: Any) -> list[Any]:
            return reduce_span(kernel, merge, resident(data, span), span.start, *state)

        return finish((node for part in self._job(blocks, one) for node in part), merge)

    def shuffle(self, kernel: Kernel, blocks: Blocks, count: int, *state: Any) -> Blocks:
        targets = self._spans(count)

        def cut(pairs: Iterator[tuple[Span, Any]]) -> Iterator[tuple[int, Any]]:
            for span, data in pairs:
                pieces = cut_span(kernel, resident(data, span), span.start, targets, *state)
                yield from ((i, (span.start, piece)) for i, piece in enumerate(pieces))

        def join_pieces(pairs: Iterator[tuple[int, Any]]) -> Iterator[tuple[Span, Any]]:
            received = sorted(pairs, key=lambda pair: pair[1][0])
            if received:
                yield targets[received[0][0]], joined(part for _, (_, piece) in received for part in piece)

        pieces = blocks.residents.mapPartitions(cut).partitionBy(len(targets), int)
        return Blocks(targets, pieces.mapPartitions(join_pieces, preservesPartitioning=True).cache())

    def run_group(self, function: Callable[..., Any], blocks: Blocks, *state: Any) -> list[Any]:
        size = len(blocks.spans)
        for tries_left in reversed(range(TRIES)):
            with rendezvous(size, self._context.getConf().get("spark.driver.host", "127.0.0.1")) as meeting:
                try:
                    results = self._job(blocks, _member(function, meeting, blocks.spans, state))
                except EngineError:
                    # a group that lost a member cannot go on: its job is run again as a whole
                    if not tries_left or not self._alive():
                        raise
                    continue
            failures = [result for result in results if isinstance(result, _Failure)]
            if failures:
                # a member's own exception rather than its peers' lost connections
                first = next((failure for failure in failures if not failure.of_group), failures[0])
                raise EngineError(f"Spark's job failed: {first.cause}")
            return [pickle.loads(result) for result in results]  # noqa: S301 (our own workers' bytes)
        raise AssertionError("unreachable")

    def run(
        self, function: Callable[..., Any], items: Sequence[Any], shared: Any = None
    ) -> Generator[tuple[int, Any]]:
        if not items:
            return
        try:
            broadcast = self._context.broadcast(shared)
        except Exception as error:
            raise self._explained(error) from error
        try:
            suspects: list[int] = []
            pace = Pace(self.workers, TASK_S)
            # the first items, a few a worker, have a task each and tell how long one takes
            first = min(len(items), FIRST_TASKS * self.workers)
            for pending in filter(None, (list(range(first)), list(range(first, len(items))))):
                tasks = -(-len(pending) // pace.share(len(pending)))
                for arrival in self._arrivals(function, items, pending, broadcast, tasks):
                    pace.add([arrival.seconds])
                    if arrival.kind == "suspect":
                        suspects.append(arrival.item)
                    else:
                        yield arrival.item, self._result(arrival)
            # a worker that dies takes the items beside the guilty one with it: alone, each answers for itself
            if suspects:
                for arrival in self._arrivals(
                    function, items, suspects, broadcast, len(suspects), alone=True
                ):
                    yield arrival.item, self._result(arrival)
        finally:
            with suppress(Py4JError, *jvm.LOST):
                broadcast.unpersist()

    def _result(self, arrival: "_Arrival") -> Any:
        if arrival.kind == "raised":
            raise EngineError(f"Spark's job failed: {arrival.value}")
        if arrival.kind == "lost":
            return EngineError("its worker died (a crash, or no memory left) each time it ran")
        return pickle.loads(arrival.value)  # noqa: S301 (our own workers' bytes)

    def _arrivals(
        self,
        function: Callable[..., Any],
        items: Sequence[Any],
        pending: list[int],
        broadcast: Any,
        tasks: int,
        alone: bool = False,
    ) -> "Iterator[_Arrival]":
        results: queue.SimpleQueue[Any] = queue.SimpleQueue()
        group = f"trilla-{uuid4().hex}"
        try:
            arrived = self._context.accumulator(None, _Arrivals(results))
        except Exception as error:
            raise self._explained(error) from error
        # Spark hands over what a task accumulated as soon as the task ends
        part = _part(function, broadcast, arrived, alone)

        def job() -> None:
            try:
                self._context.setJobGroup(group, "trilla: independent work", interruptOnCancel=True)
                pairs = [(i, items[i]) for i in pending]
                self._context.parallelize(pairs, tasks).foreachPartition(part)
            except BaseException as error:
                results.put(error)
            else:
                results.put(None)

        thread = threading.Thread(target=job, name="trilla-spark-job", daemon=True)
        thread.start()
        try:
            yield from self._until_done(results, len(pending))
        finally:
            if thread.is_alive():
                with suppress(Py4JError, *jvm.LOST):
                    self._context.cancelJobGroup(group)
            thread.join()

    def _until_done(self, results: "queue.SimpleQueue[Any]", expected: int) -> "Iterator[_Arrival]":
        seen: set[int] = set()
        while len(seen) < expected:
            arrival = results.get()
            if isinstance(arrival, BaseException):
                raise self._explained(arrival) from arrival
            if arrival is None:
                raise EngineError(f"Spark ended its job with {len(seen)} of {expected} results")
            if arrival.item not in seen:
                seen.add(arrival.item)
                yield arrival

    def _job(self, blocks: Blocks, task: Callable[[Span, Any], Any]) -> list[Any]:
        def part(pairs: Iterator[tuple[Span, Any]]) -> Iterator[Any]:
            return (task(span, data) for span, data in pairs)

        try:
            return list(blocks.residents.mapPartitions(part).collect())
        except Exception as error:
            raise self._explained(error) from error

    def _explained(self, error: BaseException) -> EngineError:
        if not self._alive() or isinstance(error, jvm.LOST):
            return EngineError("Spark's Java process ended; run again: the next run starts a new one")
        java = getattr(error, "java_exception", None)
        lines = str(java if java is not None else error).strip().splitlines()
        cause = next(
            (x for x in reversed(lines) if "Error" in x or "Exception" in x), lines[0] if lines else ""
        )
        return EngineError(f"Spark's job failed: {cause.strip()}")

    def _alive(self) -> bool:
        try:
            return self._java is not None and self._java.status() != psutil.STATUS_ZOMBIE
        except psutil.NoSuchProcess:
            return False


@dataclass(frozen=True)
class _Arrival:
    """What became of one item of `run`."""

    item: int
    kind: Literal["done", "raised", "suspect", "lost"]
    value: Any = None
    """Pickled result, or the exception in words."""
    seconds: float = 0.0
    """Time that the item took."""


@dataclass(frozen=True)
class _Failure:
    """An exception in one member of a group."""

    cause: str
    of_group: bool


def _part(
    function: Callable[..., Any], broadcast: Any, arrived: Any, alone: bool
) -> Callable[[Iterator[tuple[int, Any]]], None]:
    """The task that runs some items; when its worker has died over them they become suspects."""

    def outcome(i: int, item: Any) -> _Arrival:
        start = time.perf_counter()
        try:
            result = pickle.dumps(function(item, broadcast.value))
        except Exception as error:
            return _Arrival(i, "raised", f"{type(error).__name__}: {error}", time.perf_counter() - start)
        return _Arrival(i, "done", result, time.perf_counter() - start)

    def each(part: Iterator[tuple[int, Any]]) -> None:
        context = TaskContext.get()
        failed = 0 if context is None else context.attemptNumber()
        for i, item in part:
            if failed and not alone:
                arrived.add(_Arrival(i, "suspect"))
            elif failed >= TRIES - 1:
                arrived.add(_Arrival(i, "lost"))
            else:
                arrived.add(outcome(i, item))

    return each


class _Arrivals(AccumulatorParam[Any]):
    """Carries each task's results to a queue on the driver when the task ends, once even if it is retried."""

    def __init__(self, results: "queue.SimpleQueue[Any] | None") -> None:
        self._results = results

    def zero(self, value: Any) -> Any:
        return []

    def addInPlace(self, value1: Any, value2: Any) -> Any:  # noqa: N802 (Spark's name)
        arrivals = [value2] if isinstance(value2, _Arrival) else value2
        if self._results is None:  # on a worker: collect until the task ends
            return [*(value1 or []), *arrivals]
        for arrival in arrivals:
            self._results.put(arrival)
        return None

    def __reduce__(self) -> Any:
        return (_Arrivals, (None,))


def _member(
    function: Callable[..., Any], meeting: Meeting | None, spans: tuple[Span, ...], state: tuple[Any, ...]
) -> Callable[[Span, Any], Any]:
    """The task of one member: its pickled result, or its exception, which a second try would only hide."""

    def one(span: Span, data: Any) -> bytes | _Failure:
        context = TaskContext.get()
        if context is not None and context.attemptNumber() > 0:
            raise RuntimeError("a member of the group was lost")
        try:
            arrays = resident(data, span)
            work = lambda communicator: function(arrays, communicator, *state)  # noqa: E731
            return pickle.dumps(join(meeting, spans.index(span), len(spans), work))
        except Exception as error:
            return _Failure(f"{type(error).__name__}: {error}", isinstance(error, PeerLostError))

    return one
