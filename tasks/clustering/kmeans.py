"""The estimator KMeans, with the parameters and attributes of scikit-learn's, on every engine."""

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

from infra.engines import ArraySource, Blocks, BlockSource, Engine
from infra.errors import ParameterError
from tasks.clustering import assignment, seeding
from tasks.clustering.base import BlockClusterer, engine_or_this_process
from tasks.clustering.lloyd import LloydState, lloyd
from tasks.clustering.sources import PairedSource, WeightedRows
from tasks.sharing import SharedFit
from tasks.ways import way_over_blocks

Array = NDArray[Any]
BYTES_OF_LABELS = 12
"""Bytes of the labels of a row in a worker: those of the round, and those that are returned."""


class KMeans(SharedFit, ClassNamePrefixFeaturesOutMixin, TransformerMixin, BlockClusterer):
    """K-means clustering by Lloyd's algorithm, with the same kernel for blocks of rows on every engine.

    Labels and centres are the same to the last bit on every engine, with any number of workers. Seeding
    draws the same random numbers as scikit-learn's `KMeans`, so that equal seeds give equal clusterings.

    Parameters
    ----------
    n_clusters : int, default=8
        Number of clusters.
    init : {"k-means++", "k-means||", "random"} or array-like, default="k-means++"
        Way to choose the first centres, or the first centres themselves, of shape (n_clusters,
        n_features). "k-means||" draws from all rows where they are: for large tables.
    n_init : "auto" or int, default="auto"
        Number of runs from different seeds; the run with the least inertia is kept. "auto": 10 runs for
        "random", else 1.
    max_iter : int, default=300
        Most iterations of a run.
    tol : float, default=1e-4
        Tolerance, relative to the mean variance of the features: a run ends when the squared shift of all
        centres together is at most this.
    random_state : int, RandomState instance or None, default=None
        Seed of the first centres.
    engine : Engine, optional
        The engine that works, from `infra.engines.connect`; default: this process.

    Attributes
    ----------
    cluster_centers_ : ndarray of shape (n_clusters, n_features), dtype of X
        Centres of the clusters.
    labels_ : ndarray of shape (n_samples,), int32
        Cluster of each row.
    inertia_ : float
        Weighted sum of the squared distances of the rows to their nearest centre.
    n_iter_ : int
        Number of iterations of the run that was kept.
    n_features_in_ : int
        Number of features.
    way_ : BlocksWay
        The way in which the fit was done, chosen by the memory that it needs; as text, it says so in words.

    Notes
    -----
    A path to Parquet is read block by block where the engine runs. Where the rows do not fit in the memory of
    the workers, each round reads them anew, with the same answer. First centres other than "k-means||"
    come from a sample of rows (of at most 16 random blocks), and so does the variance that `tol` is
    relative to.

    References
    ----------
    Lloyd, "Least squares quantization in PCM" (1982). Arthur and Vassilvitskii, "k-means++: the
    advantages of careful seeding" (2007).

    Examples
    --------
    >>> from tasks.clustering import KMeans
    >>> X = [[1.0, 2.0], [1.0, 4.0], [1.0, 0.0], [10.0, 2.0], [10.0, 4.0], [10.0, 0.0]]
    >>> model = KMeans(n_clusters=2, random_state=0).fit(X)
    >>> model.labels_.tolist()
    [1, 1, 1, 0, 0, 0]
    >>> model.cluster_centers_.tolist()
    [[10.0, 2.0], [1.0, 2.0]]
    >>> model.predict([[0.0, 0.0], [12.0, 3.0]]).tolist()
    [1, 0]
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
    def fit(
        self, X: ArrayLike | str | Path | BlockSource, y: Any = None, sample_weight: ArrayLike | None = None
    ) -> Self:
        """Find the clusters of `X`.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features), or path to Parquet, or BlockSource
            Rows to cluster; of the blocks of a source, only the first array is used.
        y : ignored
            Not used; present for scikit-learn's conventions.
        sample_weight : array-like of shape (n_samples,), optional
            Weights of the rows; default: every row weighs 1. Not allowed with a path or a source.

        Raises
        ------
        ParameterError
            If there are more clusters than rows, weights come with a path or a source, or the fit needs more
            memory than there is.
        DataError
            If a path holds no Parquet, a column that is not numeric, or a value that is not finite; Spark
            reports a value that is not finite as an `EngineError`.
        """
        source = self._weighted_training_source(X, sample_weight)
        runs = self._runs()
        self._keep(*self._best_of(source, {runs})[runs], source.dtype)
        return self

    def _common_fit(self, models: Sequence[Self], X: Any, y: Any) -> Callable[[Self], Self]:
        """Do as many runs as the model with the most runs: all runs draw from one stream of random numbers."""
        if not isinstance(self.random_state, Integral):
            return lambda model: model.fit(X)  # each model draws its own seeds
        common: Self = clone(self)
        source = common._weighted_training_source(X)
        best_of = common._best_of(source, {model._runs() for model in models})

        def serve(model: Self) -> Self:
            served: Self = copy(common).set_params(n_init=model.n_init)
            served._keep(*best_of[model._runs()], source.dtype)
            return served

        return serve

    def _runs(self) -> int:
        """Number of runs."""
        if not isinstance(self.init, str):
            return 1  # every run from given centres finds the same clusters
        if isinstance(self.n_init, str):
            return 10 if self.init == "random" else 1
        return self.n_init

    def _best_of(self, source: PairedSource, counts: Collection[int]) -> dict[int, tuple[LloydState, Array]]:
        """For each of `counts`: the best of that many first runs, and its labels."""
        if self.n_clusters > source.n_rows:
            raise ParameterError(
                f"n_clusters={self.n_clusters}: allowed are at most as many as rows, n_samples={source.n_rows}"
            )
        sample = seeding.sample_for_seeds(source, self.n_clusters, check_random_state(self.random_state))
        best: tuple[LloydState, Array] | None = None
        best_of: dict[int, tuple[LloydState, Array]] = {}
        with engine_or_this_process(self.engine) as engine:
            self.way_ = way_over_blocks(
                type(self).__name__,
                source,
                engine,
                beside=BYTES_OF_LABELS + 2 * source.dtype.itemsize,
                in_memory=isinstance(source.rows, ArraySource),
            )
            blocks = engine.partition(source.streamed() if self.way_.streamed else source)
            tolerance = self.tol * float(np.mean(np.var(sample.X, axis=0))) if self.tol else 0.0
            for run, centers in enumerate(self._first_centers(engine, blocks, sample, max(counts)), 1):
                found = lloyd(engine, blocks, centers, tolerance=tolerance, max_iter=self.max_iter)
                # two runs that find the same clustering differ in inertia only by rounding
                if best is None or found[0].inertia < best[0].inertia * (1 - 1e-12):
                    best = found
                if run in counts:
                    best_of[run] = best
        return best_of

    def _first_centers(self, engine: Engine, blocks: Blocks, sample: WeightedRows, runs: int) -> list[Array]:
        """First centres of each run; fewer runs draw the same first ones."""
        random_state = check_random_state(self.random_state)
        if not isinstance(self.init, str):
            return [self._given_centers(sample.X)]
        if self.init == "k-means||":
            return [seeding.parallel(engine, blocks, self.n_clusters, random_state) for _ in range(runs)]
        draw = seeding.random_rows if self.init == "random" else seeding.plus_plus
        return [draw(sample, self.n_clusters, random_state) for _ in range(runs)]

    def _given_centers(self, X: Array) -> Array:
        centers = np.asarray(check_array(self.init, dtype=X.dtype))
        allowed = self.n_clusters, X.shape[1]
        if centers.shape != allowed:
            raise ParameterError(f"init: shape {centers.shape}, must be (n_clusters, n_features) = {allowed}")
        return centers

    def _keep(self, best: LloydState, labels: Array, dtype: np.dtype[Any]) -> None:
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

    def predict(self, X: ArrayLike | str | Path | BlockSource) -> Array:
        """Nearest cluster of each row.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features), or path to Parquet, or BlockSource
            Rows to predict; of the blocks of a source, only the first array is used.

        Returns
        -------
        ndarray of shape (n_samples,), int32
        """
        if not isinstance(X, str | Path | BlockSource):
            return assignment.nearest_centers(self._rows(X), self.cluster_centers_)
        check_is_fitted(self)
        source = self._prediction_source(X, self.cluster_centers_.dtype).streamed()
        with engine_or_this_process(self.engine) as engine:
            blocks = engine.partition(source)
            return np.concatenate(engine.map(_nearest_centers, blocks, self.cluster_centers_))

    def transform(self, X: ArrayLike) -> Array:
        """Euclidean distance of each row of `X` to each centre, shape (n_samples, n_clusters)."""
        return np.asarray(euclidean_distances(self._rows(X), self.cluster_centers_))

    def score(self, X: ArrayLike, y: Any = None, sample_weight: ArrayLike | None = None) -> float:
        """Negative inertia of `X` for the centres of the model: higher is better.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Rows to score.
        y : ignored
            Not used; present for scikit-learn's conventions.
        sample_weight : array-like of shape (n_samples,), optional
            Weights of the rows; default: every row weighs 1.
        """
        X = self._rows(X)
        weights = _check_sample_weight(sample_weight, X, dtype=np.float64)
        return -float(assignment.moments(X, weights, self.cluster_centers_).inertia)

    def _rows(self, X: ArrayLike) -> Array:
        check_is_fitted(self)
        return self._prediction_rows(X, self.cluster_centers_.dtype)

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.transformer_tags.preserves_dtype = ["float64", "float32"]
        return tags


def _nearest_centers(X: Array, *others_and_centers: Array) -> Array:
    """Nearest centres of a block, whose other arrays are not used."""
    return assignment.nearest_centers(X, others_and_centers[-1])
