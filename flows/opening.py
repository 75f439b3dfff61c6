"""Opening of a study's session: cluster, Spark, tracker and journal start at the same time."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from functools import partial
from importlib import import_module

from distributed import fire_and_forget
from prefect.runtime import flow_run

from flows import recording
from flows.journal import open_journal
from flows.parameters import StudyParameters
from flows.session import Session, current_listener, session_variable
from flows.study_spark import StudySpark
from flows.sweeping import mark_crashed, settle_tasks
from flows.trackers import open_tracker
from infra.display import display_only
from infra.engines import connect, memory_in_bytes
from infra.engines.dask import DaskEngine
from infra.errors import TrillaError
from infra.settings import Settings, load_settings
from tasks.datasets.catalogue import resolve
from tasks.datasets.planning import Begun
from tasks.registry import algorithms_for
from tasks.results import StudyResult

EXPERIMENT = "trilla"
STEPS = "flows.study"
"""Module that imports what the steps of a study need, which takes a worker three seconds."""
GONE = "The process of this run died; the study was started again and is resumed in another run."


@contextmanager
def open_session(
    parameters: StudyParameters, result: StudyResult, prepared: Mapping[str, Begun]
) -> Iterator[Session]:
    """Start everything that a study needs at the same time, and end everything afterwards.

    An interrupted study with the same parameters is resumed with the same MLflow run and the same ledger.

    Parameters
    ----------
    parameters : StudyParameters
        The study's parameters.
    result : StudyResult
        The record that the study fills.
    prepared : mapping of str to PreparedDataset or Plan
        Data sets that are prepared or planned already.
    """
    run_id = str(flow_run.id)
    try:
        with ExitStack() as stack:
            session = _start(stack, parameters, result, prepared, run_id)
            token = session_variable.set(session)
            try:
                recording.start_study(session)
                current_listener().opened(session)
                yield session
            except BaseException as error:
                recording.abandon_study(session, error)
                raise
            finally:
                session_variable.reset(token)
    except BaseException:
        # only after the end of the cluster, because its workers could still change the state of a task
        with display_only("the states of its tasks"):
            settle_tasks(run_id, "The study was interrupted.")
        raise


def _start(
    stack: ExitStack,
    parameters: StudyParameters,
    result: StudyResult,
    prepared: Mapping[str, Begun],
    run_id: str,
) -> Session:
    settings = load_settings()
    workers = parameters.workers or settings.cores
    journal = stack.enter_context(open_journal(settings.home, parameters))
    preload = _worker_modules(parameters)
    memory = memory_in_bytes(parameters.worker_memory)
    spark = _starting_spark(stack, parameters, settings, workers, preload)
    cluster = stack.enter_context(_cluster(settings, workers, preload, memory))
    if journal.previous_flow_run:
        mark_crashed(journal.previous_flow_run, GONE)
    journal.note_flow_run(run_id)
    result.resumed = journal.resumed
    return Session(
        parameters=parameters,
        settings=settings,
        journal=journal,
        tracker=open_tracker(stack, settings, EXPERIMENT),
        cluster=cluster,
        address=cluster.address,
        workers=cluster.workers,
        result=result,
        flow_run_id=run_id,
        prepared=prepared,
        _spark=spark,
    )


def _worker_modules(parameters: StudyParameters) -> list[str]:
    """Modules that the workers import when they start, because their import takes seconds."""
    with suppress(TrillaError):  # faults of the data are reported when the data are prepared
        tasks = {resolve(data, parameters.target, parameters.chosen_task).task for data in parameters.data}
        algorithms = [one for task in sorted(tasks) for one in algorithms_for(task, parameters.algorithms)]
        return [module for algorithm in algorithms for module in algorithm.worker_modules]
    return []


def _cluster(
    settings: Settings, workers: int, preload: Sequence[str], memory_limit: int | None
) -> DaskEngine:
    if settings.dask_address is None:
        return DaskEngine(workers, preload=[*preload, STEPS], memory_limit=memory_limit)
    cluster = DaskEngine(workers, settings.dask_address)  # its workers run already, with a limit of their own
    for worker in cluster.client.scheduler_info(n_workers=-1)["workers"]:
        # the workers import the modules of the first step while this process asks the servers
        fire_and_forget(cluster.client.submit(_import, STEPS, workers=[worker], pure=False))
    return cluster


def _import(name: str) -> None:
    import_module(name)


def _starting_spark(
    stack: ExitStack,
    parameters: StudyParameters,
    settings: Settings,
    workers: int,
    preload: Sequence[str],
) -> StudySpark | None:
    if "spark" not in parameters.engines:
        return None
    start = partial(
        connect,
        "spark",
        workers=workers,
        master=settings.spark_master,
        preload=preload,
        memory_limit=None if settings.spark_master else parameters.worker_memory,
    )
    spark = StudySpark(start)
    stack.callback(spark.close)
    return spark
