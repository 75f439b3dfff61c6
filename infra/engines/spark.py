"""The engine `spark`: an embedded local session or an existing Spark cluster."""

import pickle
import queue
import threading
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

import psutil
from py4j.protocol import Py4JError
from pyspark import TaskContext

from infra.arithmetic import ceil_div
from infra.engines import jvm
from infra.engines.base import Blocks, Engine, Kernel, Merge
from infra.engines.batching import AutoBatching
from infra.engines.blocks import BlockSource, Span, cut_span, joined
from infra.engines.collective import Meeting, PeerLostError, join, rendezvous
from infra.engines.spark_items import TRIES, ItemOutcome, OutcomeQueue, RetriedItem, task_of
from infra.engines.streaming import resident
from infra.engines.tree import finish, reduce_span
from infra.errors import EngineError, EngineLostError
from infra.retrying import retry

FIRST_TASKS = (
    2  # number of items for each worker that run in a task of their own to measure the time of an item
)
BATCH_S = 1.0  # seconds that the items of one task may take together; a task itself costs about 50 ms
REMEDIES = {
    "java.lang.OutOfMemoryError": "(Spark's Java process ran out of memory; use a larger spark.driver.memory or "
    "spark.executor.memory, fewer workers, or a smaller table)",
    "Python worker exited unexpectedly": "(a Python worker of Spark died: a crash, or no memory left)",
}
"""Explanations that are added to an error of Spark, by words that occur in the error."""


