"""Trials: a trial fits a candidate on a fold's training rows and scores it on the fold's test rows."""

import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, clone
from sklearn.pipeline import Pipeline

from tasks.search.canonical_json import canonical_json
from tasks.search.planning import Batch, Parameters, PlannedFit, final_step
from tasks.search.scorers import Scorer, Scores
from tasks.search.time_limit import TimeLimitedFunction, TimeLimitError

PREPARATIONS_KEPT = (
    2  # settings of the steps before the model; the rows of every fold are kept for each setting
)


@dataclass(frozen=True)
class Outcome:
    """Outcome of a trial: the scores of a candidate on a fold, or the cause of the trial's failure."""

    candidate: int
    """Index of the candidate."""
    fold: int
    """Index of the fold."""
    scores: Scores
    """Scores by their names; empty where the trial failed."""
    seconds: float
    """Wall time of the candidate's share of its fit (equal among the fit's candidates) and of its scoring."""
    error: str | None = None
    """Cause of the failure; None where the trial succeeded."""
    lost: bool = False
    """Whether the worker died at every try; such a trial is not recorded, and a later search tries it again."""


@dataclass
class TrialContext:
    """Data that all trials of a search share; sent once to each worker, where the object keeps prepared folds."""

    estimator: BaseEstimator
    """The estimator of the search, without an engine."""
    X: Any
    """All rows: array-like or DataFrame of shape (n_samples, n_features)."""
    y: Any
    """Targets, ndarray of shape (n_samples,); None for clusterings."""
    folds: Sequence[tuple[NDArray[np.int64], NDArray[np.int64]]]
    """Indices of each fold's training rows and test rows."""
    scorer: Scorer
    """Scorer of the fitted models."""
    time_limit_s: float | None = None
    """Seconds that one fit may take with its preparation and its scoring; None: no limit."""
    _prepared: dict[tuple[int, str], tuple[Any, ...]] = field(default_factory=dict, repr=False)
    _time_limited: TimeLimitedFunction | None = field(default=None, repr=False)
    _lock: Any = field(default_factory=threading.Lock, repr=False)

    def prepared(self, fold: int, params: Parameters) -> tuple[Any, Any, Any, Any]:
        """Return X and y of a fold's training rows, then of its test rows, after the steps before the model.

        The steps are set to `params` and fitted on the training rows.
        """
        key = (fold, canonical_json(dict(params)))
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
            steps = clone(self.estimator[:-1]).set_params(**params)
            X_train = steps.fit_transform(X_train, y_train)
            X_test = steps.transform(X_test)
        return X_train, y_train, X_test, y_test

    def time_limited(self) -> TimeLimitedFunction:
        """Return the function that runs a batch within the time limit; its processes end with this object."""
        assert self.time_limit_s is not None  # noqa: S101 (for the type checker)
        with self._lock:
            if self._time_limited is None:
                unlimited = replace(self, time_limit_s=None)
                self._time_limited = TimeLimitedFunction(_run, unlimited, self.time_limit_s)
            return self._time_limited

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_prepared": {}, "_time_limited": None, "_lock": None}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__ = {**state, "_lock": threading.Lock()}


def run_batch(batch: Batch, context: TrialContext) -> list[Outcome]:
    """Fit a batch and score all its candidates; a failure becomes an outcome and is not raised."""
    if context.time_limit_s is None:
        return _run(batch, context)
    try:
        outcomes: list[Outcome] = context.time_limited()(batch)
    except (TimeLimitError, EOFError) as error:
        cause = str(error) or "its process died"
        return [
            Outcome(candidate, fit.fold, {}, context.time_limit_s, cause)
            for fit in batch
            for candidate in fit.candidates
        ]
    return outcomes


@dataclass(frozen=True)
class _Fitted:
    """A candidate's fitted model, or the exception that the fit raised."""

    candidate: int
    model: Any
    seconds: float

    @property
    def failed(self) -> bool:
        return isinstance(self.model, Exception)


def _run(batch: Batch, context: TrialContext) -> list[Outcome]:
    fitted = [one for fit in batch for one in _fit(fit, context)]
    start = time.perf_counter()
    succeeded = [one for one in fitted if not one.failed]
    scores = _scores([one.model for one in succeeded], batch, context)
    scores_of = {one.candidate: score for one, score in zip(succeeded, scores, strict=True)}
    scoring = (time.perf_counter() - start) / len(fitted)
    fold = batch[0].fold
    return [
        _outcome(one.candidate, fold, scores_of.get(one.candidate, one.model), one.seconds + scoring)
        for one in fitted
    ]


def _fit(fit: PlannedFit, context: TrialContext) -> list[_Fitted]:
    start = time.perf_counter()
    try:
        models = _models(fit, context)
    except Exception as error:
        models = [error] * len(fit.candidates)
    seconds = (time.perf_counter() - start) / len(models)
    return [_Fitted(c, model, seconds) for c, model in zip(fit.candidates, models, strict=True)]


def _models(fit: PlannedFit, context: TrialContext) -> list[Any]:
    """Fitted models of the candidates that the fit serves; an exception where a candidate's settings fail."""
    X, y, _, _ = context.prepared(fit.fold, fit.preparation)
    model = clone(final_step(context.estimator)[0]).set_params(**fit.params)
    if any(fit.settings):
        return list(model.fit_shared(X, y, fit.settings))
    return [model.fit(X, y)] * len(fit.candidates)


def _scores(models: Sequence[Any], batch: Batch, context: TrialContext) -> Sequence[Scores | Exception]:
    if not models:
        return []
    _, _, X, y = context.prepared(batch[0].fold, batch[0].preparation)
    try:
        return context.scorer(models, X, y)
    except Exception as error:
        return [error] * len(models)


def _outcome(candidate: int, fold: int, scores: Scores | Exception, seconds: float) -> Outcome:
    if isinstance(scores, Exception):
        return Outcome(candidate, fold, {}, seconds, f"{type(scores).__name__}: {scores}")
    return Outcome(candidate, fold, scores, seconds)


def _rows(X: Any, index: NDArray[np.int64]) -> Any:
    return X.iloc[index] if hasattr(X, "iloc") else X[index]
