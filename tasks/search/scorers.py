"""Scorers of fitted models: scikit-learn's scorers score each model, clusterings are scored in one pass."""

import math
import warnings
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol

from sklearn.base import BaseEstimator, is_classifier
from sklearn.dummy import DummyClassifier, DummyRegressor
from sklearn.metrics import check_scoring

from infra.errors import ParameterError
from tasks.clustering.labelings import check_labels
from tasks.clustering.metrics import METRICS, cluster_metrics

LOWER_IS_BETTER = ("davies_bouldin",)
SCORE = "score"
"""Name of the score of a search that has one score, as in scikit-learn's `cv_results_`."""
Scoring = str | Callable[..., float] | Sequence[str] | Mapping[str, str | Callable[..., float]] | None
Scores = dict[str, float]
"""Scores of a model by their names; larger is better."""


class Scorer(Protocol):
    """Scores fitted models on rows."""

    @property
    def metrics(self) -> list[str]:
        """Names of the scores."""

    def __call__(self, models: Sequence[Any], X: Any, y: Any) -> Sequence[Scores | Exception]:
        """Score models.

        Parameters
        ----------
        models : sequence of fitted estimators
            The models to score.
        X : array-like or DataFrame of shape (n_samples, n_features)
            Rows to score the models on.
        y : ndarray of shape (n_samples,) or None
            Targets of the rows; None for clusterings.

        Returns
        -------
        sequence of dict of str to float, or exceptions
            The scores of each model, or the exception that scoring the model raised.
        """


def prediction_scorer(estimator: BaseEstimator, scoring: Scoring) -> "PerModelScorer":
    """Make a scorer of predictions from scikit-learn's scorers: larger is better.

    Parameters
    ----------
    estimator : estimator
        Estimator whose `score` method is used where `scoring` is None.
    scoring : str, callable, list of str, dict or None
        One or several of scikit-learn's scorers, as for its `GridSearchCV`.

    Raises
    ------
    ParameterError
        If `scoring` is empty or names a scorer that scikit-learn does not have.
    """
    try:
        return PerModelScorer(
            {name: check_scoring(estimator, scoring=one) for name, one in _by_name(scoring).items()}
        )
    except ValueError as error:
        raise ParameterError(f"scoring={scoring!r}: {error}") from None


def check_scoring_fits_target(
    scorer: "PerModelScorer", scoring: Scoring, estimator: Any, X: Any, y: Any
) -> None:
    """Refuse a named scorer that cannot score such a target, before anything is computed.

    Parameters
    ----------
    scorer : PerModelScorer
        The scorer that `prediction_scorer` made.
    scoring : str, callable, list of str, dict or None
        The `scoring` argument that the scorer was made from.
    estimator : estimator
        A classifier or a regressor.
    X : array-like or DataFrame of shape (n_samples, n_features)
        All rows.
    y : ndarray of shape (n_samples,)
        Targets of the rows.

    Raises
    ------
    ParameterError
        If a named scorer fails on the predictions of a dummy model, with the scorer's message.
    """
    dummy = DummyClassifier() if is_classifier(estimator) else DummyRegressor()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # scores of a dummy model may be undefined, which is no error
        dummy.fit(X, y)
        for name, given in _by_name(scoring).items():
            if isinstance(given, str):
                try:
                    scorer.functions[name](dummy, X, y)
                except Exception as error:
                    raise ParameterError(f"scoring={given!r} does not fit the target: {error}") from None


def cluster_scorer(scoring: Scoring) -> Scorer:
    """Make a scorer of fitted clusterers: larger is better.

    Parameters
    ----------
    scoring : "silhouette", "davies_bouldin", "calinski_harabasz", a list of these, callable, dict or None
        One or several scores. A callable is called with a fitted model, the rows and None. None stands for the
        silhouette.

    Raises
    ------
    ParameterError
        If a name is unknown.
    """
    if callable(scoring):
        return PerModelScorer({SCORE: scoring})
    names = _by_name(scoring or "silhouette")
    for name in names.values():
        if name not in METRICS:
            allowed = ", ".join(METRICS)
            raise ParameterError(f"scoring={name!r} does not score clusterings; allowed: {allowed}")
    return ClusterScorer({metric: str(name) for metric, name in names.items()})


def _by_name(scoring: Scoring) -> dict[str, Any]:
    if scoring is None or isinstance(scoring, str) or callable(scoring):
        return {SCORE: scoring}
    if not scoring:
        raise ParameterError(f"scoring={scoring!r}: name at least one")
    return dict(scoring) if isinstance(scoring, Mapping) else {name: name for name in scoring}


class PerModelScorer:
    """Scorer whose functions score one model at a time.

    Parameters
    ----------
    functions : mapping of str to callable (model, X, y) -> float
        The functions by the names of their scores.
    """

    def __init__(self, functions: Mapping[str, Callable[..., float]]) -> None:
        self.functions = dict(functions)

    @property
    def metrics(self) -> list[str]:
        """Names of the scores."""
        return list(self.functions)

    def __call__(self, models: Sequence[Any], X: Any, y: Any) -> list[Scores | Exception]:
        return [self._scores(model, X, y) for model in models]

    def _scores(self, model: Any, X: Any, y: Any) -> Scores | Exception:
        try:
            scores = {name: float(function(model, X, y)) for name, function in self.functions.items()}
        except Exception as error:
            return error
        for name, value in scores.items():
            if not math.isfinite(value):
                return ValueError(f"{name} is {value}, not a number to compare")
        return scores


class ClusterScorer:
    """Scorer that scores all clusterings of the same rows in one pass over the rows.

    Parameters
    ----------
    names : mapping of str to str
        The names of `cluster_metrics`' metrics by the names of the scores.
    """

    def __init__(self, names: Mapping[str, str]) -> None:
        self.names = dict(names)

    @property
    def metrics(self) -> list[str]:
        """Names of the scores."""
        return list(self.names)

    def __call__(self, models: Sequence[Any], X: Any, y: Any = None) -> list[Scores | Exception]:
        refusals = [self._refusal(model.labels_) for model in models]
        scored = [m.labels_ for m, refusal in zip(models, refusals, strict=True) if refusal is None]
        found = iter(cluster_metrics(X, scored, metrics=list(self.names.values())))
        return [self._signed(next(found)) if refusal is None else refusal for refusal in refusals]

    def _signed(self, found: Mapping[str, float]) -> Scores:
        return {
            metric: (-1 if name in LOWER_IS_BETTER else 1) * found[name]
            for metric, name in self.names.items()
        }

    def _refusal(self, labels: Any) -> ParameterError | None:
        try:
            for name in self.names.values():
                check_labels(labels, name)
        except ParameterError as error:
            return error
        return None
