"""Trials: a candidate on a fold, fitted and scored where the work runs."""

import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, clone
from sklearn.pipeline import Pipeline

from tasks.search.canonical import text
from tasks.search.confinement import Confined, TimeLimitError
from tasks.search.planning import Batch, Fit, Parameters, final_step
from tasks.search.scorers import Scorer, Scores

PREPARATIONS_KEPT = 2  # settings of the steps before the model; each keeps its rows of every fold


@dataclass(frozen=True)
class Outcome:
    """Scores of one candidate on one fold."""

    candidate: int
    fold: int
    scores: Scores
    """By the scorers' names; empty where the candidate failed."""
    seconds: float
    """Time of the fit, shared evenly among the candidates that it served, and of the candidate's scoring."""
    error: str | None = None
    lost: bool = False
    """The worker died over it each time: no result, worth another try by a later run."""


@dataclass
class Trials:
    """What every fit of a search needs; reaches each worker once, and keeps its prepared folds there."""

    estimator: BaseEstimator
    X: Any
    y: Any
    folds: Sequence[tuple[NDArray[np.int64], NDArray[np.int64]]]
    scorer: Scorer
    time_limit_s: float | None = None
    """Seconds that one fit, its preparation and its scoring may take; None: as long as they need."""
    _prepared: dict[tuple[int, str], tuple[Any, ...]] = field(default_factory=dict, repr=False)
    _confined: Confined | None = field(default=None, repr=False)
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

    def confined(self) -> Confined:
        """Where fits run that have a time limit; the child processes end with this object."""
        assert self.time_limit_s is not None  # noqa: S101 (for the type checker)
        with self._lock:
            if self._confined is None:
                self._confined = Confined(_run, replace(self, time_limit_s=None), self.time_limit_s)
            return self._confined

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_prepared": {}, "_confined": None, "_lock": None}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__ = {**state, "_lock": threading.Lock()}


def run_batch(batch: Batch, trials: Trials) -> list[Outcome]:
    """Fit a batch and score all its candidates together; a failure is an outcome, not an exception."""
    if trials.time_limit_s is None:
        return _run(batch, trials)
    try:
        outcomes: list[Outcome] = trials.confined()(batch)
    except (TimeLimitError, EOFError) as error:
        cause = str(error) or "its process died"
        return [
            Outcome(candidate, fit.fold, {}, trials.time_limit_s, cause)
            for fit in batch
            for candidate in fit.candidates
        ]
    return outcomes


def _run(batch: Batch, trials: Trials) -> list[Outcome]:
    made = [one for fit in batch for one in _made(fit, trials)]
    start = time.perf_counter()
    scores = iter(_scores([one.model for one in made if not isinstance(one.model, Exception)], batch, trials))
    finished = [(one, one.model if isinstance(one.model, Exception) else next(scores)) for one in made]
    scoring = (time.perf_counter() - start) / len(made)
    return [_outcome(one, batch[0].fold, score, one.seconds + scoring) for one, score in finished]


@dataclass(frozen=True)
class _Made:
    """A candidate's fitted model, or why there is none."""

    candidate: int
    model: Any
    seconds: float


def _made(fit: Fit, trials: Trials) -> list[_Made]:
    start = time.perf_counter()
    try:
        models = _fitted(fit, trials)
    except Exception as error:
        models = [error] * len(fit.candidates)
    seconds = (time.perf_counter() - start) / len(models)
    return [_Made(c, model, seconds) for c, model in zip(fit.candidates, models, strict=True)]


def _fitted(fit: Fit, trials: Trials) -> list[Any]:
    """Fitted model, or the exception in its place, of every candidate that the fit serves."""
    X, y, _, _ = trials.prepared(fit.fold, fit.preparation)
    model = clone(final_step(trials.estimator)[0]).set_params(**fit.params)
    if any(fit.settings):
        return list(model.fit_shared(X, y, fit.settings))
    return [model.fit(X, y)] * len(fit.candidates)


def _scores(models: Sequence[Any], batch: Batch, trials: Trials) -> Sequence[Scores | Exception]:
    if not models:
        return []
    _, _, X, y = trials.prepared(batch[0].fold, batch[0].preparation)
    try:
        return trials.scorer(models, X, y)
    except Exception as error:
        return [error] * len(models)


def _outcome(made: _Made, fold: int, scores: Scores | Exception, seconds: float) -> Outcome:
    if isinstance(scores, Exception):
        return Outcome(made.candidate, fold, {}, seconds, f"{type(scores).__name__}: {scores}")
    return Outcome(made.candidate, fold, scores, seconds)


def _rows(X: Any, index: NDArray[np.int64]) -> Any:
    return X.iloc[index] if hasattr(X, "iloc") else X[index]
