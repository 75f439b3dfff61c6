"""Gradient-boosted trees with scikit-learn's manners, by LightGBM, on every engine."""

from collections.abc import Callable, Sequence
from copy import copy
from numbers import Integral, Real
from pathlib import Path
from typing import Any, ClassVar, Self

import lightgbm as lgb
import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator, ClassifierMixin, RegressorMixin, _fit_context, clone
from sklearn.utils import check_random_state
from sklearn.utils._param_validation import Interval, RealNotInt, StrOptions
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import _check_sample_weight, check_is_fitted, validate_data

from infra.engines import ArraySource, BlockSource, Engine, ParquetSource
from infra.engines.blocks import Span
from infra.engines.collective import Communicator
from infra.errors import ParameterError
from tasks.ensembles.boosting import Boosted, Plan, boost
from tasks.ensembles.categories import Categories
from tasks.ensembles.labels import labelled_path, refused
from tasks.sharing import SharedFit

Array = NDArray[Any]
ROWS_A_SHARD = 100_000
PREDICTED_ROWS = 1_000_000  # read at once


class _GradientBoosting(SharedFit, BaseEstimator):
    """What the classifier and the regressor share."""

    shared_parameters: ClassVar[tuple[str, ...]] = ("n_estimators",)

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        "n_estimators": [Interval(Integral, 1, None, closed="left")],
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
        "random_state": ["random_state"],
        "n_jobs": [Interval(Integral, 1, None, closed="left")],
        "n_shards": [Interval(Integral, 1, None, closed="left"), None],
        "engine": [Engine, None],
    }
    _classifies: ClassVar[bool] = False
    class_weight: Any = None

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

    @_fit_context(prefer_skip_nested_validation=True)
    def fit(self, X: Any, y: Any, sample_weight: ArrayLike | None = None) -> Self:
        """Boost trees.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features), or str or Path
            NaN is a missing value. A path to Parquet is read by the workers; its features are all columns
            but the target, in their order.
        y : array-like of shape (n_samples,), or str
            Class labels (at least two different ones) or numbers; with a path the name of their column.
        sample_weight : array-like of shape (n_samples,), optional
            With an array only.

        Raises
        ------
        ParameterError
            If `y` has one class, or more shards are asked for than there are workers, or an argument does
            not go with a path.
        DataError
            If there is no such Parquet, or a column of it is not of numbers.
        """
        if isinstance(X, str | Path):
            source, classes = self._labelled_path(X, y, sample_weight), None
        else:
            source, classes = self._rows(X, y, sample_weight)
        fitted = self._boosted(source, self._plan(classes))
        if fitted.refusal is not None:
            raise ParameterError(fitted.refusal)
        if self._classifies:
            self.classes_ = np.asarray(fitted.classes if classes is None else classes)
        self.booster_ = lgb.Booster(model_str=fitted.model)
        self._iterations = fitted.iterations
        if self.early_stopping:
            self.best_iteration_ = fitted.best_round
        self.n_iter_ = self._iterations[(fitted.best_round or len(self._iterations)) - 1]
        return self

    def _labelled_path(self, path: str | Path, target: Any, sample_weight: Any) -> BlockSource:
        source = labelled_path(path, target, sample_weight, np.float64)
        self._categories = Categories.none(self.categorical_features)
        self.n_features_in_ = source.n_columns
        self.feature_names_in_ = np.asarray(source.columns, dtype=object)
        return source

    def _rows(self, X: Any, y: Any, sample_weight: Any) -> tuple[BlockSource, Array | None]:
        """Rows in memory with numbers for the labels, and the classes."""
        self._categories = Categories.of(X, self.categorical_features)
        X, y = validate_data(
            self,
            self._categories.numbers(X),
            y,
            dtype=[np.float32, np.float64],
            ensure_all_finite="allow-nan",
            y_numeric=not self._classifies,
        )
        classes = None
        if self._classifies:
            check_classification_targets(y)
            classes, y = np.unique(y, return_inverse=True)
            if (refusal := refused(classes, self.class_weight)) is not None:
                raise ParameterError(refusal)
        if sample_weight is None:
            return ArraySource(X, y), classes
        return ArraySource(X, y, _check_sample_weight(sample_weight, X, dtype=np.float64)), classes

    def _plan(self, classes: Array | None) -> Plan:
        """The fit; where `classes` are known, labels are indices into them."""
        weights = self.class_weight
        if classes is not None and isinstance(weights, dict):
            weights = {i: weights[c] for i, c in enumerate(classes.tolist()) if c in weights}
        parameters = self._native_parameters()
        return Plan(
            parameters,
            self.n_estimators,
            self._categories.columns(self.n_features_in_),
            self._classifies,
            weights,
            self.validation_fraction if self.early_stopping else None,
            self.n_iter_no_change,
            parameters.get("seed", 0),
        )

    def _native_parameters(self) -> dict[str, Any]:
        seed = self.random_state
        if seed is not None and not isinstance(seed, int | np.integer):
            seed = check_random_state(seed).randint(np.iinfo(np.int32).max)
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
            "num_threads": self.n_jobs if self._here() else 1,
            "deterministic": True,
            "force_row_wise": True,
            "verbosity": -1,
            **({} if seed is None else {"seed": int(seed)}),
        }

    def _here(self) -> bool:
        return self.engine is None or self.engine.name == "local"

    def _shards(self, rows: int) -> int:
        most = 1 if self.engine is None or self._here() else self.engine.workers
        if self.n_shards is None:
            return min(most, max(1, rows // ROWS_A_SHARD))
        if self.n_shards > most:
            raise ParameterError(
                f"n_shards={self.n_shards}: at most {most}, the worker processes of the engine"
            )
        return self.n_shards

    def _boosted(self, source: BlockSource, plan: Plan) -> Boosted:
        source.block_rows = -(-source.n_rows // self._shards(source.n_rows))
        if self.engine is None or self._here():
            self.n_shards_ = 1
            found = boost(source.load(Span(0, 1)), Communicator(0, 1), plan)
        else:
            blocks = self.engine.partition(source)
            self.n_shards_ = len(blocks.spans)  # fewer than asked for, where there are hardly more rows
            found = self.engine.run_group(boost, blocks, plan)[0]
        assert found is not None  # noqa: S101 (for the type checker)
        return found

    def _common_fit(self, models: Sequence[Self], X: Any, y: Any) -> Callable[[Self], Self]:
        """One fit with the most rounds: the first of them are every shorter fit.

        Early stopping ends each fit by itself: then every model is fitted alone.
        """
        if self.early_stopping:
            return lambda model: model.fit(X, y)
        most = max(model.n_estimators for model in models)
        longest: Self = clone(self).set_params(n_estimators=most).fit(X, y)
        return lambda model: longest.truncated(model.n_estimators)

    def truncated(self, n_estimators: int) -> Self:
        """This model with its first `n_estimators` rounds only: what a fit with so many would be.

        Raises
        ------
        ParameterError
            If there are fewer rounds, or the fit was stopped early.
        """
        check_is_fitted(self)
        shorter = copy(self)
        shorter.n_estimators = n_estimators
        shorter._validate_params()
        if self.early_stopping:
            raise ParameterError("early_stopping=True: only a fit of all its rounds can be cut")
        if n_estimators > len(self._iterations):
            raise ParameterError(
                f"n_estimators={n_estimators}: at most the {len(self._iterations)} rounds of the fit"
            )
        shorter._iterations = self._iterations[:n_estimators]
        shorter.n_iter_ = shorter._iterations[-1]
        return shorter

    def _outputs(self, X: Any) -> Array:
        """What LightGBM predicts for each row."""
        check_is_fitted(self)
        if isinstance(X, str | Path):
            return self._outputs_of_path(X)
        X = validate_data(
            self,
            self._categories.numbers(X),
            dtype=[np.float32, np.float64],
            ensure_all_finite="allow-nan",
            reset=False,
        )
        return _predicted(self.booster_, X, self.n_iter_, self.n_jobs)

    def _outputs_of_path(self, path: str | Path) -> Array:
        source = ParquetSource(path, getattr(self, "feature_names_in_", None), missing=True)
        if source.n_columns != self.n_features_in_:
            raise ParameterError(f"{path}: {source.n_columns} columns; the model has {self.n_features_in_}")
        workers = 1 if self.engine is None else self.engine.workers
        source.block_rows = max(1, min(PREDICTED_ROWS, -(-source.n_rows // workers)))
        shared = (source, self.booster_, self.n_iter_, self.n_jobs if self._here() else 1)
        numbers = range(source.n_blocks)
        if self.engine is None or self._here():
            return np.concatenate([_predicted_block(number, shared) for number in numbers])
        found = dict(self.engine.run(_predicted_block, numbers, shared))
        lost = [result for result in found.values() if isinstance(result, Exception)]
        if lost:
            raise lost[0]
        return np.concatenate([found[number] for number in numbers])

    @property
    def feature_importances_(self) -> Array:
        check_is_fitted(self)
        gains: Array = self.booster_.feature_importance("gain", iteration=self.n_iter_)
        total = gains.sum()
        return gains / total if total else gains

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = True
        return tags


def _predicted(booster: lgb.Booster, X: Array, iterations: int, threads: int) -> Array:
    return np.asarray(booster.predict(X, num_iteration=iterations, num_threads=threads, verbosity=-1))


def _predicted_block(number: int, shared: tuple[ParquetSource, lgb.Booster, int, int]) -> Array:
    source, booster, iterations, threads = shared
    return _predicted(booster, source.block(number)[0], iterations, threads)


class GradientBoostingClassifier(ClassifierMixin, _GradientBoosting):
    """Gradient-boosted trees by LightGBM, for two or more classes.

    Small tables are one native fit on one worker; large ones are sharded, a shard a worker, in one group of
    workers that sum their histograms through LightGBM's own network.

    Parameters
    ----------
    n_estimators : int, default=100
        Boosting rounds.
    learning_rate : float, default=0.1
    max_leaf_nodes : int, default=31
    max_depth : int or None, default=None
    min_samples_leaf : int, default=20
    l2_regularization : float, default=0.0
    max_features : float in (0, 1], default=1.0
        Share of the features that each split chooses from.
    subsample : float in (0, 1], default=1.0
        Share of the rows, drawn without replacement, that each round is fitted on.
    max_bins : int, default=255
    categorical_features : array-like of int, "from_dtype" or None, default=None
        Indices of columns whose values are categories, non-negative whole numbers; "from_dtype": the
        columns of a DataFrame that have the dtype category (a path has none). A category that the fit has
        not seen is a missing value.
    early_stopping : bool, default=False
        Stop when the loss on rows that are held out for it has not fallen for `n_iter_no_change` rounds;
        the model is that of the best round.
    validation_fraction : float in (0, 1), default=0.1
        Share of the rows of each class that is held out.
    n_iter_no_change : int, default=10
    class_weight : dict, "balanced" or None, default=None
        Weights of the classes (1 where the dict has none), which multiply those of the rows.
    random_state : int, RandomState instance or None, default=None
        None means LightGBM's own default seeds.
    n_jobs : int, default=1
        Threads of a fit in one process.
    n_shards : int or None, default=None
        Workers that share one fit; None: one for each 100,000 rows, at most all.
    engine : Engine, optional
        From `infra.engines.connect`; default: this process.

    Attributes
    ----------
    classes_ : ndarray of shape (n_classes,)
    booster_ : lightgbm.Booster
    n_iter_ : int
        Iterations that predictions use: a round that finds no split adds none.
    best_iteration_ : int
        The round of the lowest loss, from 1; with early stopping only.
    n_shards_ : int
        Shards the fit was split into.
    feature_importances_ : ndarray of shape (n_features,), float64
        Total gain of a feature's splits, summing to 1.
    n_features_in_ : int

    Notes
    -----
    The names are those of scikit-learn's histogram-based gradient boosting, but for `n_estimators` and
    `subsample`, which it has in `sklearn.ensemble.GradientBoostingClassifier`.

    An unsharded fit gives the same trees on every engine, those of LightGBM itself. A sharded one gives the
    same trees on Dask and on Spark, but not always those of an unsharded fit: shards add their histograms
    in another order and draw their own rows. While a shard is being connected it listens at a free port on
    all addresses of its machine.

    References
    ----------
    Ke et al., "LightGBM: a highly efficient gradient boosting decision tree" (2017).
    """

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        **_GradientBoosting._parameter_constraints,
        "class_weight": [dict, StrOptions({"balanced"}), None],
    }
    _classifies: ClassVar[bool] = True

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

    def predict_proba(self, X: Any) -> Array:
        """Probability of each class, in the order of `classes_`; float64, shape (n_samples, n_classes).

        `X` is as in `fit`; of a path, a column that is no feature is ignored.
        """
        p = self._outputs(X)
        return np.column_stack([1 - p, p]) if p.ndim == 1 else p

    def predict(self, X: Any) -> Array:
        """Most probable class of each row; shape (n_samples,)."""
        probabilities = self.predict_proba(X)
        return np.asarray(self.classes_[np.argmax(probabilities, axis=1)])


class GradientBoostingRegressor(RegressorMixin, _GradientBoosting):
    """Gradient-boosted trees by LightGBM, for numbers, with the squared error as loss.

    Parameters
    ----------
    n_estimators, learning_rate, max_leaf_nodes, max_depth, min_samples_leaf, l2_regularization, \
max_features, subsample, max_bins, categorical_features, early_stopping, validation_fraction, \
n_iter_no_change, random_state, n_jobs, n_shards, engine : as in `GradientBoostingClassifier`

    Attributes
    ----------
    booster_, n_iter_, best_iteration_, n_shards_, feature_importances_, n_features_in_ : \
as in `GradientBoostingClassifier`
    """

    def predict(self, X: Any) -> Array:
        """Predicted number of each row; float64, shape (n_samples,).

        `X` is as in `fit`; of a path, a column that is no feature is ignored.
        """
        return self._outputs(X)
