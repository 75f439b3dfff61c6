"""What one study holds while it runs: the cluster, Spark, the tracker, the journal."""

import logging
import os
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack, contextmanager, suppress
from contextvars import ContextVar
from dataclasses import dataclass, field
from importlib import import_module
from typing import Protocol

from distributed import fire_and_forget
from prefect.runtime import flow_run

from flows import recording
from flows.journal import Journal, open_journal
from flows.parameters import StudyParameters
from flows.sweeping import mark_crashed, settle_tasks
from infra.addresses import health_problem
from infra.display import display_only
from infra.engines import Engine, connect
from infra.engines.dask import DaskEngine
from infra.errors import TrillaError
from infra.run_owners import end_orphaned_runs
from infra.settings import Settings, load_settings
from infra.tracking import Tracker
from tasks.datasets.catalogue import resolve
from tasks.results import Cell, StudyResult

EXPERIMENT = "trilla"
GONE = "Its process ended without a word; the study was started again and goes on in another run."

log = logging.getLogger(__name__)


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
    open_key: str | None = None
    """Key of the MLflow run of the cell under way."""

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
    run_id = str(flow_run.id)
    try:
        with ExitStack() as stack:
            session = _start(stack, parameters, result, run_id)
            token = _current.set(session)
            try:
                recording.start_study(session)
                watching().opened(session)
                yield session
            except BaseException as error:
                recording.abandon_study(session, error)
                raise
            finally:
                _current.reset(token)
    except BaseException:
        # only now that the cluster is gone, and with it whoever could still speak for a task
        with display_only("the states of its tasks"):
            settle_tasks(run_id, "The study was interrupted.")
        raise


def _start(stack: ExitStack, parameters: StudyParameters, result: StudyResult, run_id: str) -> Session:
    settings = load_settings()
    workers = parameters.workers or settings.cores
    journal = stack.enter_context(open_journal(settings.home, parameters))
    preload = _preload(parameters)
    spark = _starting_spark(stack, parameters, settings, workers, preload)
    cluster = stack.enter_context(_cluster(settings, workers, preload))
    if journal.previous_flow_run:
        mark_crashed(journal.previous_flow_run, GONE)
    journal.note_flow_run(run_id)
    result.resumed = journal.resumed
    return Session(
        parameters=parameters,
        settings=settings,
        journal=journal,
        tracker=_tracker(stack, settings),
        cluster=cluster,
        address=cluster.address,
        workers=cluster.workers,
        result=result,
        flow_run_id=run_id,
        _spark=spark,
    )


def _tracker(stack: ExitStack, settings: Settings) -> Tracker:
    """The tracker, once the runs that dead processes left open are closed."""
    from mlflow.exceptions import MlflowException

    uri = os.environ["MLFLOW_TRACKING_URI"]
    reason = health_problem(f"{uri}/health")
    try:
        if not reason:
            end_orphaned_runs(uri, [EXPERIMENT])
    except MlflowException as error:  # it went away just now
        reason = str(error)
    if reason:
        log.warning("MLflow at %s does not answer: %s; the study goes on without it", uri, reason)
    return stack.enter_context(Tracker(uri, settings.home / "outbox.sqlite", EXPERIMENT))


def _preload(parameters: StudyParameters) -> list[str]:
    """What workers import when they start: a network takes seconds of imports."""
    with suppress(TrillaError):  # what is wrong with the data is told when it is prepared
        sources = [resolve(data, parameters.target, parameters.chosen_task) for data in parameters.data]
        if any(source.task == "vision" for source in sources):
            return ["tasks.vision.convnet"]
    return []


def _cluster(settings: Settings, workers: int, preload: Sequence[str]) -> DaskEngine:
    cluster = DaskEngine(workers, settings.dask_address, preload)
    for address in cluster.client.scheduler_info(n_workers=-1)["workers"]:
        # what the first step would have its worker import, while the servers are asked
        fire_and_forget(cluster.client.submit(_import, "tasks.steps", workers=[address], pure=False))
    return cluster


def _import(name: str) -> None:
    import_module(name)


def _starting_spark(
    stack: ExitStack,
    parameters: StudyParameters,
    settings: Settings,
    workers: int,
    preload: Sequence[str],
) -> "Future[Engine] | None":
    if "spark" not in parameters.engines:
        return None
    pool = stack.enter_context(ThreadPoolExecutor(1, thread_name_prefix="trilla-spark-start"))
    future = pool.submit(connect, "spark", workers=workers, master=settings.spark_master, preload=preload)
    stack.callback(_close_spark, future)
    return future


def _close_spark(future: "Future[Engine]") -> None:
    if future.exception() is None:
        future.result().close()
