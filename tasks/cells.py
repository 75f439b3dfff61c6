"""One cell of a study: an algorithm on an engine, as baseline or searched, measured while it runs."""

import math
import shutil
from typing import Any

import numpy as np
from sklearn.pipeline import Pipeline

from infra.engines import Engine
from infra.engines.profiled import ProfiledEngine
from infra.ledger import Ledger
from infra.monitoring import Monitor
from infra.profiling import merge_profiles, profiled, top_table
from tasks.cell_fits import Fit, FittedCell, fit_of
from tasks.cell_request import CellRequest
from tasks.champion import description_of
from tasks.problems import problem_of
from tasks.registry import ALGORITHMS
from tasks.results import Cell, Trial, Way
from tasks.search.base import BaseSearch
from tasks.search.trial_runner import SearchProgress
from tasks.size_limits import refusal


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
    problem, dataset = problem_of(request.dataset.task), request.dataset
    used = ProfiledEngine(engine) if request.profile else engine
    split = problem.split(dataset, request.options.seed)
    fit = fit_of(request, used, ledger.scoped(request.key + "/"), progress)
    follow = progress if request.search == "baseline" and progress else _silent  # a search tells its own fits
    follow(0, 2, None)
    with Monitor(watch=engine.worker_pids) as monitor:
        fitted, profile = _profiled_fit(fit, split.X, split.y, used)
    follow(1, 2, None)
    model = fitted.model
    metrics, parts = problem.measured(dataset, model, split, engine)
    return Cell(
        dataset=dataset.name,
        algorithm=request.algorithm,
        engine=request.engine,
        search=request.search,
        implementation=fitted.implementation,
        workers=engine.workers,
        params=_parameters(model),
        space=problem.space,
        score_name=problem.metric,
        metrics=metrics,
        parts=parts,
        curve=getattr(model[-1], "history_", []),
        network=_kept_network(request, model),
        model=_kept_model(request, fitted),
        usage=monitor.usage,
        profile=profile,
        notes=list(ALGORITHMS[request.algorithm].notes(dataset)),
        **(_search_fields(fitted.search) if fitted.search else {}),
    )


def _kept_network(request: CellRequest, winner: Pipeline) -> str | None:
    """Save the trained network, because training it again for a picture would take long; return its folder."""
    if not ALGORITHMS[request.algorithm].trains_in_epochs:
        return None
    from tasks.vision import saving

    folder = request.folder.network(request.key)
    saving.save(winner[-1], folder)
    return str(folder)


def _kept_model(request: CellRequest, fitted: FittedCell) -> str | None:
    """Keep what is needed of the model of a large table, because fitting it again would take long."""
    dataset = request.dataset
    if not dataset.by_blocks:
        return None
    folder = request.folder.fitted(request.key)
    way = Way(request.algorithm, request.search)
    description = description_of(dataset, way, _parameters(fitted.model))
    problem_of(dataset.task).keep(fitted.model, description, dataset, request.options.seed, folder)
    return str(folder)


def _profiled_fit(fit: Fit, X: Any, y: Any, engine: Engine) -> tuple[FittedCell, str | None]:
    if not isinstance(engine, ProfiledEngine):
        return fit(X, y), None
    fitted, driver = profiled(fit, X, y)
    return fitted, top_table(merge_profiles([driver, *engine.profiles]))


def _search_fields(search: BaseSearch) -> dict[str, Any]:
    return {
        "cv_score": search.best_score_,
        "trials": _trials(search),
        "fits": search.n_fits_,
        "kept": search.n_kept_,
    }


def _trials(search: BaseSearch) -> list[Trial]:
    table = search.cv_results_
    scores = np.column_stack([table[f"split{fold}_test_score"] for fold in range(search.n_splits_)])
    rows = table.get("rows", [None] * len(scores))
    columns = (
        table["params"],
        scores,
        table["mean_test_score"],
        table["mean_fit_time"],
        table["error"],
        rows,
    )
    return [
        Trial(
            params={name.removeprefix("model__"): value for name, value in params.items()},
            scores=[] if np.isnan(row).any() else row.tolist(),
            mean_score=None if math.isnan(mean) else float(mean),
            seconds=float(seconds) * search.n_splits_,
            error=error,
            rows=count,
        )
        for params, row, mean, seconds, error, count in zip(*columns, strict=True)
    ]


def _parameters(winner: Pipeline) -> dict[str, Any]:
    plain = (bool, int, float, str, type(None))
    return {k: v for k, v in winner[-1].get_params().items() if k != "engine" and isinstance(v, plain)}
