"""A comparison on one data set: training, both searches and evaluation, on every engine."""

import logging
from collections.abc import Callable
from typing import Any

from prefect import flow
from prefect.client.schemas.objects import State
from prefect.states import Completed, Failed
from prefect.task_runners import ThreadPoolTaskRunner

from flows import recording, registering
from flows.gathering import complete
from flows.session import Session, current_listener, current_session
from infra.engines import EngineName
from infra.errors import EngineError
from tasks import steps
from tasks.algorithms.base import ModelOptions
from tasks.cells import CellRequest
from tasks.datasets.prepared import PreparedDataset
from tasks.problems import problem_of
from tasks.recommendation import recommend
from tasks.registry import ALGORITHMS, algorithms_for
from tasks.results import Cell, Comparison, Evaluation, Recommendation

INCOMPLETE = (
    "Incomplete"  # name of the failed state of a subflow that ran to its end: its cells have the causes
)

Place = Callable[[], dict[str, Any]]
"""Function that gives the engine of a step as arguments, or raises why the engine cannot be had."""

log = logging.getLogger(__name__)


def in_this_process() -> Any:
    """Task runner of the Spark subflows: a process has one Spark session, and it is the flow's."""
    return ThreadPoolTaskRunner(max_workers=1)


@flow(name="compare", flow_run_name="compare {dataset.name}", validate_parameters=False)
def compare(dataset: PreparedDataset) -> State[Any]:
    """Fill every cell of a data set, one after the other so that none disturbs another; evaluate; recommend.

    Tasks run on the study's Dask cluster, except for Spark's, which are subflows of this process.
    """
    session = current_session()
    for engine in session.parameters.engines:
        _FILL[engine](session, dataset)
    evaluations, comparisons = evaluate(session, dataset)
    recommendation = answer(session, dataset, evaluations, comparisons)
    illustrate(session, dataset, evaluations, recommendation)
    return outcome(cells_of(session, dataset))


def in_one_process(session: Session, dataset: PreparedDataset) -> None:
    """Fill the cells of the engine `local`: each is one step on a worker of the study's cluster."""
    fill(session, dataset, "local", dict)


def on_dask(session: Session, dataset: PreparedDataset) -> None:
    """Fill the cells of Dask: each is a step on a worker, which shares the work with the others."""
    fill(session, dataset, "dask", lambda: {"address": session.address})


def on_spark(session: Session, dataset: PreparedDataset) -> None:
    """Prepare and train on Spark; should Spark not read the same table, its cells fail with that cause."""
    fault = None
    try:
        if problem_of(dataset.task).is_table:
            spark_preparation(dataset)
    except Exception as error:  # the other engines still have their turn
        fault = str(error) if isinstance(error, EngineError) else f"{type(error).__name__}: {error}"
    spark_training(dataset, fault, return_state=True)


_FILL: dict[EngineName, Callable[[Session, PreparedDataset], None]] = {
    "local": in_one_process,
    "dask": on_dask,
    "spark": on_spark,
}


@flow(name="spark-preparation", task_runner=in_this_process(), validate_parameters=False)
def spark_preparation(dataset: PreparedDataset) -> None:
    """Read the prepared table through Spark and make sure that it is the same table."""
    complete(steps.profile_on_spark, dataset, current_session().spark())


@flow(name="spark-training", task_runner=in_this_process(), validate_parameters=False)
def spark_training(dataset: PreparedDataset, fault: str | None) -> State[Any]:
    """Train and search on Spark, unless Spark has a fault that its cells must tell."""
    session = current_session()

    def place() -> dict[str, Any]:
        if fault:
            raise EngineError(fault)
        return {"engine": session.spark()}

    fill(session, dataset, "spark", place)
    return outcome([cell for cell in cells_of(session, dataset) if cell.engine == "spark"])


def fill(session: Session, dataset: PreparedDataset, engine: EngineName, place: Place) -> None:
    """Run the cells of one engine; a cell that fails is recorded with its cause, and the others go on.

    Parameters
    ----------
    session : Session
        The study.
    dataset : PreparedDataset
        The data set.
    engine : {"local", "dask", "spark"}
        The engine of the cells.
    place : callable
        Function that gives the engine of a step as arguments, or raises why the engine cannot be had.
    """
    for request in requests(session, dataset, engine):
        current_listener().starting(request.title)
        recording.start_cell(session, request)
        step = steps.STEPS[request.search]
        try:
            with recording.following(session, request):
                cell = complete(step, request, **place())
        except Exception as error:  # whatever a cell raises is its result; the study ends as failed
            log.info("%s failed", request.title, exc_info=True)
            cell = failed_cell(request, f"{type(error).__name__}: {error}")
        recording.record_cell(session, request, cell)
        session.result.cells.append(cell)
        current_listener().finished(cell)


def cells_of(session: Session, dataset: PreparedDataset) -> list[Cell]:
    """Return the cells of a data set so far."""
    return [cell for cell in session.result.cells if cell.dataset == dataset.name]


