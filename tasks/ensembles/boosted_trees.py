"""Base class of estimators that boost trees: rows and shards for the library, and the fitted model from it."""

from abc import abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from numbers import Integral
from pathlib import Path
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import ArrayLike, DTypeLike, NDArray
from sklearn.base import BaseEstimator, ClassifierMixin, RegressorMixin, _fit_context
from sklearn.utils import check_random_state
from sklearn.utils._param_validation import Interval, StrOptions
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import check_is_fitted, validate_data

from infra.arithmetic import ceil_div
from infra.engines import ArraySource, BlockSource, Engine
from infra.engines.blocks import Block, Span
from infra.engines.collective import Communicator
from infra.engines.streaming import kept_blocks, resident
from infra.errors import ParameterError
from tasks.ensembles.truncation import TruncatableEnsemble
from tasks.labels import check_classes
from tasks.tables import is_table, predict_table, training_table
from tasks.ways import FitWay, TableShape, way_to_fit, ways

Array = NDArray[Any]
Train = Callable[[Sequence[Block], Communicator, Any], Any]
ROWS_PER_SHARD = 100_000

CLASS_WEIGHT_CONSTRAINTS: dict[str, list[Any]] = {"class_weight": [dict, StrOptions({"balanced"}), None]}


class BoostedTrees(TruncatableEnsemble, BaseEstimator):
    """Base of the estimators that boost trees; a library's estimator adds its parameters and its training."""

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        "n_estimators": [Interval(Integral, 1, None, closed="left")],
        "random_state": ["random_state"],
        "n_jobs": [Interval(Integral, 1, None, closed="left")],
        "n_shards": [Interval(Integral, 1, None, closed="left"), None],
        "engine": [Engine, None],
    }
    _classifies: ClassVar[bool] = False
    _table_dtype: ClassVar[DTypeLike]
    """Type of the features that are read from Parquet."""
    _train: "ClassVar[staticmethod[[Sequence[Block], Communicator, Any], Any]]"
    """Training by the library, from a member's blocks, its communicator and the plan to a trained model, whose
    `classes` are those that the members agreed on."""

    n_estimators: int
    random_state: Any
    n_jobs: int
    n_shards: int | None
    engine: Engine | None
    class_weight: Any = None

    @_fit_context(prefer_skip_nested_validation=True)
    def fit(self, X: Any, y: Any = None, sample_weight: ArrayLike | None = None) -> Self:
        """Boost trees.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features), or str or Path or BlockSource
            Features, float32 or float64; NaN is a missing value. A path to Parquet is read by the workers, block
            by block; its features are all columns but the target. The blocks of a source are `(X, y)` or
            `(X, y, weights)`.
        y : array-like of shape (n_samples,), or str or None
            Class labels (at least two different ones) or numbers; with a path, the name of their column; with a
            source, None.
        sample_weight : array-like of shape (n_samples,), optional
            Weights of the rows; not with a path or a source.

        Returns
        -------
        estimator
            This estimator, fitted.

        Raises
        ------
        ParameterError
            If `y` has one class, there are more shards than worker processes, an argument does not go with a
            path or a source, or the fit needs more memory than there is.
        DataError
            If there is no Parquet at the path, or a feature is not numeric.
        """
        if is_table(X):
            source, classes = self._table(X, y, sample_weight), None
        else:
            source, classes = self._arrays(X, y, sample_weight)
        trained = self._trained(source, classes)
        if self._classifies:
            self.classes_ = np.asarray(trained.classes if classes is None else classes)
        self._keep(trained)
        return self

    def _table(self, X: str | Path | BlockSource, target: Any, sample_weight: Any) -> BlockSource:
        return training_table(self, X, target, sample_weight, self._table_dtype).streamed()

    def _arrays(self, X: Any, y: Any, sample_weight: Any) -> tuple[BlockSource, Array | None]:
        """Check rows in memory; give them with numbers as targets, and the classes of a classification."""
        X, y = validate_data(
            self,
            X,
            y,
            dtype=[np.float32, np.float64],
            ensure_all_finite="allow-nan",
            y_numeric=not self._classifies,
        )
        classes, target = None, y
        if self._classifies:
            check_classification_targets(y)
            classes, target = np.unique(y, return_inverse=True)
            check_classes(classes, self.class_weight)
        weights = self._weights(sample_weight, X, y)
        return (ArraySource(X, target) if weights is None else ArraySource(X, target, weights)), classes

    def _trained(self, source: BlockSource, classes: Array | None) -> Any:
        """Train on all rows of a source, in this process or as a group of workers with a shard each."""
        way = self._way(source)
        if not source.is_streamed:
            source = source.with_block_rows(ceil_div(source.n_rows, way.shards))
        plan = self._plan(classes, way)
        if self.engine is None or way.in_this_process:
            whole = Span(0, source.n_blocks)
            self.n_shards_, self.way_ = 1, way
            rows = resident(source.detached(whole), whole)
            first = _train_member(rows, Communicator(0, 1), self._train, plan)
        else:
            blocks = self.engine.partition(source, most=way.shards)
            # a table with hardly more rows than shards has fewer
            self.n_shards_, self.way_ = len(blocks.spans), replace(way, shards=len(blocks.spans))
            first = self.engine.run_group(_train_member, blocks, self._train, plan)[0]
        if isinstance(first, ParameterError):
            raise first
        return first

    def _way(self, source: BlockSource) -> FitWay:
        """Choose where and how to train, from the memory that it needs."""
        shape = TableShape.of(
            source, classification=self._classifies, held=not source.is_streamed or self._needs_all_rows()
        )
        here = not self._has_worker_processes()
        shards, most = self._shards(source.n_rows)
        possible = ways(shards, most, may_use_disk=self._can_use_disk(source), in_this_process=here)
        estimate = partial(self._bytes, shape)
        return way_to_fit(type(self).__name__, shape, possible, estimate, self.engine)

    def _shards(self, n_rows: int) -> tuple[int, int]:
        """Smallest and largest number of shards to cut the rows into."""
        most = self.engine.workers if self.engine and self._has_worker_processes() else 1
        if self.n_shards is None:
            return min(most, max(1, n_rows // ROWS_PER_SHARD)), most
        if self.n_shards > most:
            raise ParameterError(
                f"n_shards={self.n_shards}: at most {most}, the worker processes of the engine"
            )
        return self.n_shards, self.n_shards

    def _has_worker_processes(self) -> bool:
        return self.engine is not None and not self.engine.in_this_process

    def _training_threads(self) -> int:
        """Threads of a fit: those of the user in this process, one in a worker, which has one core."""
        return 1 if self._has_worker_processes() else self.n_jobs

    def _seed(self) -> int | None:
        """Seed of the library's generators; a generator of the caller gives a new one at each call."""
        if self.random_state is None:
            return None
        if isinstance(self.random_state, int | np.integer):
            return int(self.random_state)
        return int(check_random_state(self.random_state).randint(np.iinfo(np.int32).max))

    @abstractmethod
    def _weights(self, sample_weight: Any, X: Array, y: Array) -> Array | None:
        """Weights that the library gets for rows in memory."""

    @abstractmethod
    def _plan(self, classes: Array | None, way: FitWay) -> Any:
        """Data that all members of a fit have; if `classes` are given, the targets are indices into `classes`."""

    @abstractmethod
    def _bytes(self, shape: TableShape, way: FitWay) -> int:
        """Estimate the bytes of memory that a process of the fit needs at most."""

    @abstractmethod
    def _needs_all_rows(self) -> bool:
        """Tell whether the fit joins the blocks of a table in memory."""

    def _can_use_disk(self, source: BlockSource) -> bool:
        """Tell whether the library can train on these rows from files of binned rows."""
        return False

    @abstractmethod
    def _keep(self, trained: Any) -> None:
        """Set the fitted attributes."""

    @abstractmethod
    def _predictor(self, threads: int) -> Callable[[Array], Array]:
        """Picklable function from features to the outputs of the trees."""

    @abstractmethod
    def _gains(self) -> Array:
        """Gain of the splits at each feature, float64."""

    def _outputs(self, X: Any) -> Array:
        """Outputs of the trees for each row: numbers, or probabilities of classes."""
        check_is_fitted(self)
        if is_table(X):
            threads = self.n_jobs if self.engine is None else 1
            return predict_table(self, X, self._predictor(threads), self._table_dtype)
        X = validate_data(self, X, dtype=[np.float32, np.float64], ensure_all_finite="allow-nan", reset=False)
        return self._predictor(self.n_jobs)(X)

    @property
    def feature_importances_(self) -> Array:
        """Gain of the splits at each feature as a share of all gain; zeros where no tree has a split."""
        check_is_fitted(self)
        gains = self._gains()
        total = gains.sum()
        return gains / total if total else gains

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = True
        return tags


class BoostedTreesClassifier(ClassifierMixin):
    """Predictions of classes, mixed in before `BoostedTrees`."""

    _classifies: ClassVar[bool] = True
    classes_: Array
    _outputs: Callable[[Any], Array]

    def predict_proba(self, X: Any) -> Array:
        """Predict the probability of each class.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features), or str or Path or BlockSource
            Features, as in `fit`; in a Parquet table, columns that are not features are ignored.

        Returns
        -------
        ndarray of shape (n_samples, n_classes), float32 (XGBoost) or float64 (LightGBM)
            Probabilities, in the order of `classes_`.
        """
        outputs = self._outputs(X)
        return np.column_stack([1 - outputs, outputs]) if outputs.ndim == 1 else outputs

    def predict(self, X: Any) -> Array:
        """Predict the most probable class of each row.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features), or str or Path or BlockSource
            Features, as in `predict_proba`.

        Returns
        -------
        ndarray of shape (n_samples,)
            Class labels.
        """
        probabilities = self.predict_proba(X)
        return np.asarray(self.classes_[np.argmax(probabilities, axis=1)])


class BoostedTreesRegressor(RegressorMixin):
    """Predictions of numbers, mixed in before `BoostedTrees`."""

    _outputs: Callable[[Any], Array]

    def predict(self, X: Any) -> Array:
        """Predict a number for each row.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features), or str or Path or BlockSource
            Features, as in `fit`; in a Parquet table, columns that are not features are ignored.

        Returns
        -------
        ndarray of shape (n_samples,), float32 (XGBoost) or float64 (LightGBM)
            Predicted numbers.
        """
        return self._outputs(X)


def _train_member(blocks: Sequence[Block], communicator: Communicator, train: Train, plan: Any) -> Any:
    """Train as a member of a group; the first member has the result, for all end with the same trees.

    An error that the user can mend is returned, not raised: Spark would replace it by an `EngineError`.
    """
    try:
        with kept_blocks(blocks) as kept:  # several passes: targets, bins, binned rows
            trained = train(kept, communicator, plan)
    except ParameterError as error:
        return error
    return trained if communicator.rank == 0 else None