class SparkEngine(Engine):
    """One Spark session of this process: embedded as `local[workers]`, or attached to a master.

    An embedded session ends with the engine, its Java process included.

    Parameters
    ----------
    workers : int
        Number of task slots of an embedded session. An existing cluster keeps its own.
    master : str, optional
        Address of the master of an existing cluster, for example `spark://host:7077`.
    preload : sequence of str, optional
        Names of modules that the workers of an embedded session have imported when they start.
    memory_limit : int, optional
        Bytes of memory that each worker of an embedded session may use; default: an equal share of the machine's
        memory.

    Raises
    ------
    EngineError
        If this process has a session already, or Java or Spark does not start.
    """

    name = "spark"

    def __init__(
        self,
        workers: int,
        master: str | None = None,
        preload: Sequence[str] = (),
        memory_limit: int | None = None,
    ) -> None:
        self.memory_limit = memory_limit
        # the second number has Spark try a failed task again; plain local[k] gives up at once
        self.session = jvm.start(master or f"local[{workers},4]", workers, preload)
        self._context = self.session.sparkContext
        self._java = jvm.process()
        self._open = True
        self._embedded = master is None
        self.workers = workers if self._embedded else max(1, self._context.defaultParallelism)

    @property
    def worker_memory(self) -> int | None:
        return super().worker_memory if self._embedded else None

    def close(self) -> None:
        if self._open:
            self._open = False
            jvm.stop(self.session)

    @property
    def dashboard(self) -> str | None:
        address = self._context.uiWebUrl
        return None if address is None else str(address)

    def worker_pids(self) -> Mapping[str, int]:
        if self._java is None or not self.is_alive:
            return {}
        pids = {"spark-jvm": self._java.pid}
        with suppress(psutil.NoSuchProcess):
            children = self._java.children(recursive=True)
            pids |= {
                f"spark-python-{i}": child.pid
                for i, child in enumerate(sorted(children, key=lambda p: p.pid))
            }
        return pids

    def partition(self, source: BlockSource, most: int | None = None) -> Blocks:
        spans = self._spans(source.n_blocks, most)
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
        def failed(error: BaseException, tries_left: int) -> None:
            # a group that lost a member cannot continue, so the whole job runs again
            if not self.is_alive:
                raise error

        results = retry(
            lambda: self._together(function, blocks, state), tries=TRIES, on=EngineError, failed=failed
        )
        failures = [result for result in results if isinstance(result, _Failure)]
        if failures:
            # a member's own exception rather than its peers' lost connections
            first = next((failure for failure in failures if not failure.of_group), failures[0])
            raise EngineError(f"Spark's job failed: {first.cause}")
        return [pickle.loads(result) for result in results]  # noqa: S301 (our own workers' bytes)

    def _together(self, function: Callable[..., Any], blocks: Blocks, state: tuple[Any, ...]) -> list[Any]:
        """Run a group once; return the pickled result, or the failure, of each member."""
        host = self._context.getConf().get("spark.driver.host", jvm.LOOPBACK)
        with rendezvous(len(blocks.spans), host) as meeting:
            return self._job(blocks, _member(function, meeting, blocks.spans, state))

    def run(
        self, function: Callable[..., Any], items: Sequence[Any], shared: Any = None
    ) -> Generator[tuple[int, Any]]:
        if not items:
            return
        try:
            broadcast = self._context.broadcast(shared)
        except Exception as error:
            raise self._explained(error) from error
        suspects: list[int] = []
        try:
            for outcome in self._in_batches(function, items, broadcast):
                if isinstance(outcome, RetriedItem):
                    suspects.append(outcome.item)
                else:
                    yield outcome.item, outcome.result()
            # one item that kills its worker loses the worker's other items too, so each lost item runs again alone
            if suspects:
                for outcome in self._outcomes(
                    function, items, suspects, broadcast, len(suspects), alone=True
                ):
                    yield outcome.item, outcome.result()
        finally:
            with suppress(Py4JError, *jvm.LOST):
                broadcast.unpersist()

    def _in_batches(
        self, function: Callable[..., Any], items: Sequence[Any], broadcast: Any
    ) -> Iterator[ItemOutcome]:
        """Run all items in two jobs: in the first job each item has its own task, to measure the time of an item."""
        batching = AutoBatching(self.workers, BATCH_S)
        first = min(len(items), FIRST_TASKS * self.workers)
        for pending in filter(None, (list(range(first)), list(range(first, len(items))))):
            tasks = ceil_div(len(pending), batching.size(len(pending)))
            for outcome in self._outcomes(function, items, pending, broadcast, tasks):
                batching.observe([outcome.seconds])
                yield outcome

    def _outcomes(
        self,
        function: Callable[..., Any],
        items: Sequence[Any],
        pending: list[int],
        broadcast: Any,
        tasks: int,
        alone: bool = False,
    ) -> Iterator[ItemOutcome]:
        results: queue.SimpleQueue[Any] = queue.SimpleQueue()
        group = f"trilla-{uuid4().hex}"
        try:
            arrived = self._context.accumulator(None, OutcomeQueue(results))
        except Exception as error:
            raise self._explained(error) from error
        # Spark hands over what a task accumulated as soon as the task ends
        part = task_of(function, broadcast, arrived, alone)

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

    def _until_done(self, results: "queue.SimpleQueue[Any]", expected: int) -> Iterator[ItemOutcome]:
        seen: set[int] = set()
        while len(seen) < expected:
            outcome = results.get()
            if isinstance(outcome, BaseException):
                raise self._explained(outcome) from outcome
            if outcome is None:
                raise EngineError(f"Spark ended its job with {len(seen)} of {expected} results")
            if outcome.item not in seen:
                seen.add(outcome.item)
                yield outcome

    def _job(self, blocks: Blocks, task: Callable[[Span, Any], Any]) -> list[Any]:
        def part(pairs: Iterator[tuple[Span, Any]]) -> Iterator[Any]:
            return (task(span, data) for span, data in pairs)

        try:
            return list(blocks.residents.mapPartitions(part).collect())
        except Exception as error:
            raise self._explained(error) from error

    def _explained(self, error: BaseException) -> EngineError:
        if not self.is_alive or isinstance(error, jvm.LOST):
            return EngineLostError("Spark's Java process ended; a new connection starts a new one")
        java = getattr(error, "java_exception", None)
        return EngineError(f"Spark's job failed: {cause_of(str(error if java is None else java))}")

    @property
    def is_alive(self) -> bool:
        try:
            return self._java is not None and self._java.status() != psutil.STATUS_ZOMBIE
        except psutil.NoSuchProcess:
            return False


def cause_of(error: str) -> str:
    """Return the line of Spark's error that names the cause, and the remedy where it is known."""
    lines = error.strip().splitlines() or [""]
    found = next((line for line in reversed(lines) if "Error" in line or "Exception" in line), lines[0])
    remedies = [remedy for sign, remedy in REMEDIES.items() if sign in error]
    return " ".join([found.strip(), *remedies[:1]])


@dataclass(frozen=True)
class _Failure:
    """An exception in one member of a group."""

    cause: str
    of_group: bool


def _member(
    function: Callable[..., Any], meeting: Meeting | None, spans: tuple[Span, ...], state: tuple[Any, ...]
) -> Callable[[Span, Any], Any]:
    """Return the task of one member. An exception is its result too, because a second try would only hide it."""

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
