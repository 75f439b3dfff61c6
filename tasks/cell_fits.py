"""The fit of a cell: of rows in memory, or from the blocks of a table that is too large for that."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sklearn.base import clone
from sklearn.pipeline import Pipeline

from infra.engines import Engine
from infra.errors import EngineError
from infra.ledger import Ledger
from tasks.cell_request import CellRequest
from tasks.large.training_rows import LargeTrainingRows
from tasks.registry import ALGORITHMS
from tasks.search.base import BaseSearch
from tasks.search.trial_runner import SearchProgress
from tasks.search_plans import SearchPlan, plan_estimator


@dataclass(frozen=True)
class FittedCell:
    """The fitted model of a cell.

    Parameters
    ----------
    model : Pipeline
        The fitted model.
    implementation : str
        Words that tell where the model was fitted, and on which rows if not on all.
    search : BaseSearch, optional
        The search that chose the model's parameters; None for a baseline.
    """

    model: Pipeline
    implementation: str
    search: BaseSearch | None = None


Fit = Callable[[Any, Any], FittedCell]
"""Function that fits the model of a cell to features and target."""


def fit_of(
    request: CellRequest, engine: Engine, ledger: Ledger, progress: SearchProgress | None = None
) -> Fit:
    """Function that fits a cell's model on an engine.

    Parameters
    ----------
    request : CellRequest
        What to train or search.
    engine : Engine
        The engine that does the work.
    ledger : Ledger
        The record of the cell's trials.
    progress : callable, optional
        Function that is called with the progress of a search.
    """
    algorithm = ALGORITHMS[request.algorithm]
    model = algorithm.make(request.dataset, request.options)
    if "model__engine" in model.get_params():
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
    if request.dataset.by_blocks:
        return lambda rows, _y: _fit_by_blocks(estimator, rows, request, engine)
    if algorithm.trains_in_epochs:
        return lambda X, y: _fit_followed(estimator, X, y, request.folder.curve(request.key), engine)
    return lambda X, y: _fit_in_memory(estimator, X, y, engine)


def _fit_in_memory(estimator: Pipeline | BaseSearch, X: Any, y: Any, engine: Engine) -> FittedCell:
    if isinstance(estimator, BaseSearch):
        winner = estimator.fit(X, y).best_estimator_
        return FittedCell(winner, _place(winner, engine), estimator)
    if "model__engine" in estimator.get_params():
        fitted = estimator.fit(X, y)
    else:
        fitted = fit_by_one_worker(estimator, X, y, engine)
    return FittedCell(fitted, _place(fitted, engine))


def _fit_by_blocks(
    estimator: Pipeline | BaseSearch, rows: LargeTrainingRows, request: CellRequest, engine: Engine
) -> FittedCell:
    large = ALGORITHMS[request.algorithm].large
    search = large.searched(estimator, rows) if isinstance(estimator, BaseSearch) else None
    model = clone(search.estimator).set_params(**search.best_params_) if search else estimator
    if "model__engine" in model.get_params():
        model.set_params(model__engine=engine)
    fitted_rows = large.fit(model, rows)
    return FittedCell(model, f"{_place(model, engine)}, {fitted_rows}", search)


def _fit_followed(estimator: Pipeline | BaseSearch, X: Any, y: Any, path: Path, engine: Engine) -> FittedCell:
    """Fit, and write the epochs of the final model into a file, but not the epochs of the trials."""
    from tasks.vision.curves import CurveFile

    path.parent.mkdir(parents=True, exist_ok=True)
    search, model = None, estimator
    if isinstance(estimator, BaseSearch):
        search = estimator.set_params(refit=False).fit(X, y)
        model = clone(search.estimator).set_params(**search.best_params_)
    model.set_params(model__callbacks=[CurveFile(str(path))]).fit(X, y)
    model.set_params(model__callbacks=(), model__checkpoints=None)
    return FittedCell(model, _place(model, engine), search)


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


def _place(fitted: Pipeline, engine: Engine) -> str:
    """Words that tell where a model was fitted."""
    model = fitted[-1]
    told = getattr(model, "way_", None) or getattr(model, "implementation_", None)
    if told is not None:
        return str(told)
    in_one_process = "one fit in one process" if engine.in_this_process else "one fit on one worker"
    if "engine" not in model.get_params():
        return in_one_process
    shards = getattr(model, "n_shards_", None)
    if shards == 1:
        return in_one_process
    workers = f"{engine.workers} {'threads' if engine.in_this_process else 'workers'}"
    return f"sharded over {shards} workers" if shards else f"blocks of rows over {workers}"
