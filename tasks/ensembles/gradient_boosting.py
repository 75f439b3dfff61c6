"""Gradient-boosted trees by LightGBM as scikit-learn estimators, on every engine."""

from collections.abc import Callable
from functools import partial
from numbers import Integral, Real
from pathlib import Path
from typing import Any, ClassVar

import lightgbm as lgb
import numpy as np
from numpy.typing import DTypeLike, NDArray
from sklearn.utils._param_validation import Interval, RealNotInt, StrOptions
from sklearn.utils.validation import _check_sample_weight, check_is_fitted

from infra.engines import BlockSource, Engine
from tasks.ensembles.boosted_trees import (
    CLASS_WEIGHT_CONSTRAINTS,
    BoostedTrees,
    BoostedTreesClassifier,
    BoostedTreesRegressor,
)
from tasks.ensembles.categories import Categories
from tasks.ensembles.lightgbm_dataset import lightgbm_bytes
from tasks.ensembles.lightgbm_training import LightGBMModel, LightGBMPlan, predict_lightgbm, train_lightgbm
from tasks.ways import FitWay, TableShape

Array = NDArray[Any]


class _GradientBoosting(BoostedTrees):
    """Base class of classifier and regressor: parameters, and the conversion to LightGBM's model and back."""

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        **BoostedTrees._parameter_constraints,
        "learning_rate": [Interval(Real, 0, None, closed="neither")],
        "max_leaf_nodes": [Interval(Integral, 2, 131_072, closed="both")],
        "max_depth": [Interval(Integral, 1, None, closed="left"), None],
        "min_samples_leaf": [Interval(Integral, 1, None, closed="left")],
        "l2_regularization": [Interval(Real, 0, None, closed="left")],
        "max_features": [Interval(Real, 0, 1, closed="right")],
        "subsample": [Interval(Real, 0, 1, closed="right")],
        "max_bins": [Interval(Integral, 2, 255, closed="both")],
        "categorical_features": ["array-like", StrOptions({"from_dtype"}), None],
        "early_stopping": ["boolean"],
        "validation_fraction": [Interval(RealNotInt, 0, 1, closed="neither")],
        "n_iter_no_change": [Interval(Integral, 1, None, closed="left")],
    }
    _table_dtype: ClassVar[DTypeLike] = np.float64
    _train = staticmethod(train_lightgbm)
    _why_not_truncatable: ClassVar[str] = "the fit stopped early; only a fit of all its rounds can be cut"

    def __init__(
        self,
        n_estimators: int = 100,
        *,
        learning_rate: float = 0.1,
        max_leaf_nodes: int = 31,
        max_depth: int | None = None,
        min_samples_leaf: int = 20,
        l2_regularization: float = 0.0,
        max_features: float = 1.0,
        subsample: float = 1.0,
        max_bins: int = 255,
        categorical_features: Any = None,
        early_stopping: bool = False,
        validation_fraction: float = 0.1,
        n_iter_no_change: int = 10,
        random_state: Any = None,
        n_jobs: int = 1,
        n_shards: int | None = None,
        engine: Engine | None = None,
    ) -> None:
        self.n_estimators = n_estimators
        self.learning_rate = learning_rate
        self.max_leaf_nodes = max_leaf_nodes
        self.max_depth = max_depth
        self.min_samples_leaf = min_samples_leaf
        self.l2_regularization = l2_regularization
        self.max_features = max_features
        self.subsample = subsample
        self.max_bins = max_bins
        self.categorical_features = categorical_features
        self.early_stopping = early_stopping
        self.validation_fraction = validation_fraction
        self.n_iter_no_change = n_iter_no_change
        self.random_state = random_state
        self.n_jobs = n_jobs
        self.n_shards = n_shards
        self.engine = engine

    def _table(self, X: str | Path | BlockSource, target: Any, sample_weight: Any) -> BlockSource:
        self._categories = Categories.none(self.categorical_features)
        return super()._table(X, target, sample_weight)

    def _arrays(self, X: Any, y: Any, sample_weight: Any) -> tuple[BlockSource, Array | None]:
        self._categories = Categories.of(X, self.categorical_features)
        return super()._arrays(self._categories.numbers(X), y, sample_weight)

    def _weights(self, sample_weight: Any, X: Array, y: Array) -> Array | None:
        if sample_weight is None:
            return None
        weights: Array = _check_sample_weight(sample_weight, X, dtype=np.float64)
        return weights

    def _plan(self, classes: Array | None, way: FitWay) -> LightGBMPlan:
        class_weight = self.class_weight
        if classes is not None and isinstance(class_weight, dict):
            class_weight = {i: class_weight[c] for i, c in enumerate(classes.tolist()) if c in class_weight}
        seed = self._seed()
        return LightGBMPlan(
            self._native_parameters() | ({} if seed is None else {"seed": seed}),
            rounds=self.n_estimators,
            categorical=self._categories.columns(self.n_features_in_),
            classification=self._classifies,
            class_weight=class_weight,
            validation_fraction=self.validation_fraction if self.early_stopping else None,
            patience=self.n_iter_no_change,
            seed=seed or 0,
        )

    def _bytes(self, shape: TableShape, way: FitWay) -> int:
        return lightgbm_bytes(shape, way)

    def _needs_all_rows(self) -> bool:
        return self.early_stopping

    def _native_parameters(self) -> dict[str, Any]:
        """LightGBM's own parameters, without a seed."""
        return {
            "objective": "regression",
            "learning_rate": self.learning_rate,
            "num_leaves": self.max_leaf_nodes,
            "max_depth": -1 if self.max_depth is None else self.max_depth,
            "min_data_in_leaf": self.min_samples_leaf,
            "lambda_l2": self.l2_regularization,
            "feature_fraction_bynode": self.max_features,
            "bagging_fraction": self.subsample,
            "bagging_freq": int(self.subsample < 1),
            "max_bin": self.max_bins,
            "num_threads": self._training_threads(),
            "deterministic": True,
            "force_row_wise": True,
            "verbosity": -1,
        }

    def _keep(self, trained: LightGBMModel) -> None:
        self.booster_ = lgb.Booster(model_str=trained.model)
        self._iterations = trained.iterations
        if self.early_stopping:
            self.best_iteration_ = trained.best_round
        self.n_iter_ = self._iterations[(trained.best_round or len(self._iterations)) - 1]

    def _is_truncatable(self) -> bool:
        return not self.early_stopping

    def _fitted_size(self) -> int:
        return len(self._iterations)

    def _keep_first(self, n_estimators: int) -> None:
        self._iterations = self._iterations[:n_estimators]
        self.n_iter_ = self._iterations[-1]

    def _outputs(self, X: Any) -> Array:
        check_is_fitted(self)
        return super()._outputs(self._categories.numbers(X))

    def _predictor(self, threads: int) -> Callable[[Array], Array]:
        return partial(predict_lightgbm, booster=self.booster_, iterations=self.n_iter_, threads=threads)

    def _gains(self) -> Array:
        gains: Array = self.booster_.feature_importance("gain", iteration=self.n_iter_)
        return gains


