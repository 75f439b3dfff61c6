"""One cell of a study: an algorithm on an engine, as baseline or searched, measured while it runs."""

import hashlib
import math
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from pydantic import BaseModel, ConfigDict
from sklearn.base import clone
from sklearn.metrics import (
    accuracy_score,
    mean_absolute_error,
    r2_score,
    roc_auc_score,
    root_mean_squared_error,
)
from sklearn.model_selection import KFold, StratifiedKFold, StratifiedShuffleSplit
from sklearn.pipeline import Pipeline

from infra.engines import Engine, EngineName
from infra.engines.profiled import ProfiledEngine
from infra.ledger import Ledger
from infra.monitoring import Monitor
from infra.profiling import merge_profiles, profiled, top_table
from tasks.clustering.labelings import NOISE, has_scores
from tasks.clustering.metrics import cluster_metrics
from tasks.datasets.prepared import PreparedDataset, holdout, taken
from tasks.datasets.preprocessing import preprocessor
from tasks.registry import ALGORITHMS, SCORING, Algorithm, AlgorithmName
from tasks.results import Cell, Search, Trial
from tasks.search import GridSearch, RandomSearch
from tasks.search.base import BaseSearch
from tasks.search.trial_runner import SearchProgress
from tasks.vision.curves import CurveFile

VALIDATION_SHARE = 0.2


class CellRequest(BaseModel):
    """Everything that determines a cell's results; small, so that it travels to where the cell runs."""

    model_config = ConfigDict(frozen=True)

    dataset: PreparedDataset
    algorithm: AlgorithmName
    engine: EngineName
    search: Search
    seed: int
    folds: int
    candidates: int
    workers: int
    profile: bool = False
    ledger: str
    """Path of the study's ledger."""

    @property
    def key(self) -> str:
        """Name of the cell in its study; another one when anything that its results depend on changes."""
        words = {"notes", "caution", "provenance"}  # in which an error may be told one way or the other
        exclude: Any = {"ledger": True, "dataset": words}
        digest = hashlib.sha256(self.model_dump_json(exclude=exclude).encode()).hexdigest()[:8]
        return f"{self.dataset.name}/{self.algorithm}/{self.engine}/{self.search}/{digest}"

    @property
    def curve(self) -> Path:
        """File of the epochs of a network's training, while it goes on and afterwards."""
        return Path(self.ledger).parent / "curves" / f"{_digest(self.key)}.jsonl"

    @property
    def checkpoints(self) -> Path:
        """Folder of the cell's long trainings, until it is recorded."""
        return Path(self.ledger).parent / "checkpoints" / _digest(self.key)

    @property
    def title(self) -> str:
        """The cell in words."""
        return f"{self.dataset.name} {self.algorithm} {self.engine} {self.search}"


def run_cell(request: CellRequest, engine: Engine, progress: SearchProgress | None = None) -> Cell:
    """Train or search on `engine`, then score; a cell that the ledger has is not computed again.

    Only the training or search itself is measured, not reading or scoring.
    """
    ledger = Ledger(request.ledger)
    recorded = ledger.get(request.key)
    if recorded is not None:
        cell = Cell.model_validate(recorded)
        cell = cell.model_copy(update={"kept": _trials_kept(cell)})
    else:
        cell = _compute(request, engine, ledger, progress)
        ledger.put(request.key, cell.model_dump(mode="json"))
    shutil.rmtree(request.checkpoints, ignore_errors=True)
    return cell


def _trials_kept(cell: Cell) -> int:
    return sum(len(trial.scores) for trial in cell.trials)


