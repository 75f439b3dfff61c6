"""Outcomes of a search's trials as a table in scikit-learn's form (`cv_results_`)."""

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.stats import rankdata

from tasks.search.planning import Parameters
from tasks.search.trials import Outcome

Array = NDArray[Any]


def cv_results(
    candidates: Sequence[Parameters], outcomes: Sequence[Outcome], n_folds: int, metrics: Sequence[str]
) -> dict[str, Any]:
    """Table of the scores, times and ranks of every candidate.

    Parameters
    ----------
    candidates : sequence of mapping of str to value
        Parameters of each candidate.
    outcomes : sequence of Outcome
        Outcomes of the trials, in any order.
    n_folds : int
        Number of folds.
    metrics : sequence of str
        Names of the scores.

    Returns
    -------
    dict of str to array or list
        The columns of scikit-learn's `cv_results_`, and `error`: the cause of each failed candidate's failure.
    """
    seconds = np.zeros((len(candidates), n_folds))
    errors: list[str | None] = [None] * len(candidates)
    for outcome in outcomes:
        seconds[outcome.candidate, outcome.fold] = outcome.seconds
        errors[outcome.candidate] = errors[outcome.candidate] or outcome.error
    table = {
        "mean_fit_time": seconds.mean(axis=1),
        "std_fit_time": seconds.std(axis=1),
        **_parameter_columns(candidates),
        "params": [dict(candidate) for candidate in candidates],
    }
    for metric in metrics:
        table |= _score_columns(metric, _scores_by_fold(outcomes, len(candidates), n_folds, metric))
    return {**table, "error": errors}


def mean_scores(outcomes: Iterable[Outcome], n_candidates: int, n_folds: int, metric: str) -> Array:
    """Mean score of each candidate over the folds.

    Parameters
    ----------
    outcomes : iterable of Outcome
        Outcomes of the trials, in any order.
    n_candidates : int
        Number of candidates.
    n_folds : int
        Number of folds.
    metric : str
        Name of the score.

    Returns
    -------
    ndarray of shape (n_candidates,), float64
        The mean scores; NaN for a candidate that failed on any fold.
    """
    return np.asarray(_scores_by_fold(outcomes, n_candidates, n_folds, metric).mean(axis=1))


def _scores_by_fold(outcomes: Iterable[Outcome], n_candidates: int, n_folds: int, metric: str) -> Array:
    scores = np.full((n_candidates, n_folds), np.nan)
    for outcome in outcomes:
        if metric in outcome.scores:
            scores[outcome.candidate, outcome.fold] = outcome.scores[metric]
    return scores


class BestSoFar:
    """Best mean score among the candidates that were scored on every fold, while a search runs."""

    def __init__(self, n_folds: int, metric: str) -> None:
        self.score: float | None = None
        self._n_folds, self._metric = n_folds, metric
        self._scores: dict[int, list[float]] = {}

    def add(self, outcomes: Iterable[Outcome]) -> None:
        """Take in more outcomes; each outcome may be given once."""
        for outcome in outcomes:
            if outcome.error:
                continue
            scores = self._scores.setdefault(outcome.candidate, [])
            scores.append(outcome.scores[self._metric])
            if len(scores) == self._n_folds:
                mean = sum(self._scores.pop(outcome.candidate)) / self._n_folds
                self.score = mean if self.score is None else max(self.score, mean)


def _score_columns(metric: str, scores: Array) -> dict[str, Array]:
    mean = scores.mean(axis=1)
    return {
        **{f"split{fold}_test_{metric}": column for fold, column in enumerate(scores.T)},
        f"mean_test_{metric}": mean,
        f"std_test_{metric}": scores.std(axis=1),
        f"rank_test_{metric}": _ranks(mean),
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
    """Rank each candidate: rank 1 is the highest mean, equal means share the lowest rank, failures come last."""
    lowest = np.nanmin(mean, initial=0.0) - 1
    return np.asarray(rankdata(-np.where(np.isnan(mean), lowest, mean), method="min")).astype(np.int32)
