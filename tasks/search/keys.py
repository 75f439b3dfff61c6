"""Keys of trials: equal when data, folds, estimator, parameters and seed are equal."""

import hashlib
from collections.abc import Sequence

import joblib

from tasks.search.canonical import text
from tasks.search.planning import Parameters
from tasks.search.trials import Trials


def trial_keys(trials: Trials, candidates: Sequence[Parameters], scoring: object) -> list[list[str]]:
    """Key of each candidate (rows) on each fold (columns)."""
    base = _digest(joblib.hash((trials.X, trials.y, trials.folds)), text(trials.estimator), text(scoring))
    folds = range(len(trials.folds))
    return [[_digest(base, text(dict(candidate)), str(fold)) for fold in folds] for candidate in candidates]


def _digest(*parts: str) -> str:
    return hashlib.sha256("\x1f".join(parts).encode()).hexdigest()[:32]