def _compute(request: CellRequest, engine: Engine, ledger: Ledger, progress: SearchProgress | None) -> Cell:
    algorithm = ALGORITHMS[request.algorithm]
    used = ProfiledEngine(engine) if request.profile else engine
    model = algorithm.make(request.dataset, request.seed).set_params(model__engine=used)
    if request.dataset.epochs:  # a killed study goes on with the networks that were in training
        model.set_params(model__checkpoints=str(request.checkpoints))
    worker = way_to_fit(
        Way(request.search, request.seed, request.folds, request.candidates),
        algorithm,
        request.dataset,
        model,
        engine=used,
        ledger=ledger.scoped(request.key + "/"),
        progress=progress,
    )
    rows = training_rows(request.dataset)
    vision = request.dataset.task == "vision"
    fit = _followed(worker, request.curve) if vision else worker.fit
    with Monitor(watch=engine.worker_pids) as monitor:
        fitted, profile = _fit(fit, rows.X, rows.y, used)
    winner: Pipeline = fitted.best_estimator_ if isinstance(fitted, BaseSearch) else fitted
    return Cell(
        dataset=request.dataset.name,
        algorithm=request.algorithm,
        engine=request.engine,
        search=request.search,
        implementation=_implementation(winner, engine),
        workers=engine.workers,
        params=_parameters(winner),
        space="standardised" if request.dataset.task == "clustering" else "",
        score_name=SCORING[request.dataset.task],
        metrics=_quality(request.dataset, winner, rows, engine),
        curve=winner[-1].history_ if vision else [],
        network=_kept_network(request, winner) if vision else None,
        usage=monitor.usage,
        profile=profile,
        **_search_fields(fitted),
    )


def _kept_network(request: CellRequest, winner: Pipeline) -> str:
    """Folder of the trained network beside the ledger: it is long to train again for a picture."""
    from tasks.vision import saving

    folder = Path(request.ledger).parent / "networks" / _digest(request.key)
    saving.save(winner[-1], folder)
    return str(folder)


def _digest(key: str) -> str:
    return hashlib.sha256(key.encode()).hexdigest()[:16]


def _followed(worker: Pipeline | BaseSearch, path: Path) -> Callable[[Any, Any], Pipeline | BaseSearch]:
    """Fit whose epochs are written into a file: those of the model that the cell keeps, not of the trials."""
    path.parent.mkdir(parents=True, exist_ok=True)

    def trained(model: Pipeline, X: Any, y: Any) -> Pipeline:
        model.set_params(model__callbacks=[CurveFile(str(path))]).fit(X, y)
        return model.set_params(model__callbacks=(), model__checkpoints=None)

    def fit(X: Any, y: Any) -> Pipeline | BaseSearch:
        if not isinstance(worker, BaseSearch):
            return trained(worker, X, y)
        worker.set_params(refit=False).fit(X, y)
        winner = clone(worker.estimator).set_params(**worker.best_params_)
        worker.best_estimator_ = trained(winner, X, y)
        return worker

    return fit


def _fit(fit: Callable[[Any, Any], Any], X: Any, y: Any, engine: Engine) -> tuple[Any, str | None]:
    if not isinstance(engine, ProfiledEngine):
        return fit(X, y), None
    fitted, driver = profiled(fit, X, y)
    return fitted, top_table(merge_profiles([driver, *engine.profiles]))


@dataclass(frozen=True)
class Way:
    """How a model is made: as it is, or tuned by a search with so many folds and candidates."""

    search: Search
    seed: int
    folds: int
    candidates: int


def way_to_fit(
    way: Way, algorithm: Algorithm, dataset: PreparedDataset, model: Pipeline, **options: Any
) -> Pipeline | BaseSearch:
    """What is fitted: the model itself as baseline, or a search around it."""
    if way.search == "baseline":
        return model
    options = {"scoring": SCORING[dataset.task], "cv": _folds(way, dataset), **options}
    if way.search == "grid":
        return GridSearch(model, algorithm.grid(dataset), **options)
    return RandomSearch(
        model,
        algorithm.distributions(dataset),
        n_iter=way.candidates,
        random_state=way.seed,
        **options,
    )


def _folds(way: Way, dataset: PreparedDataset) -> Any:
    if (
        dataset.task == "vision"
    ):  # networks are long to train: one split of the training rows scores a candidate
        return StratifiedShuffleSplit(1, test_size=VALIDATION_SHARE, random_state=way.seed)
    folds = KFold if dataset.task == "regression" else StratifiedKFold
    return folds(way.folds, shuffle=True, random_state=way.seed)


