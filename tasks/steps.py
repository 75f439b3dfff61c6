"""The Prefect tasks: the steps that a user sees in the UI, each a thin wrapper of plain code."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

from prefect import Task, task
from prefect.cache_policies import NO_CACHE

from infra.display import ProgressArtifact
from infra.engines import Engine, connect
from infra.ledger import Ledger
from infra.progress_file import ProgressFile
from tasks import champion, evaluation
from tasks.algorithms.base import ModelOptions
from tasks.cell_request import CellRequest
from tasks.cells import run_cell
from tasks.datasets import catalogue
from tasks.datasets.large.plan import Plan
from tasks.datasets.options import ReadingOptions
from tasks.datasets.planning import Begun, carried_out
from tasks.datasets.prepared import PreparedDataset
from tasks.datasets.spark_profile import profile_with_spark
from tasks.large.drawn_rows import DrawnRows
from tasks.problems import EvaluationScheme, problem_of
from tasks.published import beside_published
from tasks.report.html import write
from tasks.results import (
    Cell,
    Comparison,
    Evaluation,
    Parameter,
    Picture,
    Published,
    Recommendation,
    Search,
    StudyResult,
    Way,
)


@task(task_run_name="prepare {data}", cache_policy=NO_CACHE)
def prepare(
    data: str,
    target: str | None,
    task: catalogue.Task | None,
    options: ReadingOptions,
    folder: str,
    folds: int,
    first_look: bool,
    address: str,
    ready: Begun | None,
) -> PreparedDataset:
    """Read, check and clean a data set; write it once, with its digest, as Parquet or packed images.

    Parameters
    ----------
    data : str
        Name of a data set in the catalogue, or path of the user's own file or folder.
    target : str, optional
        Column to predict.
    task : {"classification", "regression"}, optional
        Kind of the target; None: the values of the target decide.
    options : ReadingOptions
        What the user says about the reading of the table.
    folder : str
        Folder where prepared data are kept.
    folds : int
        Number of folds that every class must be large enough for.
    first_look : bool
        Whether a sample is enough where all rows would take long.
    address : str
        Address of the Dask scheduler whose workers decode images and write the rows of large tables.
    ready : PreparedDataset or Plan, optional
        The data set, if it was prepared before the cluster started, which is then not prepared again; or its plan.
    """
    if isinstance(ready, PreparedDataset):
        return ready

    def open_engine() -> Engine:
        return connect("dask", address=address)

    with ProgressArtifact(f"{data}: done") as progress:
        if ready is not None:
            return carried_out(ready, open_engine, progress)
        source = catalogue.resolve(data, target, task, options)
        return problem_of(source.task).prepare(
            source,
            Path(folder),
            folds=folds,
            first_look=first_look,
            progress=progress,
            open_engine=open_engine,
        )


@task(task_run_name="prepare {data} on spark", cache_policy=NO_CACHE)
def prepare_on_spark(data: str, plan: Plan, engine: Any) -> PreparedDataset:
    """Write the rows of a large table with Spark's workers.

    Parameters
    ----------
    data : str
        Word that names the table in the study's parameters.
    plan : Plan
        The plan of the preparation.
    engine : SparkEngine
        The connected engine, which the step leaves open.
    """
    with ProgressArtifact(f"{data}: parts done") as progress:
        return plan.carry_out(engine, progress)


@task(task_run_name="draw rows of {dataset.name}", cache_policy=NO_CACHE)
def draw_rows(dataset: PreparedDataset, seed: int) -> None:
    """Draw the held-out rows and the rows of searches from a large table, and keep them beside the table.

    Parameters
    ----------
    dataset : PreparedDataset
        The large table.
    seed : int
        Seed of the study.
    """
    with ProgressArtifact(f"{dataset.name}: row groups read") as progress:
        DrawnRows(dataset, seed).draw(progress)


@task(task_run_name="profile {dataset.name} on spark", cache_policy=NO_CACHE)
def profile_on_spark(dataset: PreparedDataset, engine: Any) -> dict[str, dict[str, float]]:
    """Read the prepared table with Spark, and check that it equals the table that the other engines read."""
    return profile_with_spark(dataset, engine.session)


@task(task_run_name="train {request.title}", cache_policy=NO_CACHE)
def train(request: CellRequest, address: str | None = None, engine: Engine | None = None) -> Cell:
    """Train an algorithm with its default parameters and measure it.

    Parameters
    ----------
    request : CellRequest
        What to train.
    address : str, optional
        Address of the Dask scheduler to connect to.
    engine : Engine, optional
        A connected engine, which the step leaves open.
    """
    with (
        _on(request, address, engine) as connected,
        _progress(request, "fit, then scores; done") as progress,
    ):
        return run_cell(request, connected, progress)


@task(task_run_name="search {request.title}", cache_policy=NO_CACHE)
def search(request: CellRequest, address: str | None = None, engine: Engine | None = None) -> Cell:
    """Search an algorithm's parameters; every trial is a task of the engine.

    Parameters
    ----------
    request : CellRequest
        What to search.
    address : str, optional
        Address of the Dask scheduler to connect to.
    engine : Engine, optional
        A connected engine, which the step leaves open.
    """
    with (
        _on(request, address, engine) as connected,
        _progress(request, "search, then the fit of its winner; fits of the search done") as progress,
    ):
        return run_cell(request, connected, progress)


STEPS: Mapping[Search, Task[..., Cell]] = {"baseline": train, "grid": search, "random": search}


@task(task_run_name="evaluate {dataset.name}", cache_policy=NO_CACHE)
def evaluate(
    dataset: PreparedDataset,
    ways: Sequence[Way],
    scheme: EvaluationScheme,
    options: ModelOptions,
    ledger: str,
    address: str,
) -> tuple[list[Evaluation], list[Comparison]]:
    """Cross-validate every way to make a model on the same folds, tuning inside them, and compare.

    Parameters
    ----------
    dataset : PreparedDataset
        The data set.
    ways : sequence of Way
        The ways to evaluate.
    scheme : EvaluationScheme
        Folds, repeats and seed.
    options : ModelOptions
        Seed and budget of the models.
    ledger : str
        Path of the study's ledger.
    address : str
        Address of the Dask scheduler whose workers compute the folds.
    """
    with (
        connect("dask", address=address) as engine,
        ProgressArtifact(f"evaluate {dataset.name}: folds done") as progress,
    ):
        scope = f"evaluate/{dataset.sha256[:12]}/{scheme}/{options}/"
        found = evaluation.evaluate(dataset, ways, scheme, options, engine, Ledger(ledger, scope), progress)
    return found, evaluation.compare(found)


@task(task_run_name="illustrate {dataset.name}", cache_policy=NO_CACHE)
def illustrate(
    dataset: PreparedDataset,
    cells: list[Cell],
    evaluations: list[Evaluation],
    recommendation: Recommendation,
) -> tuple[list[Picture], list[Published]]:
    """Draw the best models, and quote the published figures beside ours.

    Parameters
    ----------
    dataset : PreparedDataset
        The data set.
    cells : list of Cell
        The cells of the data set.
    evaluations : list of Evaluation
        The cross-validated ways of the data set.
    recommendation : Recommendation
        The way whose model is drawn.
    """
    done = [cell for cell in cells if cell.status == "completed"]
    with ProgressArtifact(f"pictures of {dataset.name}: predictions made") as progress:
        pictures = problem_of(dataset.task).pictures(dataset, done, recommendation, progress)
    return pictures, beside_published(dataset, done, evaluations)


@task(task_run_name="fit {way.algorithm} {way.search} on all rows of {dataset.name}", cache_policy=NO_CACHE)
def fit_whole(
    dataset: PreparedDataset,
    way: Way,
    params: dict[str, Parameter],
    options: ModelOptions,
    folder: str,
) -> str:
    """Fit the recommended model on all rows of a data set, and write it to a folder.

    Parameters
    ----------
    dataset : PreparedDataset
        The data set.
    way : Way
        The recommended way.
    params : dict of str to value
        Parameters that the way's search found.
    options : ModelOptions
        Seed and budget of the model.
    folder : str
        Folder of the model's files.
    """
    return str(champion.fit_whole(dataset, way, params, options, Path(folder)))


@task(name="report", task_run_name="report", cache_policy=NO_CACHE)
def report(result: StudyResult, path: str) -> str:
    """Write the study's report: one self-contained HTML file."""
    return str(write(result, Path(path)))


def _progress(request: CellRequest, what: str) -> ProgressArtifact:
    """Progress of a cell, on Prefect's pages and in the terminal of the study."""
    told = partial(ProgressFile(request.folder.progress).write, request.title)
    return ProgressArtifact(f"{request.title}: {what}", told)


@contextmanager
def _on(request: CellRequest, address: str | None, engine: Engine | None) -> Iterator[Engine]:
    """Yield the given engine; without one, connect to the request's engine and close the connection afterwards."""
    if engine is not None:
        yield engine
        return
    if address is None:
        connected = connect(request.engine, workers=request.workers, memory_limit=request.thread_memory)
    else:
        connected = connect(request.engine, address=address)
    with connected:
        yield connected
