"""The table of a search's trials, in scikit-learn's form."""

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.stats import rankdata

from tasks.search.planning import Parameters
from tasks.search.trials import Outcome

Array = NDArray[Any]


def cv_results(candidates: Sequence[Parameters], outcomes: Iterable[Outcome], n_folds: int) -> dict[str, Any]:
    """Scores, times and ranks of every candidate, like scikit-learn's `cv_results_`."""
    scores = np.full((len(candidates), n_folds), np.nan)
    seconds = np.zeros((len(candidates), n_folds))
    errors: list[str | None] = [None] * len(candidates)
    for outcome in outcomes:
        scores[outcome.candidate, outcome.fold] = outcome.score
        seconds[outcome.candidate, outcome.fold] = outcome.seconds
        errors[outcome.candidate] = errors[outcome.candidate] or outcome.error
    mean = scores.mean(axis=1)
    return {
        "mean_fit_time": seconds.mean(axis=1),
        "std_fit_time": seconds.std(axis=1),
        **_parameter_columns(candidates),
        "params": [dict(candidate) for candidate in candidates],
        **{f"split{fold}_test_score": scores[:, fold] for fold in range(n_folds)},
        "mean_test_score": mean,
        "std_test_score": scores.std(axis=1),
        "rank_test_score": _ranks(mean),
        "error": errors,
    }


def _parameter_columns(candidates: Sequence[Parameters]) -> dict[str, Any]:
    columns: dict[str, Any] = {}
    for i, candidate in enumerate(candidates):
        for name, value in candidate.items():
            column = columns.setdefault(
                f"param_{name}", np.ma.MaskedArray(np.empty(len(candidates), dtype=object), mask=True)
            )
            column[i] = value
    return columns


def _ranks(mean: Array) -> Array:
    """Rank 1 is the highest mean; equal means share the lowest rank, failed candidates come last."""
    lowest = np.nanmin(mean, initial=0.0) - 1
    return np.asarray(rankdata(-np.where(np.isnan(mean), lowest, mean), method="min")).astype(np.int32)
