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
from flows.session import Session, current_session, watching
from infra.engines import EngineName
from infra.errors import EngineError
from tasks import steps
from tasks.cells import CellRequest
from tasks.champion import best_of
from tasks.datasets.prepared import PreparedDataset
from tasks.evaluation import Scheme
from tasks.registry import FLOOR, algorithms_for
from tasks.results import Cell, Evaluation, Search

SEARCHES: tuple[Search, ...] = ("baseline", "grid", "random")
OUTER_FOLDS = 10
VISION_FOLDS = 3
INCOMPLETE = (
    "Incomplete"  # name of the failed state of a subflow that ran to its end: its cells have the causes
)

Place = Callable[[], dict[str, Any]]
"""Where a step runs, as its arguments; raises why that place cannot be had."""

log = logging.getLogger(__name__)


def in_this_process() -> Any:
    """Task runner of the Spark subflows: one session a process, and it is the flow's."""
    return ThreadPoolTaskRunner(max_workers=1)


@flow(name="compare", flow_run_name="compare {dataset.name}", validate_parameters=False)
def compare(dataset: PreparedDataset) -> State[Any]:
    """Fill every cell of a data set, one after the other so that none disturbs another; then evaluate.

    Its tasks run on the study's Dask cluster, but for Spark's, which are subflows of this process.
    """
    session = current_session()
    for engine in session.parameters.engines:
        if engine == "spark":
            on_spark(session, dataset)
        else:
            fill(session, dataset, engine, lambda: {"address": session.address})
    evaluate(session, dataset)
    return verdict(cells_of(session, dataset))


def on_spark(session: Session, dataset: PreparedDataset) -> None:
    """Prepare and train on Spark; should Spark not read the same table, its cells fail with that cause."""
    try:
        if dataset.task != "vision":  # images are no table
            spark_preparation(dataset)
        fault = None
    except Exception as error:  # the other engines go on
        fault = str(error) if isinstance(error, EngineError) else f"{type(error).__name__}: {error}"
    spark_training(dataset, fault, return_state=True)


@flow(name="spark-preparation", task_runner=in_this_process(), validate_parameters=False)
def spark_preparation(dataset: PreparedDataset) -> None:
    """Read the prepared table through Spark and make sure that it is the same table."""
    complete(steps.profile_on_spark, dataset, current_session().spark())


@flow(name="spark-training", task_runner=in_this_process(), validate_parameters=False)
def spark_training(dataset: PreparedDataset, fault: str | None) -> State[Any]:
    """Train and search on Spark, unless it has a fault that its cells must tell."""
    session = current_session()

    def place() -> dict[str, Any]:
        if fault:
            raise EngineError(fault)
        return {"engine": session.spark()}

    fill(session, dataset, "spark", place)
    return verdict([cell for cell in cells_of(session, dataset) if cell.engine == "spark"])


def fill(session: Session, dataset: PreparedDataset, engine: EngineName, place: Place) -> None:
    """Run the cells of one engine; one that fails is recorded with its cause, and the others go on."""
    for request in requests(session, dataset, engine):
        watching().starting(request.title)
        recording.start_cell(session, request)
        step = steps.train if request.search == "baseline" else steps.search
        try:
            with recording.following(session, request):
                cell = complete(step, request, **place())
        except Exception as error:  # whatever a cell raises is its result; the study ends as failed
            log.info("%s failed", request.title, exc_info=True)
            cell = failed_cell(request, f"{type(error).__name__}: {error}")
        recording.record_cell(session, request, cell)
        session.result.cells.append(cell)
        session.run_keys.append(recording.run_key(session, request))
        watching().finished(cell)


def cells_of(session: Session, dataset: PreparedDataset) -> list[Cell]:
    """Return the cells of a data set that are there."""
    return [cell for cell in session.result.cells if cell.dataset == dataset.name]


def verdict(cells: list[Cell]) -> State[Any]:
    """The state of a flow over its cells: Completed only if every one of them did, else the causes."""
    failed = [cell for cell in cells if cell.status == "failed"]
    if not failed:
        return Completed(message=f"{len(cells)} cells")
    causes = "; ".join(f"{c.dataset} {c.algorithm} {c.engine} {c.search}: {c.error}" for c in failed)
    return Failed(name=INCOMPLETE, message=f"{len(failed)} of {len(cells)} cells failed: {causes}")


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


def register_best(session: Session, dataset: PreparedDataset, evaluations: list[Evaluation]) -> None:
    """Register the way with the best cross-validated mean, fitted on all rows."""
    best = best_of([evaluation for evaluation in evaluations if evaluation.algorithm != FLOOR.name])
    cells = [c for c in cells_of(session, dataset) if c.status == "completed"]
    cell = next((c for c in cells if best and (c.algorithm, c.search) == (best.algorithm, best.search)), None)
    if best is None or cell is None:
        return
    watching().starting(f"{dataset.name}: the best model, fitted on all rows")
    folder = session.settings.home / "models" / f"{session.journal.id}-{dataset.name}"
    complete(steps.fit_best, dataset, cell, session.parameters.seed, str(folder))
    registered = registering.register(session, dataset, best, folder)
    if registered:
        session.result.models.append(registered)


def evaluate(session: Session, dataset: PreparedDataset) -> None:
    """Cross-validate what can be, draw the winners, and set the published figures beside ours."""
    result = session.result
    cells = cells_of(session, dataset)
    evaluations = []
    if dataset.task != "clustering" and session.parameters.repeats:
        watching().starting(f"{dataset.name}: cross-validation, tuning inside the folds")
        vision = dataset.task == "vision"
        algorithms = algorithms_for(dataset.task, session.parameters.algorithms)
        # a network takes too long to be tuned anew in each fold, and a line through pixels is no floor
        ways = [(a.name, s) for a in algorithms for s in (SEARCHES[:1] if vision else SEARCHES)]
        ways += [(FLOOR.name, SEARCHES[0])] * (not vision)
        scheme = Scheme(
            folds=VISION_FOLDS if vision else OUTER_FOLDS,
            repeats=1 if vision else session.parameters.repeats,
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
        register_best(session, dataset, evaluations)
    pictures, published = complete(steps.illustrate, dataset, cells, evaluations)
    result.pictures += pictures
    result.published += published