def outcome(cells: list[Cell]) -> State[Any]:
    """The state of a flow over its cells: Completed only if every cell completed, else Failed with the causes."""
    failed = [cell for cell in cells if cell.status == "failed"]
    if not failed:
        return Completed(message=f"{len(cells)} cells")
    causes = "; ".join(f"{c.dataset} {c.algorithm} {c.engine} {c.search}: {c.error}" for c in failed)
    return Failed(name=INCOMPLETE, message=f"{len(failed)} of {len(cells)} cells failed: {causes}")


def options_of(session: Session) -> ModelOptions:
    """Seed and budget of the study's models."""
    return ModelOptions(seed=session.parameters.seed, epochs=session.parameters.epochs)


def requests(session: Session, dataset: PreparedDataset, engine: EngineName) -> list[CellRequest]:
    """All cells of a data set on one engine.

    Parameters
    ----------
    session : Session
        The study.
    dataset : PreparedDataset
        The data set.
    engine : {"local", "dask", "spark"}
        The engine.
    """
    parameters = session.parameters
    return [
        CellRequest(
            dataset=dataset,
            algorithm=algorithm.name,
            engine=engine,
            search=search,
            options=options_of(session),
            folds=parameters.folds,
            candidates=parameters.candidates,
            workers=session.workers,
            profile=parameters.profile,
            folder=session.journal.folder,
        )
        for algorithm in algorithms_for(dataset.task, parameters.algorithms)
        for search in algorithm.searches
    ]


def failed_cell(request: CellRequest, cause: str) -> Cell:
    """The record of a cell that failed."""
    return Cell(
        dataset=request.dataset.name,
        algorithm=request.algorithm,
        engine=request.engine,
        search=request.search,
        status="failed",
        error=cause,
        workers=request.workers,
    )


def evaluate(session: Session, dataset: PreparedDataset) -> tuple[list[Evaluation], list[Comparison]]:
    """Cross-validate the ways to make a model, where the problem has a cross-validation and it is wanted."""
    problem, parameters = problem_of(dataset.task), session.parameters
    scheme = problem.evaluation_scheme(parameters.repeats, parameters.seed, parameters.candidates)
    if scheme is None:
        return [], []
    current_listener().starting(f"{dataset.name}: cross-validation, tuning inside the folds")
    algorithms = algorithms_for(dataset.task, parameters.algorithms)
    if problem.reference and ALGORITHMS[problem.reference] not in algorithms:
        algorithms.append(ALGORITHMS[problem.reference])
    evaluations, comparisons = complete(
        steps.evaluate,
        dataset,
        problem.evaluated_ways(algorithms),
        scheme,
        options_of(session),
        str(session.journal.folder.ledger),
        session.address,
    )
    session.result.evaluations += evaluations
    session.result.comparisons += comparisons
    for evaluation in evaluations:
        recording.record_evaluation(session, evaluation)
    return evaluations, comparisons


def answer(
    session: Session,
    dataset: PreparedDataset,
    evaluations: list[Evaluation],
    comparisons: list[Comparison],
) -> Recommendation:
    """Recommend a way to make a model; a cross-validated one is fitted on all rows and registered.

    Parameters
    ----------
    session : Session
        The study.
    dataset : PreparedDataset
        The data set.
    evaluations : list of Evaluation
        Its cross-validated ways.
    comparisons : list of Comparison
        Their paired differences.
    """
    cells = cells_of(session, dataset)
    recommendation = recommend(
        dataset.name,
        problem_of(dataset.task),
        cells,
        evaluations,
        comparisons,
        session.parameters.margin,
    )
    session.result.recommendations.append(recommendation)
    evaluation = next((one for one in evaluations if one.way == recommendation.way), None)
    if evaluation is not None:
        current_listener().starting(f"{dataset.name}: the recommended model, fitted on all rows")
        cell = next((c for c in cells if c.status == "completed" and c.way == evaluation.way), None)
        folder = session.journal.folder.model(dataset.name)
        params = cell.params if cell else {}
        complete(steps.fit_whole, dataset, evaluation.way, params, options_of(session), str(folder))
        registered = registering.register(session, dataset, evaluation, recommendation, folder)
        if registered:
            session.result.models.append(registered)
    return recommendation


def illustrate(
    session: Session,
    dataset: PreparedDataset,
    evaluations: list[Evaluation],
    recommendation: Recommendation,
) -> None:
    """Draw the best models, and set the published figures beside ours.

    Parameters
    ----------
    session : Session
        The study.
    dataset : PreparedDataset
        The data set.
    evaluations : list of Evaluation
        Its cross-validated ways.
    recommendation : Recommendation
        The way whose model is drawn.
    """
    pictures, published = complete(
        steps.illustrate, dataset, cells_of(session, dataset), evaluations, recommendation
    )
    session.result.pictures += pictures
    session.result.published += published
