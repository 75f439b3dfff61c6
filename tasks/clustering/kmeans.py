"""K-means with scikit-learn's parameters and attributes, on every engine."""

import warnings
from collections.abc import Callable, Collection, Sequence
from copy import copy
from numbers import Integral, Real
from pathlib import Path
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import ClassNamePrefixFeaturesOutMixin, TransformerMixin, _fit_context, clone
from sklearn.exceptions import ConvergenceWarning
from sklearn.metrics.pairwise import euclidean_distances
from sklearn.utils import check_array, check_random_state
from sklearn.utils._param_validation import Interval, StrOptions
from sklearn.utils.validation import _check_sample_weight, check_is_fitted

from infra.engines import Blocks, BlockSource, Engine
from infra.errors import ParameterError
from tasks.clustering import kernels, seeding
from tasks.clustering.base import BlockClusterer
from tasks.clustering.lloyd import State, lloyd
from tasks.sharing import SharedFit

Array = NDArray[Any]


class KMeans(SharedFit, ClassNamePrefixFeaturesOutMixin, TransformerMixin, BlockClusterer):
    """K-means clustering: Lloyd's algorithm, one kernel over blocks of rows on every engine.

    Labels and centres are the same to the last bit on every engine, with any number of workers. Seeding
    draws the same numbers as scikit-learn's `KMeans`, so that equal seeds give equal clusterings.

    Parameters
    ----------
    n_clusters : int, default=8
    init : {"k-means++", "k-means||", "random"} or array-like of shape (n_clusters, n_features)
        Default: "k-means++". "k-means||" seeds from all rows where they are, for large tables.
    n_init : "auto" or int, default="auto"
        Runs from different seeds, the best of which is kept; "auto": 10 for random, else 1.
    max_iter : int, default=300
    tol : float, default=1e-4
        Relative to the mean variance of the features, compared with the squared shift of the centres.
    random_state : int, RandomState instance or None, default=None
    engine : Engine, optional
        From `infra.engines.connect`; default: this process.

    Attributes
    ----------
    cluster_centers_ : ndarray of shape (n_clusters, n_features), dtype of X
    labels_ : ndarray of shape (n_samples,), int32
    inertia_ : float
        Weighted sum of squared distances to the nearest centre.
    n_iter_ : int
    n_features_in_ : int

    Notes
    -----
    A path to Parquet is read block by block where the engine runs. Its seeds, but for "k-means||", come
    from a bounded sample of rows (of at most 16 random blocks), and so does the variance that `tol` is
    relative to.

    References
    ----------
    Lloyd, "Least squares quantization in PCM" (1982). Arthur and Vassilvitskii, "k-means++: the
    advantages of careful seeding" (2007).
    """

    shared_parameters: ClassVar[tuple[str, ...]] = ("n_init",)

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        "n_clusters": [Interval(Integral, 1, None, closed="left")],
        "init": [StrOptions({"k-means++", "k-means||", "random"}), "array-like"],
        "n_init": [StrOptions({"auto"}), Interval(Integral, 1, None, closed="left")],
        "max_iter": [Interval(Integral, 1, None, closed="left")],
        "tol": [Interval(Real, 0, None, closed="left")],
        "random_state": ["random_state"],
        "engine": [Engine, None],
    }

    def __init__(
        self,
        n_clusters: int = 8,
        *,
        init: str | ArrayLike = "k-means++",
        n_init: str | int = "auto",
        max_iter: int = 300,
        tol: float = 1e-4,
        random_state: Any = None,
        engine: Engine | None = None,
    ) -> None:
        self.n_clusters = n_clusters
        self.init = init
        self.n_init = n_init
        self.max_iter = max_iter
        self.tol = tol
        self.random_state = random_state
        self.engine = engine

    @_fit_context(prefer_skip_nested_validation=True)
    def fit(self, X: ArrayLike | str | Path, y: Any = None, sample_weight: ArrayLike | None = None) -> Self:
        """Find the clusters of `X`.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features), or path to Parquet
        y : ignored
        sample_weight : array-like of shape (n_samples,), optional
            Not with a path.

        Raises
        ------
        ParameterError
            If there are more clusters than rows.
        DataError
            If a path holds no Parquet, a column that is not numeric, or a value that is not finite; Spark
            reports the last as an `EngineError`.
        """
        source = self._source(X, sample_weight)
        runs = self._runs()
        self._keep(*self._best_of(source, {runs})[runs], source.dtype)
        return self

    def _common_fit(self, models: Sequence[Self], X: Any, y: Any) -> Callable[[Self], Self]:
        """The most runs asked for: they draw their seeds one after the other from one stream."""
        if not isinstance(self.random_state, Integral):
            return lambda model: model.fit(X)  # each draws seeds of its own
        common: Self = clone(self)
        source = common._source(X)
        best_of = common._best_of(source, {model._runs() for model in models})

        def serve(model: Self) -> Self:
            served: Self = copy(common).set_params(n_init=model.n_init)
            served._keep(*best_of[model._runs()], source.dtype)
            return served

        return serve

    def _runs(self) -> int:
        if not isinstance(self.init, str):
            return 1  # given centres lead to the same clusters each time
        if isinstance(self.n_init, str):
            return 10 if self.init == "random" else 1
        return self.n_init

    def _best_of(self, source: BlockSource, counts: Collection[int]) -> dict[int, tuple[State, Array]]:
        """For each of `counts`, the best of so many first runs and its labels."""
        if self.n_clusters > source.n_rows:
            raise ParameterError(
                f"n_clusters={self.n_clusters}: at most one a row, n_samples={source.n_rows}"
            )
        sample, weights = seeding.sample_for_seeds(
            source, self.n_clusters, check_random_state(self.random_state)
        )
        best: tuple[State, Array] | None = None
        best_of: dict[int, tuple[State, Array]] = {}
        with self._connected() as engine:
            blocks = engine.partition(source)
            tolerance = self.tol * float(np.mean(np.var(sample, axis=0))) if self.tol else 0.0
            for run, centers in enumerate(self._seeds(engine, blocks, sample, weights, max(counts)), 1):
                found = lloyd(engine, blocks, centers, tolerance=tolerance, max_iter=self.max_iter)
                # the same clustering found twice differs in inertia by rounding alone
                if best is None or found[0].inertia < best[0].inertia * (1 - 1e-12):
                    best = found
                if run in counts:
                    best_of[run] = best
        return best_of

    def _seeds(self, engine: Engine, blocks: Blocks, sample: Array, weights: Array, runs: int) -> list[Array]:
        """Starting centres of each run, drawn one after the other; fewer runs draw the first of them."""
        random_state = check_random_state(self.random_state)
        if not isinstance(self.init, str):
            centers = check_array(self.init, dtype=sample.dtype)
            if centers.shape != (self.n_clusters, sample.shape[1]):
                raise ParameterError(
                    f"init: shape {centers.shape}, must be (n_clusters, n_features) = "
                    f"{(self.n_clusters, sample.shape[1])}"
                )
            return [centers]
        if self.init == "k-means||":
            return [seeding.parallel(engine, blocks, self.n_clusters, random_state) for _ in range(runs)]
        draw = seeding.random_rows if self.init == "random" else seeding.plus_plus
        return [draw(sample, weights, self.n_clusters, random_state) for _ in range(runs)]

    def _keep(self, best: State, labels: Array, dtype: np.dtype[Any]) -> None:
        self.cluster_centers_ = best.centers.astype(dtype)
        self.labels_ = labels
        self.inertia_ = best.inertia
        self.n_iter_ = best.n_iter
        self._n_features_out = self.n_clusters
        distinct = np.count_nonzero(np.bincount(labels))
        if distinct < self.n_clusters:
            warnings.warn(
                f"{distinct} distinct clusters found, fewer than n_clusters={self.n_clusters}: duplicate rows?",
                ConvergenceWarning,
                stacklevel=3,
            )

    def predict(self, X: ArrayLike | str | Path) -> Array:
        """Nearest cluster of each row of `X`, an array or a path as in `fit`; int32, shape (n_samples,)."""
        if not isinstance(X, str | Path):
            return kernels.assign(self._rows(X), self.cluster_centers_)[0]
        check_is_fitted(self)
        source = self._known_source(X, self.cluster_centers_.dtype)
        with self._connected() as engine:
            return np.concatenate(engine.map(_labels, engine.partition(source), self.cluster_centers_))

    def transform(self, X: ArrayLike) -> Array:
        """Euclidean distance of each row to each centre, shape (n_samples, n_clusters)."""
        return np.asarray(euclidean_distances(self._rows(X), self.cluster_centers_))

    def score(self, X: ArrayLike, y: Any = None, sample_weight: ArrayLike | None = None) -> float:
        """Negative inertia of `X`."""
        X = self._rows(X)
        weights = _check_sample_weight(sample_weight, X, dtype=np.float64)
        return -float(kernels.moments(X, weights, self.cluster_centers_).inertia)

    def _rows(self, X: ArrayLike) -> Array:
        check_is_fitted(self)
        return self._checked(X, self.cluster_centers_.dtype)

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.transformer_tags.preserves_dtype = ["float64", "float32"]
        return tags


def _labels(X: Array, *rest: Any) -> Array:
    return kernels.assign(X, rest[-1])[0]
