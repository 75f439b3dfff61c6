"""The engine `spark`: an embedded local session or an existing Spark cluster."""

import os
import queue
import sys
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from typing import Any

import psutil
from py4j.protocol import Py4JError, Py4JNetworkError
from pyspark import SparkConf, SparkContext, TaskContext
from pyspark.accumulators import AccumulatorParam
from pyspark.java_gateway import launch_gateway
from pyspark.sql import SparkSession

from infra.engines.base import Blocks, Engine, Kernel, Merge, Update
from infra.engines.blocks import BlockSource, Span, finish, fold, leaves, reduce_span, resident
from infra.engines.collective import Communicator, join, rendezvous
from infra.errors import EngineError
from infra.java import ensure_java
from infra.settings import load_settings

TRIES = 3
TASKS_A_WORKER = 16
JVM_LOST = (Py4JNetworkError, ConnectionError, EOFError)


class SparkEngine(Engine):
    """One Spark session of this process: embedded as `local[workers]`, or attached to a master.

    An embedded session ends with the engine, its Java process included.
    """

    name = "spark"

    def __init__(self, workers: int, master: str | None = None) -> None:
        self.workers = workers
        # a second number, so that a failed task is tried again; plain local[k] gives up at once
        self.session = _start(master or f"local[{workers},4]", workers)
        self._context = self.session.sparkContext
        if master:
            self.workers = max(1, self._context.defaultParallelism)

    def close(self) -> None:
        _stop(self.session)

    @property
    def dashboard(self) -> str | None:
        address = self._context.uiWebUrl
        return None if address is None else str(address)

    def worker_pids(self) -> Mapping[str, int]:
        java = _gateway_process()
        if java is None:
            return {}
        pids = {"spark-jvm": java.pid}
        with suppress(psutil.NoSuchProcess):
            children = java.children(recursive=True)
            pids |= {
                f"spark-python-{i}": child.pid
                for i, child in enumerate(sorted(children, key=lambda p: p.pid))
            }
        return pids

    def partition(self, source: BlockSource) -> Blocks:
        spans = self._spans(source)
        parts = [(span, source.detached(span)) for span in spans]
        return Blocks(source, spans, self._context.parallelize(parts, len(parts)).cache())

    def map(self, kernel: Kernel, blocks: Blocks, *state: Any) -> list[Any]:
        def one(span: Span, data: Any) -> list[Any]:
            return [kernel(*block, *state) for block in resident(data, span)]

        return [result for part in self._job(blocks, one) for result in part]

    def reduce(self, kernel: Kernel, merge: Merge, blocks: Blocks, *state: Any) -> Any:
        def one(span: Span, data: Any) -> list[Any]:
            return reduce_span(kernel, merge, resident(data, span), span.start, *state)

        return finish((node for part in self._job(blocks, one) for node in part), merge)

    def iterate(self, kernel: Kernel, merge: Merge, update: Update, blocks: Blocks, state: Any) -> Any:
        # one job whose tasks reduce among themselves: a job a round would cost 0.2 s before any arithmetic
        start_of = [span.start for span in blocks.spans]

        def loop(arrays: list[Any], communicator: Communicator, state: Any) -> Any:
            done = False
            while not done:
                partials = (kernel(*block, state) for block in arrays)
                mine = fold(leaves(partials, start_of[communicator.rank]), merge)
                everyone = communicator.allgather(mine)
                state, done = update(state, finish((node for part in everyone for node in part), merge))
            return state if communicator.rank == 0 else None

        return self.together(loop, blocks, state)[0]

    def together(self, function: Callable[..., Any], blocks: Blocks, *state: Any) -> list[Any]:
        spans = blocks.spans
        for tries_left in reversed(range(TRIES)):
            with rendezvous(
                len(spans), self._context.getConf().get("spark.driver.host", "127.0.0.1")
            ) as meeting:
                try:
                    return self._job(blocks, _member(function, meeting, spans, state))
                except EngineError:
                    # a group that lost a member cannot go on: its job is run again as a whole
                    if not tries_left or not self._alive():
                        raise
        raise AssertionError("unreachable")

    def run(
        self, function: Callable[..., Any], items: Sequence[Any], shared: Any = None
    ) -> Iterator[tuple[int, Any]]:
        if not items:
            return
        results: queue.SimpleQueue[Any] = queue.SimpleQueue()
        try:
            arrived = self._context.accumulator(None, _Arrivals(results))
            broadcast = self._context.broadcast(shared)
        except Exception as error:
            raise self._explained(error) from error

        def each(part: Iterator[tuple[int, Any]]) -> None:
            for i, item in part:
                arrived.add((i, function(item, broadcast.value)))

        def job() -> None:
            try:
                # Spark hands over what a task accumulated as soon as the task ends; a task costs about
                # 70 ms, so many short items share one
                tasks = min(len(items), TASKS_A_WORKER * self.workers)
                self._context.parallelize(list(enumerate(items)), tasks).foreachPartition(each)
            except BaseException as error:
                results.put(error)
            else:
                results.put(None)

        thread = threading.Thread(target=job, name="trilla-spark-job", daemon=True)
        thread.start()
        try:
            yield from self._until_done(results, len(items))
        finally:
            if thread.is_alive() and self._alive():
                self._context.cancelAllJobs()
            thread.join()
            with suppress(Py4JError, *JVM_LOST):
                broadcast.unpersist()

    def _until_done(self, results: "queue.SimpleQueue[Any]", expected: int) -> Iterator[tuple[int, Any]]:
        seen: set[int] = set()
        while len(seen) < expected:
            arrival = results.get()
            if isinstance(arrival, BaseException):
                raise self._explained(arrival) from arrival
            if arrival is None:
                raise EngineError(f"Spark ended its job with {len(seen)} of {expected} results")
            if arrival[0] not in seen:
                seen.add(arrival[0])
                yield arrival

    def _job(self, blocks: Blocks, task: Callable[[Span, Any], Any]) -> list[Any]:
        def part(pairs: Iterator[tuple[Span, Any]]) -> Iterator[Any]:
            return (task(span, data) for span, data in pairs)

        try:
            return list(blocks.residents.mapPartitions(part).collect())
        except Exception as error:
            raise self._explained(error) from error

    def _explained(self, error: BaseException) -> EngineError:
        if not self._alive() or isinstance(error, JVM_LOST):
            return EngineError("Spark's Java process ended; run again: the next run starts a new one")
        java = getattr(error, "java_exception", None)
        lines = str(java if java is not None else error).strip().splitlines()
        cause = next(
            (x for x in reversed(lines) if "Error" in x or "Exception" in x), lines[0] if lines else ""
        )
        return EngineError(f"Spark's job failed: {cause.strip()}")

    def _alive(self) -> bool:
        java = _gateway_process()
        return java is not None and java.is_running() and java.status() != psutil.STATUS_ZOMBIE