class GradientBoostingClassifier(BoostedTreesClassifier, _GradientBoosting):
    """Gradient-boosted trees by LightGBM, for two or more classes.

    A small table is one native fit on one worker. A large table is cut into shards, one for each worker of a
    group, which sum their histograms through LightGBM's own network.

    Parameters
    ----------
    n_estimators : int, default=100
        Number of boosting rounds, at most.
    learning_rate : float, default=0.1
        Factor by which each round's contribution is shrunk.
    max_leaf_nodes : int, default=31
        Maximum number of leaves of a tree.
    max_depth : int or None, default=None
        Maximum depth of a tree; None means no limit.
    min_samples_leaf : int, default=20
        Minimum number of rows in a leaf.
    l2_regularization : float, default=0.0
        L2 regularization of the leaves' values.
    max_features : float in (0, 1], default=1.0
        Share of the features that each split chooses from.
    subsample : float in (0, 1], default=1.0
        Share of the rows, drawn without replacement, that each round is fitted on.
    max_bins : int, default=255
        Maximum number of bins of a feature's histogram.
    categorical_features : array-like of int, "from_dtype" or None, default=None
        Indices of the columns whose values are categories (non-negative whole numbers); "from_dtype" means
        the columns of a DataFrame with the dtype category (a path has none). A category that the fit has not
        seen counts as a missing value.
    early_stopping : bool, default=False
        Whether training stops when the loss on validation rows has not fallen for `n_iter_no_change` rounds;
        the model is then that of the round with the lowest loss.
    validation_fraction : float in (0, 1), default=0.1
        Share of the rows of each class that early stopping validates on; `random_state` draws them.
    n_iter_no_change : int, default=10
        Number of rounds without a lower loss after which training stops early.
    class_weight : dict, "balanced" or None, default=None
        Weights of the classes (1 where the dict has none), which multiply the weights of the rows.
    random_state : int, RandomState instance or None, default=None
        Seed of sampling and of validation rows; None means LightGBM's own default seeds.
    n_jobs : int, default=1
        Number of threads of a fit in this process.
    n_shards : int or None, default=None
        Number of workers that share one fit; None means one for each 100,000 rows, at most all workers.
    engine : Engine, optional
        Engine from `infra.engines.connect` that the fit runs on; default: this process.

    Attributes
    ----------
    classes_ : ndarray of shape (n_classes,)
        Class labels, sorted.
    booster_ : lightgbm.Booster
        LightGBM's own model.
    n_iter_ : int
        Number of iterations that predictions use; a round that finds no split adds none.
    best_iteration_ : int
        Round, from 1, with the lowest validation loss; with early stopping only.
    n_shards_ : int
        Number of shards of the fit.
    way_ : FitWay
        The way in which the fit was done, chosen by the memory that it needs; as text, it says so in words.
    feature_importances_ : ndarray of shape (n_features,), float64
        Total gain of the splits at each feature, as a share of the sum over all features.
    n_features_in_ : int
        Number of features.

    Notes
    -----
    Parameters have the names of scikit-learn's `HistGradientBoostingClassifier`, except `n_estimators` and
    `subsample`, whose names are those of its `GradientBoostingClassifier`.

    An unsharded fit gives the same trees on every engine, those of LightGBM itself. A sharded fit gives the
    same trees on Dask and on Spark, but not always those of an unsharded fit: histograms are added in another
    order, and each shard samples its own rows. While the shards connect, each listens at a free port on all
    addresses of its machine.

    Without early stopping, a path or a source is read block by block, several times, and only the binned rows
    are held, with the bins and trees that the rows in memory would give. Shards of a path or a source are whole
    blocks.

    References
    ----------
    Ke et al., "LightGBM: a highly efficient gradient boosting decision tree" (2017).

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from tasks.ensembles import GradientBoostingClassifier
    >>> X, y = load_iris(return_X_y=True)
    >>> model = GradientBoostingClassifier(n_estimators=10).fit(X, y)
    >>> model.predict(X[[0, 60, 120]])
    array([0, 1, 2])
    >>> model.predict_proba(X).shape
    (150, 3)
    """

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        **_GradientBoosting._parameter_constraints,
        **CLASS_WEIGHT_CONSTRAINTS,
    }

    def __init__(
        self,
        n_estimators: int = 100,
        *,
        learning_rate: float = 0.1,
        max_leaf_nodes: int = 31,
        max_depth: int | None = None,
        min_samples_leaf: int = 20,
        l2_regularization: float = 0.0,
        max_features: float = 1.0,
        subsample: float = 1.0,
        max_bins: int = 255,
        categorical_features: Any = None,
        early_stopping: bool = False,
        validation_fraction: float = 0.1,
        n_iter_no_change: int = 10,
        class_weight: Any = None,
        random_state: Any = None,
        n_jobs: int = 1,
        n_shards: int | None = None,
        engine: Engine | None = None,
    ) -> None:
        super().__init__(
            n_estimators,
            learning_rate=learning_rate,
            max_leaf_nodes=max_leaf_nodes,
            max_depth=max_depth,
            min_samples_leaf=min_samples_leaf,
            l2_regularization=l2_regularization,
            max_features=max_features,
            subsample=subsample,
            max_bins=max_bins,
            categorical_features=categorical_features,
            early_stopping=early_stopping,
            validation_fraction=validation_fraction,
            n_iter_no_change=n_iter_no_change,
            random_state=random_state,
            n_jobs=n_jobs,
            n_shards=n_shards,
            engine=engine,
        )
        self.class_weight = class_weight


class GradientBoostingRegressor(BoostedTreesRegressor, _GradientBoosting):
    """Gradient-boosted trees by LightGBM, for numbers, with the squared error as loss.

    Parameters
    ----------
    n_estimators, learning_rate, max_leaf_nodes, max_depth, min_samples_leaf, l2_regularization, \
max_features, subsample, max_bins, categorical_features, early_stopping, validation_fraction, \
n_iter_no_change, random_state, n_jobs, n_shards, engine : as in `GradientBoostingClassifier`
        Parameters of boosting, of early stopping and of where the fit runs.

    Attributes
    ----------
    booster_, n_iter_, best_iteration_, n_shards_, way_, feature_importances_, n_features_in_ : \
as in `GradientBoostingClassifier`
        Model, iterations and features.

    Notes
    -----
    The notes of `GradientBoostingClassifier` about shards hold here as well.
    """
