"""Honest evaluation: repeated stratified cross-validation with the tuning inside the folds."""

import math
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import dataclass
from itertools import combinations
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import stats
from sklearn.metrics import get_scorer
from sklearn.model_selection import RepeatedKFold, RepeatedStratifiedKFold

from infra.engines import Engine
from infra.errors import EngineError, ParameterError
from infra.ledger import Ledger
from tasks.cells import Way, way_to_fit
from tasks.datasets.prepared import PreparedDataset, taken
from tasks.registry import ALGORITHMS, FLOOR, SCORING
from tasks.results import Comparison, Evaluation, Search

INNER_FOLDS = 3


@dataclass(frozen=True)
class Scheme:
    """Repeated stratified cross-validation: folds x repeats, shuffled by the seed."""

    folds: int
    repeats: int
    seed: int
    candidates: int
    """Candidates of a random search inside a fold."""


@dataclass(frozen=True)
class _Work:
    """One outer fold of one way to make a model."""

    algorithm: str
    search: Search
    fold: int

    @property
    def key(self) -> str:
        return f"{self.algorithm}/{self.search}/{self.fold}"


@dataclass
class _Shared:
    dataset: PreparedDataset
    scheme: Scheme
    splits: list[tuple[Any, Any]]


def evaluate(
    dataset: PreparedDataset,
    ways: Sequence[tuple[str, Search]],
    scheme: Scheme,
    engine: Engine,
    ledger: Ledger,
    progress: Callable[[int, int], None] | None = None,
) -> list[Evaluation]:
    """Cross-validate each (algorithm, search) on the same folds; a search runs anew inside each fold.

    Raises
    ------
    EngineError
        If workers died at every one of the bounded tries over one fold.
    """
    X, y = _labelled(dataset)
    folds = RepeatedKFold if dataset.task == "regression" else RepeatedStratifiedKFold
    splitter = folds(n_splits=scheme.folds, n_repeats=scheme.repeats, random_state=scheme.seed)
    shared = _Shared(dataset, scheme, list(splitter.split(X, y)))
    work = [_Work(name, search, f) for name, search in ways for f in range(len(shared.splits))]
    scores: dict[str, float] = ledger.get_many(item.key for item in work)
    to_do = [item for item in work if item.key not in scores]
    with ledger.recording() as record, closing(engine.run(_score_fold, to_do, shared=shared)) as results:
        for i, score in results:
            if isinstance(score, EngineError):
                raise score
            record({to_do[i].key: score})
            scores[to_do[i].key] = score
            if progress:
                progress(len(scores), len(work))
    return [_summary(dataset, name, search, scheme, shared.splits, scores) for name, search in ways]


def _score_fold(work: _Work, shared: _Shared) -> float:
    algorithm = FLOOR if work.algorithm == FLOOR.name else ALGORITHMS[work.algorithm]
    X, y = _labelled(shared.dataset)
    train, test = shared.splits[work.fold]
    model = algorithm.make(shared.dataset, shared.scheme.seed)
    way = Way(work.search, shared.scheme.seed, INNER_FOLDS, shared.scheme.candidates)
    fitted = way_to_fit(way, algorithm, shared.dataset, model).fit(taken(X, train), y[train])
    return float(get_scorer(SCORING[shared.dataset.task])(fitted, taken(X, test), y[test]))


def _labelled(dataset: PreparedDataset) -> tuple[Any, Any]:
    X, y = dataset.load()
    if y is None:
        raise ParameterError(f"data set {dataset.name!r} has no target: there is nothing to predict")
    return X, y


def _summary(
    dataset: PreparedDataset,
    algorithm: str,
    search: Search,
    scheme: Scheme,
    splits: list[tuple[Any, Any]],
    scores: dict[str, float],
) -> Evaluation:
    values = [scores[_Work(algorithm, search, fold).key] for fold in range(len(splits))]
    low, high = corrected_interval(values, *_sizes(splits))
    return Evaluation(
        dataset=dataset.name,
        algorithm=algorithm,
        search=search,
        metric=SCORING[dataset.task],
        folds=scheme.folds,
        repeats=scheme.repeats,
        scores=values,
        mean=float(np.mean(values)),
        low=max(low, 0.0) if dataset.task != "regression" else low,
        high=min(high, 1.0),  # of accuracy and of R2
    )


def _sizes(splits: Sequence[tuple[Any, Any]]) -> tuple[int, int]:
    train, test = splits[0]
    return len(train), len(test)


def compare(evaluations: Sequence[Evaluation]) -> list[Comparison]:
    """Corrected paired tests between all pairs of evaluations, which share their folds."""
    return [_compared(first, second) for second, first in combinations(evaluations, 2)]


def _compared(first: Evaluation, second: Evaluation) -> Comparison:
    differences = np.subtract(first.scores, second.scores)
    return Comparison(
        dataset=first.dataset,
        first=f"{first.algorithm} {first.search}",
        second=f"{second.algorithm} {second.search}",
        difference=float(differences.mean()),
        p_value=corrected_p_value(differences, first.folds - 1, 1),
    )


def corrected_interval(
    scores: Sequence[float] | NDArray[np.float64], n_train: int, n_test: int, confidence: float = 0.95
) -> tuple[float, float]:
    """Interval of the mean of cross-validation scores, by Nadeau and Bengio's corrected variance.

    Parameters
    ----------
    scores : sequence of float
        One a fold, all repeats.
    n_train, n_test : int
        Rows in a fold's training and test part.

    References
    ----------
    Nadeau and Bengio, "Inference for the generalization error", Machine Learning 52 (2003), section 4.
    """
    error = _corrected_error(scores, n_test / n_train)
    half = stats.t.ppf((1 + confidence) / 2, np.size(scores) - 1) * error
    mean = float(np.mean(scores))
    return mean - half, mean + half


def corrected_p_value(
    differences: Sequence[float] | NDArray[np.float64], n_train: float, n_test: float
) -> float:
    """Two-sided p-value that the mean of paired differences is zero, by the corrected resampled t-test."""
    error = _corrected_error(differences, n_test / n_train)
    mean = float(np.mean(differences))
    if error == 0:
        return 1.0 if mean == 0 else 0.0
    return float(2 * stats.t.sf(abs(mean) / error, np.size(differences) - 1))


def _corrected_error(values: Sequence[float] | NDArray[np.float64], ratio: float) -> float:
    # folds share training rows, so that their scores vary together: the naive 1/n is too small
    return math.sqrt((1 / np.size(values) + ratio) * float(np.var(values, ddof=1)))