class _Arrivals(AccumulatorParam[Any]):
    """Carries each task's results to a queue on the driver when the task ends, once even if it is retried."""

    def __init__(self, results: "queue.SimpleQueue[Any] | None") -> None:
        self._results = results

    def zero(self, value: Any) -> Any:
        return []

    def addInPlace(self, value1: Any, value2: Any) -> Any:  # noqa: N802 (Spark's name)
        if self._results is None:  # on a worker: collect until the task ends
            return [*(value1 or []), value2] if isinstance(value2, tuple) else [*(value1 or []), *value2]
        for arrival in value2:
            self._results.put(arrival)
        return None

    def __reduce__(self) -> Any:
        return (_Arrivals, (None,))


def _member(
    function: Callable[..., Any], meeting: dict[str, Any], spans: tuple[Span, ...], state: tuple[Any, ...]
) -> Callable[[Span, Any], Any]:
    def one(span: Span, data: Any) -> Any:
        context = TaskContext.get()
        if context is not None and context.attemptNumber() > 0:
            raise RuntimeError("a member of the group was lost")
        arrays = resident(data, span)
        return join(meeting, spans.index(span), len(spans), lambda comm: function(arrays, comm, *state))

    return one


def _start(master: str, workers: int) -> SparkSession:
    if SparkContext._gateway is not None and _gateway_process() is None:
        _forget()
    os.environ["JAVA_HOME"] = str(ensure_java())
    os.environ["PYSPARK_PYTHON"] = sys.executable
    os.environ["PYSPARK_DRIVER_PYTHON"] = sys.executable
    conf = SparkConf().setMaster(master).setAppName("trilla")
    settings = {
        "spark.driver.bindAddress": "127.0.0.1",
        "spark.driver.host": "127.0.0.1",
        "spark.ui.showConsoleProgress": "false",
        "spark.sql.shuffle.partitions": str(workers),
        "spark.sql.execution.arrow.pyspark.enabled": "true",
        "spark.executorEnv.OMP_NUM_THREADS": "1",
        "spark.log.level": "ERROR",
    }
    if not master.startswith("local"):
        del settings["spark.driver.bindAddress"], settings["spark.driver.host"]
    conf.setAll(list(settings.items()))
    log = load_settings().home / "logs" / "spark.log"
    log.parent.mkdir(parents=True, exist_ok=True)
    try:
        with log.open("ab") as stream:  # not the terminal: Java greets at length
            gateway = launch_gateway(conf, popen_kwargs={"stderr": stream})
        return SparkSession(SparkContext(conf=conf, gateway=gateway))
    except Exception as error:
        raise EngineError(
            f"Spark does not start at {master}: {str(error).splitlines()[0]} (see {log})"
        ) from error


def _stop(session: SparkSession) -> None:
    """Stop the session and its Java process, which `stop()` alone would leave running."""
    java = _gateway_process()
    with suppress(Py4JError, *JVM_LOST):
        session.stop()
    gateway = SparkContext._gateway
    if gateway is not None:
        with suppress(Py4JError, *JVM_LOST):
            gateway.shutdown()
        # the launcher ends when its standard input closes
        gateway.proc.stdin.close()
    if java is not None:
        with suppress(psutil.NoSuchProcess):
            children = java.children(recursive=True)
            java.terminate()
            psutil.wait_procs([java, *children], timeout=10)
    _forget()


def _forget() -> None:
    """Make PySpark start a new Java process next time."""
    SparkContext._gateway = None
    SparkContext._jvm = None
    SparkContext._active_spark_context = None
    SparkSession._instantiatedSession = None


def _gateway_process() -> psutil.Process | None:
    gateway = SparkContext._gateway
    if gateway is None or getattr(gateway, "proc", None) is None:
        return None
    try:
        process = psutil.Process(gateway.proc.pid)
        return None if process.status() == psutil.STATUS_ZOMBIE else process
    except psutil.NoSuchProcess:
        return None
