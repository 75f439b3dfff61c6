"""Trials: a candidate on a fold. Candidates that one fit can serve are fitted together."""

import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, clone
from sklearn.pipeline import Pipeline

from tasks.search.canonical import text

PREPARATIONS_KEPT = 2  # settings of the steps before the model; each keeps its rows of every fold

Parameters = Mapping[str, Any]
Scorer = Callable[[Any, Any, Any], float]


@dataclass(frozen=True)
class Outcome:
    """Score of one candidate on one fold."""

    candidate: int
    fold: int
    score: float
    seconds: float
    """Time of the fit, shared evenly among the candidates that it served."""
    error: str | None = None
    lost: bool = False
    """The worker died over it each time: no result, worth another try by a later run."""


@dataclass(frozen=True)
class Fit:
    """One fit, and the candidates it serves."""

    fold: int
    params: Parameters
    """Parameters of the fit; the shared one has its largest value."""
    shared: str | None
    """Full name of the parameter that one fit serves all values of."""
    values: tuple[Any, ...]
    """The shared parameter's value for each candidate."""
    candidates: tuple[int, ...]


def plan(estimator: BaseEstimator, candidates: Sequence[Parameters], n_folds: int) -> list[Fit]:
    """Distinct fits that score every candidate on every fold, candidates in the order given."""
    shared = _shared_name(estimator)
    groups: dict[tuple[bool, str], list[int]] = {}
    for i, candidate in enumerate(candidates):
        sharing = _shares(candidate, shared)
        rest = {name: value for name, value in candidate.items() if not (sharing and name == shared)}
        groups.setdefault((sharing, text(rest)), []).append(i)
    return [
        _fit(fold, candidates, tuple(members), shared)
        for members in groups.values()
        for fold in range(n_folds)
    ]


def _fit(fold: int, candidates: Sequence[Parameters], members: tuple[int, ...], shared: str | None) -> Fit:
    first = candidates[members[0]]
    if shared is None or not _shares(first, shared):
        return Fit(fold, first, None, (), members)
    values = tuple(candidates[i][shared] for i in members)
    return Fit(fold, {**first, shared: max(values)}, shared, values, members)


def _shares(candidate: Parameters, shared: str | None) -> bool:
    """Whether a larger fit can serve a candidate; one with an invalid value has to fail by itself."""
    value = None if shared is None else candidate.get(shared)
    return isinstance(value, int | np.integer) and not isinstance(value, bool) and bool(value >= 1)


def _shared_name(estimator: BaseEstimator) -> str | None:
    model, prefix = final_step(estimator)
    name = getattr(model, "shared_parameter", None)
    return None if name is None else prefix + name


def final_step(estimator: BaseEstimator) -> tuple[BaseEstimator, str]:
    """The model at the end of a pipeline, and the prefix of its parameters' names."""
    if isinstance(estimator, Pipeline):
        name, model = estimator.steps[-1]
        return model, f"{name}__"
    return estimator, ""


@dataclass
class Trials:
    """What every fit of a search needs; reaches each worker once, and keeps its prepared folds there."""

    estimator: BaseEstimator
    X: Any
    y: Any
    folds: Sequence[tuple[NDArray[np.int64], NDArray[np.int64]]]
    scorer: Scorer
    _prepared: dict[tuple[int, str], tuple[Any, ...]] = field(default_factory=dict, repr=False)
    _lock: Any = field(default_factory=threading.Lock, repr=False)

    def prepared(self, fold: int, params: Parameters) -> tuple[Any, Any, Any, Any]:
        """X and y of a fold's training and test rows, its preparation (with `params`) fitted on the former."""
        key = (fold, text(dict(params)))
        with self._lock:
            if key not in self._prepared:
                if len(self._prepared) >= PREPARATIONS_KEPT * len(self.folds):
                    self._prepared.pop(next(iter(self._prepared)))  # the oldest
                self._prepared[key] = self._prepare(fold, params)
            return self._prepared[key]

    def _prepare(self, fold: int, params: Parameters) -> tuple[Any, Any, Any, Any]:
        train, test = self.folds[fold]
        X_train, X_test = _rows(self.X, train), _rows(self.X, test)
        y_train, y_test = (None, None) if self.y is None else (self.y[train], self.y[test])
        if isinstance(self.estimator, Pipeline) and len(self.estimator.steps) > 1:
            before = clone(self.estimator[:-1]).set_params(**params)
            X_train = before.fit_transform(X_train, y_train)
            X_test = before.transform(X_test)
        return X_train, y_train, X_test, y_test

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_prepared": {}, "_lock": None}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__ = {**state, "_lock": threading.Lock()}


def run_fit(fit: Fit, trials: Trials) -> list[Outcome]:
    """Fit once and score every candidate that the fit serves; a failure is an outcome, not an exception."""
    start = time.perf_counter()
    try:
        scores = _scores(fit, trials)
    except Exception as error:
        scores = [_failed(error)] * len(fit.candidates)
    seconds = (time.perf_counter() - start) / len(fit.candidates)
    return [
        Outcome(candidate, fit.fold, score, seconds, error)
        for candidate, (score, error) in zip(fit.candidates, scores, strict=True)
    ]


def _failed(error: Exception) -> tuple[float, str]:
    return float("nan"), f"{type(error).__name__}: {error}"


def _scores(fit: Fit, trials: Trials) -> list[tuple[float, str | None]]:
    """Score, or NaN and the cause, of every candidate that the fit serves."""
    model, prefix = final_step(trials.estimator)
    own = {n.removeprefix(prefix): value for n, value in fit.params.items() if n.startswith(prefix)}
    preparation = {n: value for n, value in fit.params.items() if not n.startswith(prefix)}
    X_train, y_train, X_test, y_test = trials.prepared(fit.fold, preparation)
    fitted = clone(model).set_params(**own).fit(X_train, y_train)
    if fit.shared is None:
        return [(float(trials.scorer(fitted, X_test, y_test)), None)] * len(fit.candidates)
    scores: list[tuple[float, str | None]] = []
    for value in fit.values:
        try:
            scores.append((float(trials.scorer(fitted.truncated(value), X_test, y_test)), None))
        except Exception as error:
            scores.append(_failed(error))
    return scores


def _rows(X: Any, index: NDArray[np.int64]) -> Any:
    return X.iloc[index] if hasattr(X, "iloc") else X[index]
