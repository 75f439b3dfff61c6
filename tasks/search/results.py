"""The table of a search's trials, in scikit-learn's form."""

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.stats import rankdata

from tasks.search.planning import Parameters
from tasks.search.trials import Outcome

Array = NDArray[Any]


def cv_results(
    candidates: Sequence[Parameters], outcomes: Iterable[Outcome], n_folds: int, metrics: Sequence[str]
) -> dict[str, Any]:
    """Scores, times and ranks of every candidate, like scikit-learn's `cv_results_`."""
    scores = {metric: np.full((len(candidates), n_folds), np.nan) for metric in metrics}
    seconds = np.zeros((len(candidates), n_folds))
    errors: list[str | None] = [None] * len(candidates)
    for outcome in outcomes:
        for metric, score in outcome.scores.items():
            if metric in scores:
                scores[metric][outcome.candidate, outcome.fold] = score
        seconds[outcome.candidate, outcome.fold] = outcome.seconds
        errors[outcome.candidate] = errors[outcome.candidate] or outcome.error
    return {
        "mean_fit_time": seconds.mean(axis=1),
        "std_fit_time": seconds.std(axis=1),
        **_parameter_columns(candidates),
        "params": [dict(candidate) for candidate in candidates],
        **{name: column for m in metrics for name, column in _score_columns(m, scores[m]).items()},
        "error": errors,
    }


class BestSoFar:
    """The best mean of the candidates that were scored on every fold."""

    def __init__(self, n_folds: int, metric: str) -> None:
        self.score: float | None = None
        self._n_folds, self._metric = n_folds, metric
        self._scores: dict[int, list[float]] = {}

    def add(self, outcomes: Iterable[Outcome]) -> None:
        """Take in more outcomes, each once."""
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
    """Rank 1 is the highest mean; equal means share the lowest rank, failed candidates come last."""
    lowest = np.nanmin(mean, initial=0.0) - 1
    return np.asarray(rankdata(-np.where(np.isnan(mean), lowest, mean), method="min")).astype(np.int32)
