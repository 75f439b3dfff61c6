"""Base class of the random forests: fits in slices on an engine, cuts to fewer trees, predictions for tables."""

from collections.abc import Sequence
from copy import copy, deepcopy
from functools import partial
from pathlib import Path
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.sparse import issparse
from sklearn import ensemble
from sklearn.base import _fit_context
from sklearn.utils import check_random_state
from sklearn.utils.validation import _check_sample_weight, check_is_fitted, validate_data

from infra.engines import BlockSource, Engine, ParquetSource
from infra.errors import ParameterError
from tasks.ensembles import forest_slices
from tasks.ensembles.forest_slices import SEEDS, ForestPlan, fit_slices, matrix_bytes
from tasks.ensembles.truncation import TruncatableEnsemble
from tasks.tables import engine_or_thread, is_table, predict_table, training_table

Array = NDArray[Any]


class PredictionSums:
    """Sums of trees' predictions, kept for forests that are cut from the same one.

    Only the sums asked for last are kept. When a forest that begins with the same trees is asked about the
    same rows, only its other trees predict.
    """

    def __init__(self) -> None:
        self._last: tuple[str, Any, int, Array] | None = None

    def of(self, trees: Sequence[Any], X: Any, method: str) -> Array:
        """Sum the predictions of trees, in their order.

        Parameters
        ----------
        trees : sequence of fitted trees
            Trees of a forest that is cut from the same one as all others that share these sums.
        X : {ndarray, sparse matrix} of shape (n_rows, n_features), float32
            Rows to predict.
        method : {"predict", "predict_proba"}
            Name of the trees' method.

        Returns
        -------
        ndarray
            Sum over the trees, in the shape of one tree's predictions.
        """
        count, known = self._known(trees, X, method)
        total = sum_predictions(trees[count:], X, method, known)
        self._last = (method, X.copy(), len(trees), total)
        return total

    def _known(self, trees: Sequence[Any], X: Any, method: str) -> tuple[int, Array | None]:
        """Number of the first trees whose sum is kept, and a copy of the sum."""
        if self._last is None or issparse(X) or issparse(self._last[1]):
            return 0, None
        last_method, rows, count, total = self._last
        same = last_method == method and count <= len(trees) and np.array_equal(rows, X, equal_nan=True)
        return (count, total.copy()) if same else (0, None)

    def __reduce__(self) -> tuple[type["PredictionSums"], tuple[()]]:
        return PredictionSums, ()  # a pickled forest does not take the rows along


def sum_predictions(trees: Sequence[Any], X: Any, method: str, total: Array | None = None) -> Array:
    """Sum the predictions of trees, in their order.

    Parameters
    ----------
    trees : sequence of fitted trees
        Trees that predict; at least one tree if `total` is None.
    X : {ndarray, sparse matrix} of shape (n_rows, n_features), float32
        Rows to predict.
    method : {"predict", "predict_proba"}
        Name of the trees' method.
    total : ndarray, optional
        Sum over the trees before, which the predictions are added to in place.

    Returns
    -------
    ndarray
        Sum over the trees, in the shape of one tree's predictions.
    """
    for tree in trees:
        predicted = getattr(tree, method)(X, check_input=False)
        total = predicted if total is None else np.add(total, predicted, out=total)
    assert total is not None  # noqa: S101 (a forest has a tree)
    return total


