"""One cell of a study: an algorithm on an engine, as baseline or searched, measured while it runs."""

import hashlib
import math
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal

import numpy as np
from pydantic import BaseModel, ConfigDict, Field
from sklearn.base import clone
from sklearn.pipeline import Pipeline

from infra.engines import Engine, EngineName
from infra.engines.profiled import ProfiledEngine
from infra.errors import EngineError
from infra.ledger import Ledger
from infra.monitoring import Monitor
from infra.profiling import merge_profiles, profiled, top_table
from infra.study_folder import StudyFolder
from tasks.algorithms.base import ModelOptions
from tasks.datasets.prepared import PreparedDataset
from tasks.problems import problem_of
from tasks.registry import ALGORITHMS, AlgorithmName
from tasks.results import Cell, Search, Trial
from tasks.search.base import BaseSearch
from tasks.search.trial_runner import SearchProgress
from tasks.search_plans import SearchPlan, plan_estimator
from tasks.size_limits import refusal

Fit = Callable[[Any, Any], Any]
"""Function that fits an estimator to features and target, and returns the fitted estimator."""


class CellRequest(BaseModel):
    """Everything that determines a cell's results; small enough to be sent to the process that runs the cell."""

    model_config = ConfigDict(frozen=True)

    dataset: PreparedDataset
    algorithm: AlgorithmName
    engine: EngineName
    search: Search
    options: ModelOptions
    folds: int = Field(description="Number of folds that score a candidate.")
    candidates: int = Field(description="Number of candidates that a random search draws.")
    workers: int = Field(description="Number of workers of the engine.")
    profile: bool = Field(False, description="Whether driver and workers are profiled.")
    folder: StudyFolder = Field(description="Folder of the study: ledger, curves, checkpoints, networks.")

    @property
    def key(self) -> str:
        """Name of the cell in its study, with a digest of everything that the cell's results depend on."""
        words = {"notes", "caution", "provenance"}  # texts, which do not change results
        exclude: Any = {"folder": True, "dataset": words}
        digest = hashlib.sha256(self.model_dump_json(exclude=exclude).encode()).hexdigest()[:8]
        return f"{self.dataset.name}/{self.algorithm}/{self.engine}/{self.search}/{digest}"

    @property
    def title(self) -> str:
        """Title of the cell: data set, algorithm, engine and search."""
        return f"{self.dataset.name} {self.algorithm} {self.engine} {self.search}"

    def unfinished(self, status: Literal["failed", "too_large"], error: str) -> Cell:
        """Record of a cell that has no result, with the reason."""
        return Cell(
            dataset=self.dataset.name,
            algorithm=self.algorithm,
            engine=self.engine,
            search=self.search,
            status=status,
            error=error,
            workers=self.workers,
        )


def run_cell(request: CellRequest, engine: Engine, progress: SearchProgress | None = None) -> Cell:
    """Train or search on an engine, then score; a cell that is in the ledger is not computed again.

    A cell whose table has too many rows for it, by an estimate made beforehand, is not run. Only the training or search
    is measured, not the reading and the scoring.

    Parameters
    ----------
    request : CellRequest
        What to train or search.
    engine : Engine
        The engine that does the work.
    progress : callable, optional
        Function that is called with the progress: of the fits of a search; of the fit and its scores without one.

    Returns
    -------
    Cell
        The result, which is now in the ledger.
    """
    ledger = Ledger(request.folder.ledger)
    recorded = ledger.get(request.key)
    if recorded is not None:
        cell = Cell.model_validate(recorded)
        cell = cell.model_copy(update={"kept": _trials_kept(cell)})
    elif reason := refusal(request.dataset, ALGORITHMS[request.algorithm], engine, ledger):
        cell = request.unfinished("too_large", reason)
        ledger.put(request.key, cell.model_dump(mode="json"))
    else:
        cell = _compute(request, engine, ledger, progress)
        ledger.put(request.key, cell.model_dump(mode="json"))
    shutil.rmtree(request.folder.checkpoints(request.key), ignore_errors=True)
    return cell


def _silent(_done: int, _total: int, _best: float | None) -> None:
    """Tell nobody about the progress."""


def _trials_kept(cell: Cell) -> int:
    return sum(len(trial.scores) for trial in cell.trials)


def _compute(request: CellRequest, engine: Engine, ledger: Ledger, progress: SearchProgress | None) -> Cell:
    problem = problem_of(request.dataset.task)
    used = ProfiledEngine(engine) if request.profile else engine
    split = problem.split(request.dataset)
    fit = _fit_of(request, used, ledger.scoped(request.key + "/"), progress)
    follow = progress if request.search == "baseline" and progress else _silent  # a search tells its own fits
    follow(0, 2, None)
    with Monitor(watch=engine.worker_pids) as monitor:
        fitted, profile = _profiled_fit(fit, split.X, split.y, used)
    follow(1, 2, None)
    winner: Pipeline = fitted.best_estimator_ if isinstance(fitted, BaseSearch) else fitted
    return Cell(
        dataset=request.dataset.name,
        algorithm=request.algorithm,
        engine=request.engine,
        search=request.search,
        implementation=_implementation(winner, engine),
        workers=engine.workers,
        params=_parameters(winner),
        space=problem.space,
        score_name=problem.metric,
        metrics=problem.quality(request.dataset, winner, split, engine),
        curve=getattr(winner[-1], "history_", []),
        network=_kept_network(request, winner),
        usage=monitor.usage,
        profile=profile,
        notes=list(ALGORITHMS[request.algorithm].notes(request.dataset)),
        **_search_fields(fitted),
    )


