"""Keys of trials: equal when data, folds, estimator, parameters and seed are equal."""

import hashlib
import json
from collections.abc import Sequence
from typing import Any

import joblib
from sklearn.base import BaseEstimator

from tasks.search.trials import Parameters, Trials


def trial_keys(trials: Trials, candidates: Sequence[Parameters], scoring: object) -> list[list[str]]:
    """Key of each candidate (rows) on each fold (columns)."""
    base = _digest(
        joblib.hash((trials.X, trials.y, trials.folds)), _described(trials.estimator), _name(scoring)
    )
    folds = range(len(trials.folds))
    return [[_digest(base, _json(dict(candidate)), str(fold)) for fold in folds] for candidate in candidates]


def _described(estimator: BaseEstimator) -> str:
    """Class names and plain parameters of an estimator and of all that it contains."""
    parameters = {
        name: type(value).__qualname__ if isinstance(value, BaseEstimator) else value
        for name, value in estimator.get_params(deep=True).items()
        if name.rpartition("__")[2] != "engine"
    }
    plain = {name: value for name, value in parameters.items() if not _contains_estimators(value)}
    return type(estimator).__qualname__ + _json(plain)


def _contains_estimators(value: Any) -> bool:
    # the steps of a pipeline and the like; their parameters are listed by themselves
    return isinstance(value, list | tuple) and "estimator" in repr([_kind(part) for part in value])


def _kind(part: Any) -> Any:
    if isinstance(part, BaseEstimator):
        return "estimator"
    return [_kind(inner) for inner in part] if isinstance(part, list | tuple) else None


def _name(scoring: object) -> str:
    return scoring if isinstance(scoring, str) else getattr(scoring, "__qualname__", repr(scoring))


def _json(value: Any) -> str:
    return json.dumps(value, sort_keys=True, default=repr)


def _digest(*parts: str) -> str:
    return hashlib.sha256("\x1f".join(parts).encode()).hexdigest()[:32]
