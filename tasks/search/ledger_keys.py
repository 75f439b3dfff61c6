"""Keys under which trials are recorded: equal when data, folds, estimator, parameters and scoring are equal."""

import hashlib
from collections.abc import Sequence

import joblib

from tasks.search.canonical_json import canonical_json
from tasks.search.planning import Parameters
from tasks.search.trials import TrialContext


def ledger_keys(context: TrialContext, candidates: Sequence[Parameters], scoring: object) -> list[list[str]]:
    """Keys of the trials of some candidates.

    Parameters
    ----------
    context : TrialContext
        Estimator, rows and folds of the search.
    candidates : sequence of mapping of str to value
        Parameters of each candidate.
    scoring : object
        The `scoring` argument of the search.

    Returns
    -------
    list of list of str
        The key of each candidate (outer list) on each fold (inner lists).
    """
    rows_and_folds = joblib.hash((context.X, context.y, context.folds))
    base = _digest(rows_and_folds, canonical_json(context.estimator), canonical_json(scoring))
    return [
        [_digest(base, canonical_json(dict(candidate)), str(fold)) for fold in range(len(context.folds))]
        for candidate in candidates
    ]


def _digest(*parts: str) -> str:
    return hashlib.sha256("\x1f".join(parts).encode()).hexdigest()[:32]
