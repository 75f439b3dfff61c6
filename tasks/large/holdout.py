"""Scores on parts of the held-out rows, from which intervals and paired tests are computed."""

from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator
from sklearn.metrics import get_scorer

PARTS = 40  # so many that an interval by the t distribution is hardly wider than by the normal distribution


def scores_of_parts(model: "PredictedRows", y: NDArray[Any], metric: str) -> list[float]:
    """Pseudo-values of a score by the jackknife over parts of the held-out rows.

    The rows are in random order. Their mean is the score, but for a bias of the order of 1 / rows, and their variance
    divided by their number is an estimate of the score's variance. For a mean over rows, such as the accuracy, a
    pseudo-value is about the score on one part.

    Parameters
    ----------
    model : PredictedRows
        The model to score, with its predictions of the held-out rows.
    y : numpy.ndarray of shape (rows,)
        The target of the held-out rows.
    metric : str
        Name of scikit-learn's scorer.

    Returns
    -------
    list of float
        A pseudo-value for each part.

    References
    ----------
    Efron and Stein, "The jackknife estimate of variance", Annals of Statistics 9 (1981).
    """
    scorer, rows = get_scorer(metric), np.arange(len(y))
    whole = scorer(model, rows, y)
    parts = rows * PARTS // len(y)
    without = [scorer(model, rows[parts != part], y[parts != part]) for part in range(PARTS)]
    return [float(PARTS * whole - (PARTS - 1) * score) for score in without]


class PredictedRows(BaseEstimator):
    """A fitted model that has predicted its rows already; its rows are their numbers.

    Parameters
    ----------
    model : fitted estimator
        The model.
    X : DataFrame of shape (rows, n_features)
        The rows.
    """

    def __init__(self, model: Any, X: Any) -> None:
        self.model = model
        self.X = X
        if hasattr(model, "predict_proba"):
            self.classes_ = model.classes_
            self._probabilities = model.predict_proba(X)
            self._predictions = self.classes_[self._probabilities.argmax(axis=1)]
        else:
            self._predictions = model.predict(X)

    def predict(self, rows: NDArray[np.intp]) -> NDArray[Any]:
        """Predictions of rows, by their numbers."""
        return np.asarray(self._predictions[rows])

    def predict_proba(self, rows: NDArray[np.intp]) -> NDArray[np.float64]:
        """Probabilities of the classes of rows, by their numbers."""
        return np.asarray(self._probabilities[rows])

    def __sklearn_tags__(self) -> Any:
        return self.model.__sklearn_tags__()

    def __sklearn_is_fitted__(self) -> bool:
        return True
