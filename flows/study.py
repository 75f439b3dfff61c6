"""The main job: prepare, train, search, evaluate, compare engines, report."""

import platform
from typing import Any

import psutil
from prefect import flow
from prefect.client.schemas.objects import State
from prefect.settings import PREFECT_FLOWS_HEARTBEAT_FREQUENCY, temporary_settings
from prefect.states import Completed, Failed
from prefect_dask import DaskTaskRunner

from flows import recording
from flows.checking import refuse_namesake
from flows.families import INCOMPLETE, compare, verdict
from flows.gathering import complete
from flows.parameters import (
    ClassificationParameters,
    ClusteringParameters,
    StudyParameters,
    VisionParameters,
)
from flows.session import Session, current_session, open_session, watching
from infra.settings import usable_cores
from tasks import steps
from tasks.datasets.prepared import PreparedDataset
from tasks.results import Dataset, StudyResult

NO_HEARTBEAT = {PREFECT_FLOWS_HEARTBEAT_FREQUENCY: None}


@flow(name="study")
def study(parameters: StudyParameters = StudyParameters()) -> State[Any]:  # noqa: B008 (frozen)
    """Compare algorithms x engines x {baseline, grid, random} on each data set, and report.

    The run ends Completed only if every cell did; else it is Failed, with the causes, and the same study
    started again computes only what is missing.
    """
    result = StudyResult(
        name="study", started=recording.now(), versions=recording.versions(), machine=machine()
    )
    # The study's own heartbeat tells that its process lives; a flow's end waits up to a second for the thread
    # that sends them, and a study has many subflows.
    with open_session(parameters, result) as session, temporary_settings(NO_HEARTBEAT):
        for dataset in on_cluster(session, preparation)():
            state = on_cluster(session, compare)(dataset, return_state=True)
            if state.name != INCOMPLETE:
                state.result()  # raises what ended it before its end
        return finish(session)


@flow(name="classification")
def classification(
    parameters: ClassificationParameters = ClassificationParameters(),  # noqa: B008 (frozen)
) -> State[Any]:
    """Compare classifiers on one table."""
    return study(parameters.as_study(), return_state=True)


@flow(name="clustering")
def clustering(
    parameters: ClusteringParameters = ClusteringParameters(),  # noqa: B008 (frozen)
) -> State[Any]:
    """Compare clusterings of one table."""
    return study(parameters.as_study(), return_state=True)


@flow(name="vision")
def vision(
    parameters: VisionParameters = VisionParameters(),  # noqa: B008 (frozen)
) -> State[Any]:
    """Compare networks on one folder of images."""
    return study(parameters.as_study(), return_state=True)


@flow(name="preparation", flow_run_name="preparation", validate_parameters=False)
def preparation() -> list[PreparedDataset]:
    """Prepare every data set of the study."""
    session = current_session()
    prepared: list[PreparedDataset] = []
    for data in session.parameters.data:
        watching().starting(f"{data}: preparation")
        folder = session.settings.home / "data"
        dataset = complete(
            steps.prepare,
            data,
            session.parameters.target,
            session.parameters.chosen_task,
            str(folder),
            session.parameters.folds,
            session.parameters.epochs,
            session.address,
        )
        refuse_namesake(dataset, data, prepared)
        summary = Dataset(columns=dataset.columns, **dataset.model_dump(include=SHOWN))
        session.result.datasets.append(summary)
        recording.record_dataset(session, summary)
        prepared.append(dataset)
    return prepared


SHOWN = {"name", "task", "target", "rows", "sha256", "path", "notes", "provenance", "caution", "epochs"}


def on_cluster(session: Session, subflow: Any) -> Any:
    """The subflow with its tasks on the study's cluster; a runner of its own would start another cluster."""
    return subflow.with_options(task_runner=DaskTaskRunner(address=session.address))


def finish(session: Session) -> State[Any]:
    """Write and store the report; the state says whether every cell completed."""
    result = session.result
    result.finished = recording.now()
    result.kept = sum(cell.kept for cell in result.cells)
    recording.link_cells(session)
    path = session.settings.home / "reports" / f"{session.journal.id}.html"
    result.links["report"] = str(path)
    complete(steps.report, result, str(path))
    state = verdict(result.cells)
    recording.finish_study(session, str(path), "FINISHED" if state.is_completed() else "FAILED")
    session.journal.result.write_text(result.model_dump_json(indent=2))
    watching().ended(result)
    if not state.is_completed():
        return Failed(message=state.message)  # under its usual name, which automations listen for
    session.journal.finish()
    return Completed(message=f"{state.message}; report: {path}")


def machine() -> str:
    """The machine in words."""
    memory = psutil.virtual_memory().total / 2**30
    system = f"{platform.system()} {platform.machine()}, Python {platform.python_version()}"
    return f"{usable_cores()} cores, {memory:.0f} GiB memory, {system}"
