"""The session of a running study, and the listener that is told about its progress."""

from collections.abc import Callable, Mapping
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Protocol

from flows.journal import Journal
from flows.parameters import StudyParameters
from flows.study_spark import StudySpark
from infra.engines import Engine
from infra.engines.dask import DaskEngine
from infra.settings import Settings
from infra.tracking import Tracker
from tasks.datasets.planning import Begun
from tasks.datasets.prepared import PreparedDataset
from tasks.results import Cell, StudyResult


@dataclass
class Session:
    """One running study; subflows get the session from `current_session`.

    Parameters
    ----------
    parameters : StudyParameters
        The study's parameters.
    settings : Settings
        Home folder, servers and clusters.
    journal : Journal
        The study's folder on disk.
    tracker : Tracker
        The connection to MLflow.
    cluster : DaskEngine
        The study's Dask cluster, on which all Prefect tasks but Spark's run.
    address : str
        Address of the cluster's scheduler.
    workers : int
        Number of workers of each engine.
    result : StudyResult
        Everything that the study has found so far.
    flow_run_id : str
        Id of the study's Prefect flow run.
    prepared : mapping of str to PreparedDataset or Plan
        Data sets that were prepared or planned before the cluster started, by the word that names each in the
        parameters.
    """

    parameters: StudyParameters
    settings: Settings
    journal: Journal
    tracker: Tracker
    cluster: DaskEngine
    address: str
    workers: int
    result: StudyResult
    flow_run_id: str
    prepared: Mapping[str, Begun]
    _spark: StudySpark | None = field(repr=False)
    open_key: str | None = None
    """Key of the MLflow run of the cell that is running; None between cells."""
    datasets: dict[str, PreparedDataset] = field(default_factory=dict)
    """Prepared data sets by name. Subflows get the name, because Prefect refuses parameters above 512 KiB, and the
    recipe of a wide table is longer."""

    @property
    def key(self) -> str:
        """Key of the study's MLflow run."""
        return self.journal.id

    def spark(self) -> Engine:
        """The Spark session, which started beside the cluster; a new one if its Java process has ended.

        Raises
        ------
        EngineError
            If Spark does not start.
        """
        assert self._spark is not None  # noqa: S101 (asked for only by studies that have the engine)
        return self._spark.engine()


def untold() -> str:
    """Return an empty text, because the progress of a step is not known."""
    return ""


class StudyListener(Protocol):
    """An object in the study's process that is told about the progress of the study.

    A step begins with its title and with a function that tells how far the step is, for example "3 of 20 parts".
    """

    def opened(self, session: Session) -> None: ...
    def starting(self, title: str, progress: Callable[[], str] = untold) -> None: ...
    def finished(self, cell: Cell) -> None: ...
    def ended(self, result: StudyResult) -> None: ...


class _SilentStudy:
    """A listener that does nothing."""

    def opened(self, session: Session) -> None: ...
    def starting(self, title: str, progress: Callable[[], str] = untold) -> None: ...
    def finished(self, cell: Cell) -> None: ...
    def ended(self, result: StudyResult) -> None: ...


listener: ContextVar[StudyListener] = ContextVar("listener", default=_SilentStudy())  # noqa: B039 (has no state)
handed_over: ContextVar[Mapping[str, Begun] | None] = ContextVar("handed_over", default=None)
"""Data sets that the command has prepared before it started the flow; None: the flow prepares its own."""
session_variable: ContextVar[Session] = ContextVar("session")


# Functions, because Prefect sends flows to workers by value, and a ContextVar cannot be sent.


def current_listener() -> StudyListener:
    """The listener of this study."""
    return listener.get()


def current_session() -> Session:
    """The session of this study."""
    return session_variable.get()


def datasets_handed_over() -> Mapping[str, Begun] | None:
    """The data sets that the command has prepared; None where no command started the flow."""
    return handed_over.get()
