"""Scores for clusterings, by name; those for classifiers are scikit-learn's."""

from collections.abc import Callable
from typing import Any

import numpy as np
from sklearn.metrics import calinski_harabasz_score, davies_bouldin_score, silhouette_score

from infra.errors import ParameterError

CLUSTER_SCORES: dict[str, tuple[Callable[..., float], int]] = {
    "silhouette": (silhouette_score, 1),
    "davies_bouldin": (davies_bouldin_score, -1),
    "calinski_harabasz": (calinski_harabasz_score, 1),
}
"""Score and its sign: -1 where less is better."""


def cluster_metrics(X: Any, labels: Any) -> dict[str, float]:
    """Silhouette, Davies-Bouldin and Calinski-Harabasz of a labelling, in the space of `X`.

    Raises
    ------
    ParameterError
        If there are fewer than two clusters, or as many as rows.
    """
    _check(labels, "silhouette")
    return {name: float(score(X, labels)) for name, (score, _) in CLUSTER_SCORES.items()}


def cluster_scorer(scoring: str | Callable[..., float]) -> Callable[..., float]:
    """Scorer `(fitted clusterer, X, ignored) -> float` that is larger for better clusterings.

    Raises
    ------
    ParameterError
        If the name is unknown.
    """
    if callable(scoring):
        return scoring
    if scoring not in CLUSTER_SCORES:
        allowed = ", ".join(CLUSTER_SCORES)
        raise ParameterError(f"scoring={scoring!r} does not score clusterings; allowed: {allowed}")
    return _ClusterScorer(scoring)


class _ClusterScorer:
    def __init__(self, name: str) -> None:
        self.name = name

    def __call__(self, model: Any, X: Any, _y: Any = None) -> float:
        score, sign = CLUSTER_SCORES[self.name]
        _check(model.labels_, self.name)
        return sign * float(score(X, model.labels_))


def _check(labels: Any, score: str) -> None:
    clusters = len(np.unique(labels))
    if not 2 <= clusters < len(labels):
        raise ParameterError(f"{clusters} clusters of {len(labels)} rows have no {score} score")
