"""Selection of the columns of a very wide table that are most strongly associated with the target."""

from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from scipy.stats import rankdata
from sklearn.base import BaseEstimator
from sklearn.feature_selection import SelectorMixin, f_classif, f_regression
from sklearn.utils import Tags
from sklearn.utils.validation import check_is_fitted, validate_data

Array = NDArray[Any]


class StrongestColumns(SelectorMixin, BaseEstimator):
    """The numeric columns whose ranks are most strongly associated with the target.

    The association is the F statistic of the ranks of the values: of an analysis of variance for classes, of a
    correlation of ranks for a quantity. Ranks, so that one extreme value does not decide. A missing value has the rank
    of the column's median.

    Parameters
    ----------
    classes : bool
        Whether the target is a class; False: a quantity.
    most : int, default=1000
        Number of columns that are kept.

    Attributes
    ----------
    is_kept_ : ndarray of shape (n_features_in_,), bool
        Whether each column is kept.
    n_features_in_ : int
        Number of input columns.
    """

    def __init__(self, classes: bool, *, most: int = 1_000) -> None:
        self.classes = classes
        self.most = most

    def fit(self, X: Any, y: Any) -> Self:
        """Choose the columns.

        Parameters
        ----------
        X : array-like of shape (n_rows, n_features), float64
            Rows; a missing number is NaN.
        y : array-like of shape (n_rows,)
            Targets.
        """
        X, y = validate_data(
            self, np.asarray(X), y, ensure_all_finite="allow-nan", y_numeric=not self.classes
        )
        ranks = rankdata(_filled(X), axis=0)
        varies = np.ptp(ranks, axis=0) > 0
        strength = np.full(X.shape[1], -1.0)
        strength[varies] = (
            f_classif(ranks[:, varies], y)[0]
            if self.classes
            else f_regression(ranks[:, varies], rankdata(y))[0]
        )
        order = np.argsort(-strength, kind="stable")
        self.is_kept_ = np.zeros(X.shape[1], dtype=bool)
        self.is_kept_[order[: self.most]] = True
        return self

    def transform(self, X: Any) -> Array:
        """Take the chosen columns.

        Parameters
        ----------
        X : array-like of shape (n_rows, n_features), float64
            Rows; a missing number is NaN.
        """
        # as an array, because scikit-learn checks each column of a table by itself
        chosen: Array = super().transform(np.asarray(X))
        return chosen

    def _get_support_mask(self) -> Array:
        check_is_fitted(self)
        return self.is_kept_

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = True
        tags.target_tags.required = True
        return tags


def _filled(X: Array) -> Array:
    """The columns with their medians in place of missing numbers; a column without a number becomes zero."""
    is_missing = np.isnan(X)
    if not is_missing.any():
        return X
    medians = np.zeros(X.shape[1])
    known = ~is_missing.all(axis=0)
    medians[known] = np.nanmedian(X[:, known], axis=0)
    return np.where(is_missing, medians, X)
