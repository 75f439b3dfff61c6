"""A comparison on one data set: training, both searches and evaluation, on every engine."""

import logging
import shutil
from collections.abc import Callable, Sequence
from typing import Any

from prefect import flow
from prefect.client.schemas.objects import State
from prefect.states import Completed, Failed

from flows import recording, registering
from flows.gathering import Place, complete
from flows.session import Session, current_listener, current_session
from flows.spark_preparing import in_this_process, spark_preparation
from infra.engines import EngineName
from infra.errors import EngineError
from tasks import evaluation, steps
from tasks.algorithms.base import Algorithm, ModelOptions
from tasks.cell_request import CellRequest
from tasks.datasets.prepared import PreparedDataset
from tasks.datasets.spark_profile import told_columns, why_not_profiled
from tasks.problems import problem_of
from tasks.recommendation import recommend
from tasks.registry import ALGORITHMS, algorithms_for
from tasks.report.sentences import size_lines
from tasks.results import (
    Cell,
    Comparison,
    Evaluation,
    Parameter,
    Recommendation,
    Way,
    fastest_of_each_way,
)

INCOMPLETE = "Incomplete"  # name of the Failed state of a subflow that ran to its end with failed cells

log = logging.getLogger(__name__)


@flow(name="compare", flow_run_name="compare {name}", validate_parameters=False)
def compare(name: str) -> State[Any]:
    """Compute every cell of a data set, evaluate, recommend, and draw the pictures.

    The cells run one after the other, so that no cell disturbs the measurement of another. Tasks run on the study's
    Dask cluster, except for the tasks of Spark, which run in subflows of this process.
    """
    session = current_session()
    dataset = session.datasets[name]
    for engine in session.parameters.engines:
        _FILL[engine](session, dataset)
    evaluations, comparisons = evaluate(session, dataset)
    recommendation = answer(session, dataset, evaluations, comparisons)
    illustrate(session, dataset, evaluations, recommendation)
    return outcome(cells_of(session, dataset))


def in_one_process(session: Session, dataset: PreparedDataset) -> None:
    """Compute the cells of the engine `local`: each cell is one step on a worker of the study's cluster."""
    fill(session, dataset, "local", dict)


def on_dask(session: Session, dataset: PreparedDataset) -> None:
    """Compute the cells of Dask: each cell is a step on a worker, which distributes work to the other workers."""
    fill(session, dataset, "dask", lambda: {"address": session.address})


def on_spark(session: Session, dataset: PreparedDataset) -> None:
    """Check the table and train on Spark; if Spark does not read the same table, its cells fail with that cause."""
    fault = None
    try:
        if problem_of(dataset.task).is_table and not why_not_profiled(dataset):
            current_listener().starting(
                f"{dataset.name}: Spark reads the prepared table{told_columns(dataset)}"
            )
            spark_preparation(dataset.name)
    except Exception as error:  # the cells of the other engines must still run
        fault = str(error) if isinstance(error, EngineError) else f"{type(error).__name__}: {error}"
    spark_training(dataset.name, fault, return_state=True)


_FILL: dict[EngineName, Callable[[Session, PreparedDataset], None]] = {
    "local": in_one_process,
    "dask": on_dask,
    "spark": on_spark,
}


@flow(name="spark-training", task_runner=in_this_process(), validate_parameters=False)
def spark_training(name: str, fault: str | None) -> State[Any]:
    """Train and search on Spark; if there is a fault, every cell of Spark fails with the fault as its cause."""
    session = current_session()
    dataset = session.datasets[name]

    def place() -> dict[str, Any]:
        if fault:
            raise EngineError(fault)
        return {"engine": session.spark()}

    fill(session, dataset, "spark", place)
    return outcome([cell for cell in cells_of(session, dataset) if cell.engine == "spark"])


def fill(session: Session, dataset: PreparedDataset, engine: EngineName, place: Place) -> None:
    """Run the cells of one engine; a cell that fails is recorded with its cause, and the next cell runs.

    Parameters
    ----------
    session : Session
        The study.
    dataset : PreparedDataset
        The data set.
    engine : {"local", "dask", "spark"}
        The engine of the cells.
    place : callable
        Function that gives the arguments that name the engine of a step; raises EngineError if there is no engine.
    """
    for request in requests(session, dataset, engine):
        current_listener().starting(request.title)
        recording.start_cell(session, request)
        step = steps.STEPS[request.search]
        try:
            with recording.following(session, request):
                cell = complete(step, request, place=place)
        except Exception as error:  # any error becomes the result of the cell, and the study ends as Failed
            log.info("%s failed", request.title, exc_info=True)
            cell = request.unfinished("failed", f"{type(error).__name__}: {error}")
        recording.record_cell(session, request, cell)
        session.result.cells.append(cell)
        current_listener().finished(cell)


def cells_of(session: Session, dataset: PreparedDataset) -> list[Cell]:
    """Return the cells of a data set that have a result so far."""
    return [cell for cell in session.result.cells if cell.dataset == dataset.name]


def outcome(cells: list[Cell]) -> State[Any]:
    """State of a flow by its cells: Failed with the causes if a cell failed, else Completed.

    A cell that was not run, because its table is too large for it, is no failure.
    """
    failed = [cell for cell in cells if cell.status == "failed"]
    if not failed:
        return Completed(message="; ".join([f"{len(cells)} cells", *size_lines(cells)]))
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
    memory = session.cluster.worker_memory
    algorithms = algorithms_for(dataset.task, parameters.algorithms)
    if dataset.by_blocks and engine == parameters.engines[0]:
        algorithms = with_reference(dataset, algorithms)
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
            # the engine `local` is a worker of the study's cluster with several threads
            thread_memory=memory and memory // session.workers,
            profile=parameters.profile,
            folder=session.journal.folder,
        )
        for algorithm in algorithms
        for search in algorithm.searches
    ]


