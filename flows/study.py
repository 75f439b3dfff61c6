"""The main job: prepare, train, search, evaluate, recommend, compare engines, report."""

import platform
from collections.abc import Mapping
from typing import Any

import psutil
from distributed import Client
from prefect import flow, tags
from prefect.client.schemas.objects import State
from prefect.context import TagsContext
from prefect.settings import PREFECT_FLOWS_HEARTBEAT_FREQUENCY, temporary_settings
from prefect.states import Completed, Failed
from prefect_dask import DaskTaskRunner

from flows import recording
from flows.checking import as_trained, prepare_in_advance, refuse_namesake
from flows.comparison import INCOMPLETE, compare, outcome
from flows.failing import log_failures_in_one_sentence
from flows.gathering import complete
from flows.opening import open_session
from flows.parameters import (
    ClassificationParameters,
    ClusteringParameters,
    StudyParameters,
    VisionParameters,
)
from flows.session import Session, current_listener, current_session, datasets_handed_over, untold
from flows.spark_preparing import spark_preparation
from flows.tagging import TAG
from infra.errors import TrillaError
from infra.settings import load_settings, usable_cores
from tasks import steps
from tasks.datasets.catalogue import Task
from tasks.datasets.large.plan import Plan
from tasks.datasets.planning import Begun
from tasks.datasets.prepared import PreparedDataset
from tasks.datasets.spark_profile import why_not_profiled
from tasks.problems import problem_of
from tasks.report.column_words import columns_to_show
from tasks.report.recommended import answer
from tasks.results import Dataset, StudyResult

NO_HEARTBEAT = {PREFECT_FLOWS_HEARTBEAT_FREQUENCY: None}
SHOWN = {"name", "task", "rows", "sha256", "path", "notes", "provenance", "caution"}
"""Fields of a prepared data set that the result shows."""


@flow(name="study")
def study(parameters: StudyParameters = StudyParameters()) -> State[Any]:  # noqa: B008 (frozen)
    """Compare algorithms x engines x {baseline, grid, random} on each data set, recommend, and report.

    The run ends as Completed only if every cell completed; else the run ends as Failed with the causes, and the same
    study started again computes only the missing cells. If the data cannot be used, the run ends before a cluster
    starts, and its state's message is one sentence with the fault and the remedy.
    """
    log_failures_in_one_sentence()
    try:
        prepared = ready_datasets(parameters)
    except TrillaError as error:
        return Failed(message=str(error))
    result = StudyResult(
        name="study", started=recording.now(), versions=recording.versions(), machine=machine()
    )
    # Only the study itself sends heartbeats, because the end of each flow waits up to a second for the thread that
    # sends them, and a study has many subflows. Subflows and tasks have no tag, because Prefect asks the server for a
    # concurrency slot for each tag of a task.
    no_tags = TagsContext(current_tags=set())
    with open_session(parameters, result, prepared) as session, temporary_settings(NO_HEARTBEAT), no_tags:
        for dataset in on_cluster(session, preparation)():
            state = on_cluster(session, compare)(dataset.name, return_state=True)
            if state.name != INCOMPLETE:
                state.result()  # raises the error that ended the comparison early, if there was one
        return finish(session)


def run_tagged(parameters: StudyParameters) -> State[Any]:
    """Run a study whose flow run has the tag `TAG`; a run of a deployment gets the tag from the deployment."""
    with tags(TAG):
        return study(parameters, return_state=True)


@flow(name="classification")
def classification(
    parameters: ClassificationParameters = ClassificationParameters(),  # noqa: B008 (frozen)
) -> State[Any]:
    """Compare classifiers on one table."""
    return run_tagged(parameters.as_study())


@flow(name="clustering")
def clustering(
    parameters: ClusteringParameters = ClusteringParameters(),  # noqa: B008 (frozen)
) -> State[Any]:
    """Compare clusterings of one table."""
    return run_tagged(parameters.as_study())


@flow(name="vision")
def vision(
    parameters: VisionParameters = VisionParameters(),  # noqa: B008 (frozen)
) -> State[Any]:
    """Compare networks on one folder of images."""
    return run_tagged(parameters.as_study())


def ready_datasets(parameters: StudyParameters) -> Mapping[str, Begun]:
    """Data sets that are ready before the cluster starts: those that the command prepared, or this run's tables.

    Raises
    ------
    TrillaError
        If a data set cannot be used.
    """
    ready = datasets_handed_over()
    if ready is None:
        ready = prepare_in_advance(parameters, load_settings(), images=False)
    return ready


