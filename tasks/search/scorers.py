"""Scores of fitted models: scikit-learn's one by one, those of clusterings together."""

import math
import warnings
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from sklearn.base import BaseEstimator, is_classifier
from sklearn.dummy import DummyClassifier, DummyRegressor
from sklearn.metrics import check_scoring

from infra.errors import ParameterError
from tasks.clustering.labelings import check_labels
from tasks.clustering.metrics import METRICS, cluster_metrics

LOWER_IS_BETTER = ("davies_bouldin",)
SCORE = "score"
"""What the only score of a search is called, as in scikit-learn's tables."""
Scoring = str | Callable[..., float] | Sequence[str] | Mapping[str, str | Callable[..., float]] | None
Scores = dict[str, float]
Scorer = Callable[[Sequence[Any], Any, Any], Sequence[Scores | Exception]]
"""From fitted models and the rows to score them on to their scores, or the exceptions in their place."""


def prediction_scorer(estimator: BaseEstimator, scoring: Scoring) -> "OneByOne":
    """Scorer of predictions by scikit-learn's scorers: larger is better.

    Parameters
    ----------
    estimator : estimator
        Whose own `score` is meant by no `scoring`.
    scoring : str, callable, list of str, dict or None
        Several get a column each, under their names.

    Raises
    ------
    ParameterError
        If scikit-learn knows no scorer of a name, or none is named.
    """
    try:
        return OneByOne(
            {name: check_scoring(estimator, scoring=one) for name, one in _named(scoring).items()}
        )
    except ValueError as error:
        raise ParameterError(f"scoring={scoring!r}: {error}") from None


def check_fits(scorer: "OneByOne", scoring: Scoring, estimator: Any, X: Any, y: Any) -> None:
    """Refuse a named scorer that cannot score such a target, before anything is computed.

    Raises
    ------
    ParameterError
        With what the scorer said to a model that learned nothing.
    """
    dummy = DummyClassifier() if is_classifier(estimator) else DummyRegressor()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # a model that learned nothing may well have undefined scores
        dummy.fit(X, y)
        for name, given in _named(scoring).items():
            if isinstance(given, str):
                try:
                    scorer.scores[name](dummy, X, y)
                except Exception as error:
                    raise ParameterError(f"scoring={given!r} does not fit the target: {error}") from None


def cluster_scorer(scoring: Scoring) -> "OneByOne | ClusterScorer":
    """Scorer of fitted clusterers: larger is better.

    Parameters
    ----------
    scoring : "silhouette", "davies_bouldin", "calinski_harabasz", a list of them, or callable (model, X, ignored)
        None is the silhouette.

    Raises
    ------
    ParameterError
        If a name is unknown.
    """
    if callable(scoring):
        return OneByOne({SCORE: scoring})
    names = _named(scoring or "silhouette")
    for name in names.values():
        if name not in METRICS:
            allowed = ", ".join(METRICS)
            raise ParameterError(f"scoring={name!r} does not score clusterings; allowed: {allowed}")
    return ClusterScorer({column: str(name) for column, name in names.items()})


def _named(scoring: Scoring) -> dict[str, Any]:
    if scoring is None or isinstance(scoring, str) or callable(scoring):
        return {SCORE: scoring}
    if not scoring:
        raise ParameterError(f"scoring={scoring!r}: name at least one")
    return dict(scoring) if isinstance(scoring, Mapping) else {name: name for name in scoring}


class OneByOne:
    """Scores by functions that know one model at a time."""

    def __init__(self, scores: Mapping[str, Callable[..., float]]) -> None:
        self.scores = dict(scores)

    def __call__(self, models: Sequence[Any], X: Any, y: Any) -> list[Scores | Exception]:
        return [self._attempt(model, X, y) for model in models]

    def _attempt(self, model: Any, X: Any, y: Any) -> Scores | Exception:
        try:
            found = {name: float(score(model, X, y)) for name, score in self.scores.items()}
        except Exception as error:
            return error
        odd = next((name for name, value in found.items() if not math.isfinite(value)), None)
        return ValueError(f"{odd} is {found[odd]}, not a number to compare") if odd else found


class ClusterScorer:
    """Scores of all clusterings of the same rows from one pass over them."""

    def __init__(self, names: Mapping[str, str]) -> None:
        self.names = dict(names)

    def __call__(self, models: Sequence[Any], X: Any, y: Any = None) -> list[Scores | Exception]:
        refusals = [self._refusal(model.labels_) for model in models]
        scored = [m.labels_ for m, refusal in zip(models, refusals, strict=True) if refusal is None]
        found = iter(cluster_metrics(X, scored, metrics=list(self.names.values())))
        return [refusal or self._signed(next(found)) for refusal in refusals]

    def _signed(self, found: Mapping[str, float]) -> Scores:
        return {
            column: (-1 if name in LOWER_IS_BETTER else 1) * found[name]
            for column, name in self.names.items()
        }

    def _refusal(self, labels: Any) -> ParameterError | None:
        try:
            for name in self.names.values():
                check_labels(labels, name)
        except ParameterError as error:
            return error
        return None
