"""The Prefect tasks: coarse steps that a person wants to see, each a thin frame around plain code."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import Any

from prefect import task
from prefect.cache_policies import NO_CACHE

from infra.display import ProgressArtifact
from infra.engines import Engine, connect
from infra.ledger import Ledger
from tasks import evaluation
from tasks.cells import CellRequest, run_cell
from tasks.champion import fit_whole
from tasks.compiling import compile_kernels
from tasks.datasets.catalogue import Task, resolve
from tasks.datasets.preparation import prepare as prepare_dataset
from tasks.datasets.prepared import PreparedDataset
from tasks.datasets.spark_profile import profile_with_spark
from tasks.pictures import pictures
from tasks.published import beside_published
from tasks.report.html import write
from tasks.results import Cell, Comparison, Evaluation, Picture, Published, Search, StudyResult


@task(task_run_name="prepare {data}", cache_policy=NO_CACHE)
def prepare(
    data: str,
    target: str | None,
    task: Task | None,
    folder: str,
    folds: int,
    epochs: int | None,
    address: str,
) -> PreparedDataset:
    """Read, check and clean a data set; write it once, with its digest, as Parquet or packed images."""
    source = resolve(data, target, task)
    images = source.task == "vision"
    with (
        connect("dask", address=address) if images else nullcontext() as engine,
        ProgressArtifact(f"{data}: done") as progress,
    ):
        prepared = prepare_dataset(
            source, Path(folder), folds=folds, epochs=epochs, progress=progress, engine=engine
        )
    if prepared.task == "clustering":
        compile_kernels()
    return prepared


@task(task_run_name="profile {dataset.name} on spark", cache_policy=NO_CACHE)
def profile_on_spark(dataset: PreparedDataset, engine: Any) -> dict[str, dict[str, float]]:
    """Read the prepared table through Spark and make sure that it is the table the others read."""
    return profile_with_spark(dataset, engine.session)


@task(task_run_name="train {request.title}", cache_policy=NO_CACHE)
def train(request: CellRequest, address: str | None = None, engine: Engine | None = None) -> Cell:
    """Train an algorithm with its default parameters and measure it."""
    with _on(request, address, engine) as connected:
        return run_cell(request, connected)


@task(task_run_name="search {request.title}", cache_policy=NO_CACHE)
def search(request: CellRequest, address: str | None = None, engine: Engine | None = None) -> Cell:
    """Search an algorithm's parameters; every trial is a task of the engine."""
    with (
        _on(request, address, engine) as connected,
        ProgressArtifact(f"{request.title}: fits done") as progress,
    ):
        return run_cell(request, connected, progress)


@task(task_run_name="evaluate {dataset.name}", cache_policy=NO_CACHE)
def evaluate(
    dataset: PreparedDataset,
    ways: Sequence[tuple[str, Search]],
    scheme: evaluation.Scheme,
    ledger: str,
    address: str,
) -> tuple[list[Evaluation], list[Comparison]]:
    """Cross-validate every way to make a model on the same folds, tuning inside them, and compare."""
    with (
        connect("dask", address=address) as engine,
        ProgressArtifact(f"evaluate {dataset.name}: folds done") as progress,
    ):
        scope = f"evaluate/{dataset.sha256[:12]}/{scheme}/"
        found = evaluation.evaluate(dataset, ways, scheme, engine, Ledger(ledger, scope), progress)
    return found, evaluation.compare(found)


@task(task_run_name="illustrate {dataset.name}", cache_policy=NO_CACHE)
def illustrate(
    dataset: PreparedDataset, cells: list[Cell], evaluations: list[Evaluation]
) -> tuple[list[Picture], list[Published]]:
    """Draw the winners and set the published figures beside ours."""
    return pictures(dataset, cells, evaluations), beside_published(dataset, cells, evaluations)


@task(task_run_name="fit the best model of {dataset.name}", cache_policy=NO_CACHE)
def fit_best(dataset: PreparedDataset, cell: Cell, seed: int, folder: str) -> str:
    """Fit the best way to make a model on all rows of a data set, and write it to a folder."""
    return str(fit_whole(dataset, cell, seed, Path(folder)))


@task(name="report", task_run_name="report", cache_policy=NO_CACHE)
def report(result: StudyResult, path: str) -> str:
    """Write the study's report: one self-contained HTML file."""
    return str(write(result, Path(path)))


@contextmanager
def _on(request: CellRequest, address: str | None, engine: Engine | None) -> Iterator[Engine]:
    """The engine handed over, or one of the request's kind; it outlives the step only if handed over."""
    if engine is not None:
        yield engine
    elif request.engine == "dask":
        with connect("dask", address=address) as connected:
            yield connected
    else:
        with connect(request.engine, workers=request.workers) as connected:
            yield connected