class BaseRandomForest(TruncatableEnsemble, ensemble.BaseEnsemble):
    """Base of the random forests; mixed in before scikit-learn's class of the same name."""

    slice_class: ClassVar[Any]
    """Scikit-learn's class of the same name, as which slices are fitted."""
    _why_not_truncatable: ClassVar[str] = (
        "the first trees of Spark MLlib's random forest are not a smaller forest, for its seeds depend on the "
        "number of trees; only a fit makes one"
    )

    engine: Engine | None
    estimators_: list[Any]
    _by_mllib: bool = False
    _prediction_sums: "PredictionSums | None" = None
    """Sums of predictions that this forest shares with forests that are cut from the same one."""

    @_fit_context(prefer_skip_nested_validation=True)
    def fit(self, X: Any, y: Any, sample_weight: ArrayLike | None = None) -> Self:
        """Grow the trees.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features), or str or Path
            Features; NaN is a missing value. A path to Parquet is read as a whole by each worker.
        y : array-like of shape (n_samples,) or (n_samples, n_outputs), or str
            Targets; with a path, the name of the column that holds them.
        sample_weight : array-like of shape (n_samples,), optional
            Weights of the rows; not with a path.

        Returns
        -------
        estimator
            This forest, fitted.

        Raises
        ------
        ParameterError
            If `y` does not go with the kind of `X`, or a table is larger than a worker may hold and the
            engine is not Spark, or Spark's own forest has no counterpart of a parameter.
        DataError
            If there is no Parquet at the path, or a feature is not numeric; where a worker of Spark finds
            that, it is an `EngineError`.
        """
        rows: Any
        if is_table(X):
            rows, weights = self._table(X, y, sample_weight), None
        else:
            rows, weights = self._arrays(X, y, sample_weight)
        with engine_or_thread(self.engine) as engine:
            slices = fit_slices(engine, self._plan(rows, weights), self.n_estimators)
            if slices is None:
                return self._fit_by_mllib(rows, engine)
        trees = [tree for one in slices for tree in one.estimators_]
        workers = min(engine.workers, len(slices))
        self.implementation_ = f"scikit-learn's trees, grown by {workers} worker{'s' if workers > 1 else ''}"
        self._keep(slices[0], trees)
        self._by_mllib = False
        return self

    def _arrays(self, X: Any, y: Any, sample_weight: Any) -> tuple[tuple[Array, Array], Array | None]:
        X, y = validate_data(
            self, X, y, dtype=np.float32, accept_sparse="csc", multi_output=True, ensure_all_finite=False
        )
        return (X, y), None if sample_weight is None else _check_sample_weight(sample_weight, X)

    def _table(self, path: str | Path | BlockSource, target: Any, sample_weight: Any) -> BlockSource:
        source = training_table(self, path, target, sample_weight, np.float32)
        return source.with_block_rows(source.n_rows)

    def _plan(self, rows: Any, weights: Array | None) -> ForestPlan:
        parameters = {name: value for name, value in self.get_params(deep=False).items() if name != "engine"}
        seeds = check_random_state(self.random_state)
        plan = ForestPlan(
            self.slice_class(**{**parameters, "random_state": None}),
            deepcopy(seeds),
            rows,
            weights,
            forest_slices.TABLE_SHARE,
        )
        seeds.randint(
            SEEDS, size=self.n_estimators
        )  # a caller's generator advances, as in scikit-learn's fit
        return plan

    def _fit_by_mllib(self, source: ParquetSource, engine: Engine) -> Self:
        if engine.name != "spark":
            raise ParameterError(
                f"X={source.path}: a matrix of {matrix_bytes(source) / 2**20:,.0f} MiB, larger than "
                f"{forest_slices.TABLE_SHARE:.0%} of a worker's memory; allowed with the engine 'spark', whose "
                "own forest needs no worker to hold all rows"
            )
        from tasks.ensembles.mllib_forest import fit_mllib_forest

        forest = fit_mllib_forest(self, source, engine.session)  # type: ignore[attr-defined]
        self.implementation_ = "Spark MLlib's random forest"
        self._keep(forest, forest.estimators_)
        self._by_mllib = True
        return self

    def _keep(self, fitted: Any, trees: list[Any]) -> None:
        """Take over the attributes that scikit-learn's `fit` sets on a forest."""
        attributes = {name: value for name, value in vars(fitted).items() if _is_set_by_fit(name)}
        self.__dict__ |= {**attributes, "estimators_": trees}

    def _fit_largest(self, models: Sequence[Self], X: Any, y: Any) -> Self:
        largest = super()._fit_largest(models, X, y)
        largest._prediction_sums = PredictionSums()
        return largest

    def _is_truncatable(self) -> bool:
        return not self._by_mllib

    def _fitted_size(self) -> int:
        return len(self.estimators_)

    def _keep_first(self, n_estimators: int) -> None:
        self.estimators_ = self.estimators_[:n_estimators]

    def _mean(self, X: Any, method: str) -> Array:
        """Mean of the trees' predictions, added in scikit-learn's order.

        Scikit-learn makes each tree a job of joblib, which for a small table takes longer than the tree.
        """
        X = self._validate_X_predict(X)
        add = self._prediction_sums.of if self._prediction_sums else sum_predictions
        return np.asarray(add(self.estimators_, X, method) / len(self.estimators_))

    def _predict_path(self, path: str | Path, method: str) -> Array:
        """Predict the rows of a table by the method of this name."""
        check_is_fitted(self)
        nameless = copy(self)  # blocks are arrays, whose columns have no names
        nameless.engine = None
        nameless.__dict__.pop("feature_names_in_", None)
        return predict_table(self, path, partial(_call, nameless, method), np.float32)


def _is_set_by_fit(name: str) -> bool:
    return name.endswith("_") or name.startswith("_")


def _call(forest: Any, method: str, X: Array) -> Array:
    return np.asarray(getattr(forest, method)(X))