def with_reference(dataset: PreparedDataset, algorithms: list[Algorithm]) -> list[Algorithm]:
    """Return the algorithms and the reference of the data set's problem, which is always measured.

    Parameters
    ----------
    dataset : PreparedDataset
        The data set.
    algorithms : list of Algorithm
        The algorithms that the user wants.
    """
    reference = problem_of(dataset.task).reference
    if reference is None or ALGORITHMS[reference] in algorithms:
        return algorithms
    return [*algorithms, ALGORITHMS[reference]]


def evaluate(session: Session, dataset: PreparedDataset) -> tuple[list[Evaluation], list[Comparison]]:
    """Cross-validate the ways to make a model, if the problem has a cross-validation and the user wants one.

    The ways to make a model of a large table are evaluated on its hold-out.
    """
    problem, parameters = problem_of(dataset.task), session.parameters
    if dataset.by_blocks:
        return evaluate_on_holdout(session, dataset)
    scheme = problem.evaluation_scheme(parameters.repeats, parameters.seed, parameters.candidates)
    if scheme is None:
        return [], []
    current_listener().starting(f"{dataset.name}: cross-validation, tuning inside the folds")
    algorithms = with_reference(dataset, algorithms_for(dataset.task, parameters.algorithms))
    evaluations, comparisons = complete(
        steps.evaluate,
        dataset,
        problem.evaluated_ways(algorithms),
        scheme,
        options_of(session),
        str(session.journal.folder.ledger),
        session.address,
    )
    return keep_evaluations(session, evaluations, comparisons)


def evaluate_on_holdout(
    session: Session, dataset: PreparedDataset
) -> tuple[list[Evaluation], list[Comparison]]:
    """Evaluate the ways to make a model of a large table by the hold-out of their cells."""
    done = [cell for cell in cells_of(session, dataset) if cell.status == "completed"]
    found = evaluation.holdout_evaluations(dataset, done)
    return keep_evaluations(session, found, evaluation.compare(found))


def keep_evaluations(
    session: Session, evaluations: list[Evaluation], comparisons: list[Comparison]
) -> tuple[list[Evaluation], list[Comparison]]:
    """Record evaluations and their comparisons, and return both.

    Parameters
    ----------
    session : Session
        The study.
    evaluations : list of Evaluation
        The evaluated ways of a data set.
    comparisons : list of Comparison
        The paired differences between the evaluations.
    """
    session.result.evaluations += evaluations
    session.result.comparisons += comparisons
    for one in evaluations:
        recording.record_evaluation(session, one)
    return evaluations, comparisons


def parameters_of(way: Way, cells: Sequence[Cell]) -> dict[str, Parameter] | None:
    """Parameters with which a way makes its model: those of its cell; None where no cell completed its search.

    Parameters
    ----------
    way : Way
        Algorithm and search.
    cells : sequence of Cell
        The cells of the data set.
    """
    cell = cell_of(way, cells)
    if cell is None:
        return {} if way.is_baseline else None
    return cell.params


def cell_of(way: Way | None, cells: Sequence[Cell]) -> Cell | None:
    """The completed cell whose model stands for a way: the fastest one; None where no cell completed.

    Parameters
    ----------
    way : Way, optional
        Algorithm and search.
    cells : sequence of Cell
        The cells of the data set.
    """
    done = [cell for cell in cells if cell.status == "completed"]
    return fastest_of_each_way(done).get(way) if way else None


def answer(
    session: Session,
    dataset: PreparedDataset,
    evaluations: list[Evaluation],
    comparisons: list[Comparison],
) -> Recommendation:
    """Recommend a way to make a model; if the way was evaluated, fit it on all rows and register the model.

    Of a large table, the measured model itself is registered. A searched way of which no cell completed is not fitted:
    the parameters that its search finds are not known.

    Parameters
    ----------
    session : Session
        The study.
    dataset : PreparedDataset
        The data set.
    evaluations : list of Evaluation
        The cross-validated ways of the data set.
    comparisons : list of Comparison
        The paired differences between the evaluations.
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
    chosen = next((one for one in evaluations if one.way == recommendation.way), None)
    params = parameters_of(chosen.way, cells) if chosen else None
    if chosen is not None and params is not None:
        folder = session.journal.folder.model(dataset.name)
        cell = cell_of(chosen.way, cells)
        if cell and cell.model:  # a large table's: the model that was measured
            shutil.copytree(cell.model, folder, dirs_exist_ok=True)
        else:
            current_listener().starting(f"{dataset.name}: the recommended model, fitted on all rows")
            complete(steps.fit_whole, dataset, chosen.way, params, options_of(session), str(folder))
        registered = registering.register(session, dataset, chosen, recommendation, folder)
        if registered:
            session.result.models.append(registered)
    return recommendation


def illustrate(
    session: Session,
    dataset: PreparedDataset,
    evaluations: list[Evaluation],
    recommendation: Recommendation,
) -> None:
    """Draw the best models, and quote the published figures beside ours.

    Parameters
    ----------
    session : Session
        The study.
    dataset : PreparedDataset
        The data set.
    evaluations : list of Evaluation
        The cross-validated ways of the data set.
    recommendation : Recommendation
        The way whose model is drawn.
    """
    current_listener().starting(f"{dataset.name}: pictures of the best models")
    pictures, published = complete(
        steps.illustrate, dataset, cells_of(session, dataset), evaluations, recommendation
    )
    session.result.pictures += pictures
    session.result.published += published
