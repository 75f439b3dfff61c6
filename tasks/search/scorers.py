"""Scores of fitted models: scikit-learn's one by one, those of clusterings together."""

from collections.abc import Callable, Sequence
from typing import Any

from infra.errors import ParameterError
from tasks.clustering.labelings import check_labels
from tasks.clustering.metrics import METRICS, cluster_metrics

LOWER_IS_BETTER = ("davies_bouldin",)
Scorer = Callable[[Sequence[Any], Any, Any], Sequence[float | Exception]]
"""From fitted models and the rows to score them on to their scores, or the exceptions in their place."""


def cluster_scorer(scoring: str | Callable[..., float]) -> Scorer:
    """Scorer of fitted clusterers: larger is better.

    Parameters
    ----------
    scoring : {"silhouette", "davies_bouldin", "calinski_harabasz"} or callable (model, X, ignored) -> float

    Raises
    ------
    ParameterError
        If the name is unknown.
    """
    if callable(scoring):
        return OneByOne(scoring)
    if scoring not in METRICS:
        allowed = ", ".join(METRICS)
        raise ParameterError(f"scoring={scoring!r} does not score clusterings; allowed: {allowed}")
    return ClusterScorer(scoring)


class OneByOne:
    """Scores by a function that knows one model at a time."""

    def __init__(self, score: Callable[..., float]) -> None:
        self.score = score

    def __call__(self, models: Sequence[Any], X: Any, y: Any) -> list[float | Exception]:
        return [self._attempt(model, X, y) for model in models]

    def _attempt(self, model: Any, X: Any, y: Any) -> float | Exception:
        try:
            return float(self.score(model, X, y))
        except Exception as error:
            return error


class ClusterScorer:
    """Scores of all clusterings of the same rows from one pass over them."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.sign = -1 if name in LOWER_IS_BETTER else 1

    def __call__(self, models: Sequence[Any], X: Any, y: Any = None) -> list[float | Exception]:
        refusals = [self._refusal(model.labels_) for model in models]
        scored = [m.labels_ for m, refusal in zip(models, refusals, strict=True) if refusal is None]
        found = iter(cluster_metrics(X, scored, metrics=[self.name]))
        return [refusal or self.sign * next(found)[self.name] for refusal in refusals]

    def _refusal(self, labels: Any) -> ParameterError | None:
        try:
            check_labels(labels, self.name)
        except ParameterError as error:
            return error
        return None
