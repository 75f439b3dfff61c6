"""The estimator Ridge, with the parameters of scikit-learn's that a study uses, on every engine."""

from numbers import Real
from typing import Any, ClassVar, NamedTuple, Self

import numpy as np
import scipy.linalg
from numpy.typing import ArrayLike, NDArray
from sklearn.base import RegressorMixin, _fit_context
from sklearn.utils._param_validation import Interval

from infra.engines import Engine
from infra.errors import DataError
from tasks.linear.base import BlockLinearModel

Array = NDArray[Any]


class _Means(NamedTuple):
    weight: float
    features: Array
    target: float

    def plus(self, other: "_Means") -> "_Means":
        return _Means(self.weight + other.weight, self.features + other.features, self.target + other.target)


class _Products(NamedTuple):
    features: Array
    target: Array

    def plus(self, other: "_Products") -> "_Products":
        return _Products(self.features + other.features, self.target + other.target)


class Ridge(RegressorMixin, BlockLinearModel):
    """Linear regression with an L2 penalty, from sums of products over blocks of rows along a fixed tree.

    Coefficients are the same to the last bit on every engine, with any number of workers.

    Parameters
    ----------
    alpha : float, default=1.0
        Strength of the penalty.
    fit_intercept : bool, default=True
        Whether the model has an intercept, which is not penalised.
    random_state : int, RandomState instance or None, default=None
        Not used; present for scikit-learn's conventions.
    engine : Engine, optional
        The engine that works, from `infra.engines.connect`; default: this process.

    Attributes
    ----------
    coef_ : ndarray of shape (n_features,), float64
        Coefficients of the features.
    intercept_ : float
        Intercept.
    n_features_in_ : int
        Number of features.
    way_ : BlocksWay
        The way in which the fit was done, chosen by the memory that it needs; as text, it says so in words.

    Notes
    -----
    The equations of the least penalised squared error are solved by Cholesky's method, as in scikit-learn; the tests
    find coefficients that differ by less than 1e-9. Features should be scaled beforehand: the penalty treats all
    features alike.

    References
    ----------
    Hoerl and Kennard, "Ridge regression: biased estimation for nonorthogonal problems" (1970).

    Examples
    --------
    >>> from tasks.linear import Ridge
    >>> model = Ridge(alpha=0.0).fit([[0.0], [1.0], [2.0]], [1.0, 3.0, 5.0])
    >>> model.predict([[3.0]]).round(6)
    array([7.])
    """

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        "alpha": [Interval(Real, 0, None, closed="left")],
        "fit_intercept": ["boolean"],
        "random_state": ["random_state"],
        "engine": [Engine, None],
    }

    def __init__(
        self,
        alpha: float = 1.0,
        *,
        fit_intercept: bool = True,
        random_state: Any = None,
        engine: Engine | None = None,
    ) -> None:
        self.alpha = alpha
        self.fit_intercept = fit_intercept
        self.random_state = random_state
        self.engine = engine

    @_fit_context(prefer_skip_nested_validation=True)
    def fit(self, X: Any, y: Any = None, sample_weight: ArrayLike | None = None) -> Self:
        """Solve for the coefficients with the least penalised squared error.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features), or str or Path or BlockSource
            Features. A path to Parquet is read by the workers; its features are all columns but the target. The
            blocks of a source are `(X, y)` or `(X, y, weights)`.
        y : array-like of shape (n_samples,), or str or None
            Numbers; with a path, the name of their column; with a source, None.
        sample_weight : array-like of shape (n_samples,), optional
            Weights of the rows; not with a path or a source.

        Raises
        ------
        ParameterError
            If an argument does not go with a path or a source, or the fit needs more memory than there is.
        DataError
            If there is no Parquet at the path, or a feature is not numeric or has missing values; where a worker
            of Spark finds that, it is an `EngineError`.
        """
        with self._partitioned(X, y, sample_weight) as (engine, blocks):
            centre = np.zeros(self.n_features_in_), 0.0
            if self.fit_intercept:
                sums = engine.reduce(_sums, _Means.plus, blocks)
                centre = sums.features / sums.weight, sums.target / sums.weight
            products = engine.reduce(_products, _Products.plus, blocks, centre)
        if not np.isfinite(products.features).all():
            raise DataError("X: a missing or infinite value; a linear model needs finite numbers")
        self.coef_ = _solution(products, self.alpha)
        self.intercept_ = float(centre[1] - centre[0] @ self.coef_)
        return self

    def predict(self, X: Any) -> Array:
        """Predict a number for each row.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features), or str or Path or BlockSource
            Features, as in `fit`; in a Parquet table, columns that are not features are ignored.

        Returns
        -------
        ndarray of shape (n_samples,), float64
            Predicted numbers.
        """
        return self._outputs(X)[:, 0]


def _sums(X: Array, y: Array, *weights: Array) -> _Means:
    own = weights[0] if weights else np.ones(len(X))
    return _Means(float(own.sum()), own @ X.astype(np.float64, copy=False), float(own @ y))


def _products(X: Array, y: Array, *weights_and_centre: Any) -> _Products:
    *weights, (features, target) = weights_and_centre
    centred = X - features
    weighted = centred * weights[0][:, None] if weights else centred
    return _Products(centred.T @ weighted, weighted.T @ (y - target))


def _solution(products: _Products, alpha: float) -> Array:
    penalised = products.features + alpha * np.eye(len(products.target))
    try:
        found = scipy.linalg.solve(penalised, products.target, assume_a="pos")
    except scipy.linalg.LinAlgError:  # columns that are sums of others, without a penalty
        found = scipy.linalg.lstsq(penalised, products.target)[0]
    return np.asarray(found)