def _fit_of(request: CellRequest, engine: Engine, ledger: Ledger, progress: SearchProgress | None) -> Fit:
    """Function that fits the cell's estimator on the engine."""
    algorithm = ALGORITHMS[request.algorithm]
    model = algorithm.make(request.dataset, request.options)
    uses_engines = "model__engine" in model.get_params()
    if uses_engines:
        model.set_params(model__engine=engine)
    if algorithm.trains_in_epochs and request.options.epochs:  # a killed study resumes these trainings
        model.set_params(model__checkpoints=str(request.folder.checkpoints(request.key)))
    estimator = plan_estimator(
        SearchPlan(request.search, request.options, request.folds, request.candidates),
        algorithm,
        request.dataset,
        model,
        engine=engine,
        ledger=ledger,
        progress=progress,
    )
    if algorithm.trains_in_epochs:
        return _followed(estimator, request.folder.curve(request.key))
    if not (uses_engines or isinstance(estimator, BaseSearch)):
        return lambda X, y: fit_by_one_worker(estimator, X, y, engine)
    return estimator.fit


def fit_by_one_worker(estimator: Pipeline, X: Any, y: Any, engine: Engine) -> Pipeline:
    """Fit an estimator that has no parameter `engine`: one worker does the whole fit.

    Parameters
    ----------
    estimator : Pipeline
        The unfitted estimator.
    X : array or DataFrame of shape (rows, n_features)
        Features of the training rows.
    y : numpy.ndarray of shape (rows,), or None
        Target of the training rows.
    engine : Engine
        The engine that has the worker.

    Raises
    ------
    EngineError
        If the worker died at every try.
    """
    [(_, fitted)] = engine.run(_fit_whole, [estimator], shared=(X, y))
    if isinstance(fitted, EngineError):
        raise fitted
    return fitted


def _fit_whole(estimator: Pipeline, rows: tuple[Any, Any]) -> Pipeline:
    return estimator.fit(*rows)


def _kept_network(request: CellRequest, winner: Pipeline) -> str | None:
    """Save the trained network, because training it again for a picture would take long; return its folder."""
    if not ALGORITHMS[request.algorithm].trains_in_epochs:
        return None
    from tasks.vision import saving

    folder = request.folder.network(request.key)
    saving.save(winner[-1], folder)
    return str(folder)


def _followed(estimator: Pipeline | BaseSearch, path: Path) -> Fit:
    """Fit function that writes the epochs of the final model into a file, but not the epochs of the trials."""
    from tasks.vision.curves import CurveFile

    path.parent.mkdir(parents=True, exist_ok=True)

    def trained(model: Pipeline, X: Any, y: Any) -> Pipeline:
        model.set_params(model__callbacks=[CurveFile(str(path))]).fit(X, y)
        return model.set_params(model__callbacks=(), model__checkpoints=None)

    def fit(X: Any, y: Any) -> Pipeline | BaseSearch:
        if not isinstance(estimator, BaseSearch):
            return trained(estimator, X, y)
        estimator.set_params(refit=False).fit(X, y)
        winner = clone(estimator.estimator).set_params(**estimator.best_params_)
        estimator.best_estimator_ = trained(winner, X, y)
        return estimator

    return fit


def _profiled_fit(fit: Fit, X: Any, y: Any, engine: Engine) -> tuple[Any, str | None]:
    if not isinstance(engine, ProfiledEngine):
        return fit(X, y), None
    fitted, driver = profiled(fit, X, y)
    return fitted, top_table(merge_profiles([driver, *engine.profiles]))


def _search_fields(fitted: Any) -> dict[str, Any]:
    if not isinstance(fitted, BaseSearch):
        return {}
    return {
        "cv_score": fitted.best_score_,
        "trials": _trials(fitted),
        "fits": fitted.n_fits_,
        "kept": fitted.n_kept_,
    }


def _trials(search: BaseSearch) -> list[Trial]:
    table = search.cv_results_
    scores = np.column_stack([table[f"split{fold}_test_score"] for fold in range(search.n_splits_)])
    columns = (table["params"], scores, table["mean_test_score"], table["mean_fit_time"], table["error"])
    return [
        Trial(
            params={name.removeprefix("model__"): value for name, value in params.items()},
            scores=[] if np.isnan(row).any() else row.tolist(),
            mean_score=None if math.isnan(mean) else float(mean),
            seconds=float(seconds) * search.n_splits_,
            error=error,
        )
        for params, row, mean, seconds, error in zip(*columns, strict=True)
    ]


def _parameters(winner: Pipeline) -> dict[str, Any]:
    plain = (bool, int, float, str, type(None))
    return {k: v for k, v in winner[-1].get_params().items() if k != "engine" and isinstance(v, plain)}


def _implementation(winner: Pipeline, engine: Engine) -> str:
    model = winner[-1]
    in_one_process = "one fit in one process" if engine.in_this_process else "one fit on one worker"
    if "engine" not in model.get_params():
        return in_one_process
    shards = getattr(model, "n_shards_", None)
    if shards == 1:
        return in_one_process
    workers = f"{engine.workers} {'threads' if engine.in_this_process else 'workers'}"
    return f"sharded over {shards} workers" if shards else f"blocks of rows over {workers}"
