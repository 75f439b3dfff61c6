"""A comparison on one data set: training, both searches and evaluation, on every engine."""

from typing import Any

from prefect import flow
from prefect.task_runners import ThreadPoolTaskRunner

from flows import recording
from flows.gathering import complete
from flows.session import Session, current_session, watching
from infra.engines import EngineName
from tasks import steps
from tasks.cells import CellRequest
from tasks.datasets.preparation import PreparedDataset
from tasks.evaluation import Scheme
from tasks.registry import algorithms_for
from tasks.results import Cell, Search

SEARCHES: tuple[Search, ...] = ("baseline", "grid", "random")
OUTER_FOLDS = 10


def in_this_process() -> Any:
    """Task runner of the Spark subflows: one session a process, and it is the flow's."""
    return ThreadPoolTaskRunner(max_workers=1)


@flow(name="compare", flow_run_name="compare {dataset.name}", validate_parameters=False)
def compare(dataset: PreparedDataset) -> None:
    """Fill every cell of a data set, one after the other so that none disturbs another; then evaluate.

    Its tasks run on the study's Dask cluster, but for Spark's, which are subflows of this process.
    """
    session = current_session()
    for engine in session.parameters.engines:
        if engine == "spark":
            spark_preparation(dataset)
            spark_training(dataset)
        else:
            fill(session, dataset, engine, {"address": session.address})
    evaluate(session, dataset)


@flow(name="spark-preparation", task_runner=in_this_process(), validate_parameters=False)
def spark_preparation(dataset: PreparedDataset) -> None:
    """Read the prepared table through Spark and make sure that it is the same table."""
    complete(steps.profile_on_spark, dataset, current_session().spark())


@flow(name="spark-training", task_runner=in_this_process(), validate_parameters=False)
def spark_training(dataset: PreparedDataset) -> None:
    """Train and search on Spark."""
    session = current_session()
    fill(session, dataset, "spark", {"engine": session.spark()})


def fill(session: Session, dataset: PreparedDataset, engine: EngineName, place: dict[str, Any]) -> None:
    """Run the cells of one engine; one that fails is recorded with its cause, and the others go on."""
    for request in requests(session, dataset, engine):
        watching().starting(request.title)
        recording.start_cell(session, request)
        step = steps.train if request.search == "baseline" else steps.search
        try:
            cell = complete(step, request, **place)
        except Exception as error:  # whatever a cell raises is its result; the study ends as failed
            cell = failed_cell(request, f"{type(error).__name__}: {error}")
        recording.record_cell(session, request, cell)
        session.result.cells.append(cell)
        session.run_keys.append(recording.run_key(session, request))
        watching().finished(cell)


def requests(session: Session, dataset: PreparedDataset, engine: EngineName) -> list[CellRequest]:
    """All cells of a data set on one engine."""
    parameters = session.parameters
    return [
        CellRequest(
            dataset=dataset,
            algorithm=algorithm.name,
            engine=engine,
            search=search,
            seed=parameters.seed,
            folds=parameters.folds,
            candidates=parameters.candidates,
            workers=session.workers,
            profile=parameters.profile,
            ledger=str(session.journal.ledger),
        )
        for algorithm in algorithms_for(dataset.task, parameters.algorithms)
        for search in SEARCHES
    ]


def failed_cell(request: CellRequest, cause: str) -> Cell:
    return Cell(
        dataset=request.dataset.name,
        algorithm=request.algorithm,
        engine=request.engine,
        search=request.search,
        status="failed",
        error=cause,
        workers=request.workers,
    )


def evaluate(session: Session, dataset: PreparedDataset) -> None:
    """Cross-validate what can be, draw the winners, and set the published figures beside ours."""
    result = session.result
    cells = [cell for cell in result.cells if cell.dataset == dataset.name]
    evaluations = []
    if dataset.task == "classification" and session.parameters.repeats:
        watching().starting(f"{dataset.name}: cross-validation, tuning inside the folds")
        ways = [
            (a.name, s) for a in algorithms_for(dataset.task, session.parameters.algorithms) for s in SEARCHES
        ]
        scheme = Scheme(
            folds=OUTER_FOLDS,
            repeats=session.parameters.repeats,
            seed=session.parameters.seed,
            candidates=session.parameters.candidates,
        )
        evaluations, comparisons = complete(
            steps.evaluate, dataset, ways, scheme, str(session.journal.ledger), session.address
        )
        result.evaluations += evaluations
        result.comparisons += comparisons
        for evaluation in evaluations:
            recording.record_evaluation(session, evaluation)
    pictures, published = complete(steps.illustrate, dataset, cells, evaluations)
    result.pictures += pictures
    result.published += published
