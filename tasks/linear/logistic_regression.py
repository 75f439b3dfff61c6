"""The estimator LogisticRegression, with the parameters of scikit-learn's that a study uses, on every engine."""

import warnings
from numbers import Integral, Real
from pathlib import Path
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import expit, softmax
from sklearn.base import ClassifierMixin, _fit_context
from sklearn.exceptions import ConvergenceWarning
from sklearn.utils._param_validation import Interval
from sklearn.utils.multiclass import check_classification_targets

from infra.engines import BlockSource, Engine
from tasks.linear.base import BlockLinearModel
from tasks.linear.logistic_loss import LogisticPlan, fit_member
from tasks.tables import is_table

Array = NDArray[Any]


class LogisticRegression(ClassifierMixin, BlockLinearModel):
    """Logistic regression with an L2 penalty: binary for two classes, multinomial for more.

    The loss and its gradient are summed over blocks of rows along a fixed tree, and L-BFGS searches the minimum.
    Coefficients are the same to the last bit on every engine, with any number of workers.

    Parameters
    ----------
    C : float, default=1.0
        Inverse of the strength of the penalty.
    tol : float, default=1e-4
        Tolerance: the search ends when no element of the mean gradient is larger.
    fit_intercept : bool, default=True
        Whether the model has an intercept, which is not penalised.
    max_iter : int, default=100
        Most iterations of the search.
    random_state : int, RandomState instance or None, default=None
        Not used; present for scikit-learn's conventions.
    engine : Engine, optional
        The engine that works, from `infra.engines.connect`; default: this process.

    Attributes
    ----------
    classes_ : ndarray of shape (n_classes,)
        Class labels, sorted.
    coef_ : ndarray of shape (1, n_features) or (n_classes, n_features), float64
        Coefficients of the features.
    intercept_ : ndarray of shape (1,) or (n_classes,), float64
        Intercepts.
    n_iter_ : ndarray of shape (1,), int32
        Number of iterations.
    n_features_in_ : int
        Number of features.
    way_ : BlocksWay
        The way in which the fit was done, chosen by the memory that it needs; as text, it says so in words.

    Notes
    -----
    The objective, the search and its tolerances are those of scikit-learn's class with the solver "lbfgs". Both
    end near the same minimum; with `tol=1e-8` the tests find coefficients that differ by less than 1e-4.
    Features should be scaled beforehand: the penalty treats all features alike.

    References
    ----------
    Liu and Nocedal, "On the limited memory BFGS method for large scale optimization" (1989).

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from tasks.linear import LogisticRegression
    >>> X, y = load_iris(return_X_y=True)
    >>> model = LogisticRegression(max_iter=1000).fit(X, y)
    >>> model.predict(X[[0, 60, 120]])
    array([0, 1, 2])
    >>> model.predict_proba(X).shape
    (150, 3)
    """

    _classifies: ClassVar[bool] = True
    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        "C": [Interval(Real, 0, None, closed="neither")],
        "tol": [Interval(Real, 0, None, closed="left")],
        "fit_intercept": ["boolean"],
        "max_iter": [Interval(Integral, 0, None, closed="left")],
        "random_state": ["random_state"],
        "engine": [Engine, None],
    }

    def __init__(
        self,
        C: float = 1.0,
        *,
        tol: float = 1e-4,
        fit_intercept: bool = True,
        max_iter: int = 100,
        random_state: Any = None,
        engine: Engine | None = None,
    ) -> None:
        self.C = C
        self.tol = tol
        self.fit_intercept = fit_intercept
        self.max_iter = max_iter
        self.random_state = random_state
        self.engine = engine

    @_fit_context(prefer_skip_nested_validation=True)
    def fit(self, X: Any, y: Any = None, sample_weight: ArrayLike | None = None) -> Self:
        """Search the coefficients with the least penalised loss.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features), or str or Path or BlockSource
            Features. A path to Parquet is read by the workers; its features are all columns but the target. The
            blocks of a source are `(X, y)` or `(X, y, weights)`.
        y : array-like of shape (n_samples,), or str or None
            Class labels; with a path, the name of their column; with a source, None.
        sample_weight : array-like of shape (n_samples,), optional
            Weights of the rows; not with a path or a source.

        Raises
        ------
        ParameterError
            If `y` has one class, an argument does not go with a path or a source, or the fit needs more memory
            than there is.
        DataError
            If there is no Parquet at the path, or a feature is not numeric or has missing values; where a worker
            of Spark finds that, it is an `EngineError`.
        """
        if not is_table(X) and y is not None:
            check_classification_targets(y)
        with self._partitioned(X, y, sample_weight) as (engine, blocks):
            plan = LogisticPlan(blocks.spans, self.C, self.tol, self.max_iter, self.fit_intercept)
            model = engine.run_group(fit_member, blocks, plan)[0]
        if isinstance(model, Exception):
            raise model
        self.classes_ = model.classes
        self.coef_, self.intercept_ = model.coef, model.intercept
        self.n_iter_ = np.array([model.n_iter], dtype=np.int32)
        if not model.has_converged:
            warnings.warn(
                f"the search did not converge in max_iter={self.max_iter} iterations; scale the features, or "
                "allow more iterations",
                ConvergenceWarning,
                stacklevel=2,
            )
        return self

    def decision_function(self, X: Any) -> Array:
        """Weighted sums of the features for each class.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features), or str or Path or BlockSource
            Features, as in `fit`; in a Parquet table, columns that are not features are ignored.

        Returns
        -------
        ndarray of shape (n_samples,) or (n_samples, n_classes), float64
            The sums; for two classes, those of the second class alone.
        """
        outputs = self._outputs(X)
        return outputs[:, 0] if outputs.shape[1] == 1 else outputs

    def predict_proba(self, X: Any) -> Array:
        """Predict the probability of each class.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features), or str or Path or BlockSource
            Features, as in `decision_function`.

        Returns
        -------
        ndarray of shape (n_samples, n_classes), float64
            Probabilities, in the order of `classes_`.
        """
        sums = self.decision_function(X)
        if sums.ndim == 1:
            return np.column_stack([expit(-sums), expit(sums)])
        return np.asarray(softmax(sums, axis=1))

    def predict(self, X: ArrayLike | str | Path | BlockSource) -> Array:
        """Predict the most probable class of each row.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features), or str or Path or BlockSource
            Features, as in `decision_function`.

        Returns
        -------
        ndarray of shape (n_samples,)
            Class labels.
        """
        sums = self.decision_function(X)
        found = (sums > 0).astype(int) if sums.ndim == 1 else np.argmax(sums, axis=1)
        return np.asarray(self.classes_[found])