@flow(name="preparation", flow_run_name="preparation", validate_parameters=False)
def preparation() -> list[PreparedDataset]:
    """Prepare every data set of the study, each once."""
    session = current_session()
    parameters = session.parameters
    prepared: list[PreparedDataset] = []
    for data in parameters.data:
        begun = session.prepared.get(data)
        told = begun.told_progress if isinstance(begun, Plan) else untold
        current_listener().starting(f"{data}: preparation", told)
        if isinstance(begun, Plan) and set(parameters.engines) == {"spark"}:
            dataset = spark_preparation(data)
        else:
            dataset = on_workers(session, data)
        dataset = as_trained(_with_note_on_spark(dataset, parameters), parameters)
        if dataset.by_blocks:
            current_listener().starting(f"{data}: rows for searches and scores are drawn")
            complete(steps.draw_rows, dataset, parameters.seed)
        warm_up_workers(session.cluster.client, dataset.task)
        refuse_namesake(dataset, data, prepared)
        session.result.datasets.append(described(dataset, parameters.epochs))
        recording.record_dataset(session, session.key, dataset)
        recording.record_preparation(session, session.result.datasets[-1])
        prepared.append(dataset)
        session.datasets[dataset.name] = dataset
    return prepared


def _with_note_on_spark(dataset: PreparedDataset, parameters: StudyParameters) -> PreparedDataset:
    note = why_not_profiled(dataset) if "spark" in parameters.engines else ""
    return dataset.model_copy(update={"notes": [*dataset.notes, note]}) if note else dataset


def on_workers(session: Session, data: str) -> PreparedDataset:
    """The data set, prepared on the workers of the study's Dask cluster where it is not prepared yet."""
    parameters = session.parameters
    dataset: PreparedDataset = complete(
        steps.prepare,
        data,
        parameters.target,
        parameters.chosen_task,
        parameters.reading,
        str(session.settings.images),
        parameters.folds,
        parameters.epochs is None,
        session.address,
        session.prepared.get(data),
    )
    return dataset


def described(dataset: PreparedDataset, epochs: int | None) -> Dataset:
    """The prepared data set as the result shows it."""
    surveyed = dataset.survey()
    columns = surveyed.columns if surveyed else ()
    return Dataset(
        columns=dataset.columns,
        target=dataset.target,
        epochs=epochs,
        surveys=columns_to_show(columns),
        file_columns=[column.name for column in columns],
        **dataset.model_dump(include=SHOWN),
    )


def warm_up_workers(client: Client, task: Task) -> None:
    """Let each worker of the study's cluster do what would else be a part of its first cell's time."""
    workers = client.scheduler_info(n_workers=-1)["workers"]
    futures = [client.submit(_warm_up, task, workers=[address], pure=False) for address in workers]
    client.gather(futures, errors="skip")  # a worker that is lost here costs the warm-up only


def _warm_up(task: Task) -> None:
    problem_of(task).warm_up()


def on_cluster(session: Session, subflow: Any) -> Any:
    """The subflow with its tasks on the study's cluster; the default task runner would start another cluster."""
    return subflow.with_options(task_runner=DaskTaskRunner(address=session.address))


def finish(session: Session) -> State[Any]:
    """Write and store the report, and return the final state, whose message has the recommendations."""
    result = session.result
    result.finished = recording.now()
    result.kept = sum(cell.kept for cell in result.cells)
    recording.link_cells(session)
    path = session.journal.folder.report
    result.links["report"] = str(path)
    complete(steps.report, result, str(path))
    state = outcome(result.cells)
    recording.finish_study(session, path, "FINISHED" if state.is_completed() else "FAILED")
    session.journal.folder.result.write_text(result.model_dump_json(indent=2))
    current_listener().ended(result)
    answers = " ".join(answer(recommendation) for recommendation in result.recommendations)
    if not state.is_completed():
        message = f"{state.message}. {answers}"
        return Failed(message=message)  # named "Failed", because automations wait for this name
    session.journal.finish()
    return Completed(message=f"{state.message}. {answers} Report: {path}")


def machine() -> str:
    """The machine in words."""
    memory = psutil.virtual_memory().total / 2**30
    system = f"{platform.system()} {platform.machine()}, Python {platform.python_version()}"
    return f"{usable_cores()} cores, {memory:.0f} GiB memory, {system}"