@dataclass(frozen=True)
class Rows:
    """Training rows, and the held-out ones that no search sees (None for clustering)."""

    X: Any
    y: Any
    X_test: Any = None
    y_test: Any = None


def training_rows(dataset: PreparedDataset) -> Rows:
    """Training and held-out rows of a prepared data set; for clustering all rows train."""
    X, y = dataset.load()
    if y is None:
        return Rows(X, None)
    train, test = holdout(dataset, y)
    return Rows(taken(X, train), y[train], taken(X, test), y[test])


def _quality(dataset: PreparedDataset, winner: Pipeline, rows: Rows, engine: Engine) -> dict[str, float]:
    if dataset.task == "regression":
        return regression_metrics(winner, rows.X_test, rows.y_test)
    if rows.y is not None:
        return classification_metrics(winner, rows.X_test, rows.y_test)
    labels = winner[-1].labels_
    sizes = cluster_sizes(labels)
    if not has_scores(labels):
        return sizes
    raw = preprocessor(dataset, scale=False, impute=True).fit_transform(rows.X)
    [own] = cluster_metrics(winner[:-1].transform(rows.X), [labels], engine)
    [of_raw] = cluster_metrics(raw, [labels], engine)
    return sizes | own | {f"raw_{name}": value for name, value in of_raw.items()}


def cluster_sizes(labels: Any) -> dict[str, float]:
    """Number of clusters, share of the rows in the largest one, and share of those in none."""
    counts = np.unique(labels[labels != NOISE], return_counts=True)[1]
    return {
        "clusters": float(len(counts)),
        "largest_share": float(counts.max(initial=0) / len(labels)),
        "noise_share": float(np.mean(labels == NOISE)),
    }


def classification_metrics(model: Any, X: Any, y: Any) -> dict[str, float]:
    """Accuracy and area under the ROC curve (one against the rest, for more than two classes)."""
    probabilities = model.predict_proba(X)
    score = probabilities[:, 1] if probabilities.shape[1] == 2 else probabilities
    return {
        "holdout_accuracy": float(accuracy_score(y, model.classes_[probabilities.argmax(axis=1)])),
        "holdout_auc": float(roc_auc_score(y, score, multi_class="ovr", labels=model.classes_)),
        "holdout_rows": float(len(y)),
    }


def regression_metrics(model: Any, X: Any, y: Any) -> dict[str, float]:
    """Share of variance explained, root mean squared and mean absolute error."""
    predicted = model.predict(X)
    return {
        "holdout_r2": float(r2_score(y, predicted)),
        "holdout_rmse": float(root_mean_squared_error(y, predicted)),
        "holdout_mae": float(mean_absolute_error(y, predicted)),
        "holdout_rows": float(len(y)),
    }


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
    return [
        Trial(
            params=_short(params),
            scores=[] if np.isnan(row).any() else row.tolist(),
            mean_score=None if math.isnan(mean) else float(mean),
            seconds=float(seconds) * search.n_splits_,
            error=error,
        )
        for params, row, mean, seconds, error in zip(
            table["params"], scores, table["mean_test_score"], table["mean_fit_time"], table["error"],
            strict=True,
        )
    ]  # fmt: skip


def _short(params: dict[str, Any]) -> dict[str, Any]:
    return {name.removeprefix("model__"): value for name, value in params.items()}


def _parameters(winner: Pipeline) -> dict[str, Any]:
    plain = (bool, int, float, str, type(None))
    return {k: v for k, v in winner[-1].get_params().items() if k != "engine" and isinstance(v, plain)}


def _implementation(winner: Pipeline, engine: Engine) -> str:
    shards = getattr(winner[-1], "n_shards_", None)
    if shards == 1:
        return "one fit on one worker" if engine.name != "local" else "one fit in one process"
    workers = f"{engine.workers} {'threads' if engine.name == 'local' else 'workers'}"
    return f"sharded over {shards} workers" if shards else f"blocks of rows over {workers}"
