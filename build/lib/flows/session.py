"""What one study holds while it runs: the cluster, Spark, the tracker, the journal."""

import os
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Protocol

from prefect.runtime import flow_run

from flows import recording
from flows.journal import Journal, open_journal
from flows.parameters import StudyParameters
from flows.sweeping import mark_crashed
from infra.engines import Engine, connect
from infra.engines.dask import DaskEngine
from infra.settings import Settings, load_settings
from infra.tracking import Tracker, sweep
from tasks.results import Cell, StudyResult

EXPERIMENT = "trilla"


class Listener(Protocol):
    """Whoever watches a study from the process it runs in."""

    def opened(self, session: "Session") -> None: ...
    def starting(self, title: str) -> None: ...
    def finished(self, cell: Cell) -> None: ...
    def ended(self, result: StudyResult) -> None: ...


class _Silent:
    def opened(self, session: "Session") -> None: ...
    def starting(self, title: str) -> None: ...
    def finished(self, cell: Cell) -> None: ...
    def ended(self, result: StudyResult) -> None: ...


listener: ContextVar[Listener] = ContextVar("listener", default=_Silent())  # noqa: B039 (has no state)
_current: ContextVar["Session"] = ContextVar("session")


def watching() -> Listener:
    """The listener of this study.

    A function, because Prefect sends flows to workers by value, and a ContextVar cannot be sent.
    """
    return listener.get()


@dataclass
class Session:
    """One study at work; subflows find it with `current_session`."""

    parameters: StudyParameters
    settings: Settings
    journal: Journal
    tracker: Tracker
    cluster: DaskEngine
    address: str
    workers: int
    result: StudyResult
    flow_run_id: str
    _spark: "Future[Engine] | None" = field(repr=False)
    run_keys: list[str] = field(default_factory=list)
    """Keys of the MLflow runs of the result's cells, in their order."""

    @property
    def key(self) -> str:
        """Key of the study's MLflow run."""
        return self.journal.id

    def spark(self) -> Engine:
        """The one Spark session; its start ran while the cluster started.

        Raises
        ------
        EngineError
            If Spark did not start.
        """
        assert self._spark is not None  # noqa: S101 (asked for only by studies that have the engine)
        return self._spark.result()


def current_session() -> Session:
    return _current.get()


@contextmanager
def open_session(parameters: StudyParameters, result: StudyResult) -> Iterator[Session]:
    """Start what a study needs, side by side; end it all afterwards.

    An interrupted study with the same parameters is gone on with: same MLflow run, same ledger.
    """
    settings = load_settings()
    workers = parameters.workers or settings.cores
    with ExitStack() as stack:
        journal = stack.enter_context(open_journal(settings.home, parameters))
        spark = _starting_spark(stack, parameters, settings, workers)
        cluster = stack.enter_context(_cluster(settings, workers))
        if journal.previous_flow_run:
            mark_crashed(journal.previous_flow_run)
        run_id = str(flow_run.id)
        journal.note_flow_run(run_id)
        uri = os.environ["MLFLOW_TRACKING_URI"]
        sweep(uri, [EXPERIMENT])
        tracker = stack.enter_context(Tracker(uri, settings.home / "outbox.sqlite", EXPERIMENT))
        session = Session(
            parameters=parameters,
            settings=settings,
            journal=journal,
            tracker=tracker,
            cluster=cluster,
            address=cluster.address,
            workers=cluster.workers,
            result=result,
            flow_run_id=run_id,
            _spark=spark,
        )
        token = _current.set(session)
        try:
            recording.start_study(session)
            watching().opened(session)
            yield session
        finally:
            _current.reset(token)


def _cluster(settings: Settings, workers: int) -> DaskEngine:
    return DaskEngine(workers, settings.dask_address)


def _starting_spark(
    stack: ExitStack, parameters: StudyParameters, settings: Settings, workers: int
) -> "Future[Engine] | None":
    if "spark" not in parameters.engines:
        return None
    pool = stack.enter_context(ThreadPoolExecutor(1, thread_name_prefix="trilla-spark-start"))
    future = pool.submit(connect, "spark", workers=workers, master=settings.spark_master)
    stack.callback(_close_spark, future)
    return future


def _close_spark(future: "Future[Engine]") -> None:
    if future.exception() is None:
        future.result().close()
