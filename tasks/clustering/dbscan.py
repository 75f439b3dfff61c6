"""The estimator DBSCAN, exact, with the parameters and attributes of scikit-learn's, on every engine."""

from collections.abc import Callable, Sequence
from numbers import Integral, Real
from pathlib import Path
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import _fit_context
from sklearn.neighbors import NearestNeighbors
from sklearn.utils._param_validation import Interval
from sklearn.utils.validation import check_is_fitted

from infra.engines import ArraySource, BlockSource, Engine
from tasks.clustering.base import BlockClusterer, engine_or_this_process
from tasks.clustering.density import broadcast, grid, halo
from tasks.clustering.density.core import CoreCondition, DensityClustering
from tasks.clustering.density.neighbourhoods import neighbourhoods
from tasks.clustering.kd_partition import kd_partition, sample_of_blocks
from tasks.clustering.labelings import NOISE
from tasks.clustering.median_split import next_power_of_two
from tasks.clustering.sources import PairedSource
from tasks.sharing import SharedFit

Array = NDArray[Any]
REGION_ROWS = 2**20  # most rows of a region clustered at once, without its halo
BROADCAST_ROWS = 4096  # about the number of rows of a broadcast block
MOST_COPIES = 2.0  # mean number of regions that receive a row, up to which regions with halos are used


class DBSCAN(SharedFit, BlockClusterer):
    """Density-based clustering with exactly scikit-learn's labels, noise and border rows included.

    With up to three columns, space is cut into regions with nearly equal numbers of rows, and each region is
    clustered with a halo: the rows around it. With more columns, or where the halos would hold most rows,
    blocks of rows are broadcast to the workers one at a time. Either way no worker holds all rows, and labels
    do not depend on the engine or on the number of workers.

    Parameters
    ----------
    eps : float, default=0.5
        Largest Euclidean distance of two neighbours.
    min_samples : int, default=5
        Number of neighbours of a core row, itself included; with weights, the sum of their weights.
    engine : Engine, optional
        The engine that works, from `infra.engines.connect`; default: this process.

    Attributes
    ----------
    labels_ : ndarray of shape (n_samples,), int64
        Cluster of each row, numbered by the first core row of the cluster; -1 is noise.
    core_sample_indices_ : ndarray of shape (n_core_samples,), int64
        Numbers of the core rows.
    components_ : ndarray of shape (n_core_samples, n_features), dtype of X
        Core rows. After a fit from a path they are read from the path when they are first asked for.
    n_features_in_ : int
        Number of features.

    References
    ----------
    Ester, Kriegel, Sander and Xu, "A density-based algorithm for discovering clusters" (1996). Gan and Tao,
    "DBSCAN revisited" (2015). Wang, Gu and Shun, "Theoretically-efficient and practical parallel DBSCAN"
    (2020).

    Examples
    --------
    >>> from tasks.clustering import DBSCAN
    >>> X = [[1.0, 2.0], [2.0, 2.0], [2.0, 3.0], [8.0, 7.0], [8.0, 8.0], [25.0, 80.0]]
    >>> model = DBSCAN(eps=3.0, min_samples=2).fit(X)
    >>> model.labels_.tolist()
    [0, 0, 0, 1, 1, -1]
    >>> model.predict([[7.0, 7.0], [30.0, 30.0]]).tolist()
    [1, -1]
    """

    shared_parameters: ClassVar[tuple[str, ...]] = ("eps", "min_samples")

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        "eps": [Interval(Real, 0.0, None, closed="neither")],
        "min_samples": [Interval(Integral, 1, None, closed="left")],
        "engine": [Engine, None],
    }

    def __init__(self, eps: float = 0.5, *, min_samples: int = 5, engine: Engine | None = None) -> None:
        self.eps = eps
        self.min_samples = min_samples
        self.engine = engine

    @_fit_context(prefer_skip_nested_validation=True)
    def fit(self, X: ArrayLike | str | Path, y: Any = None, sample_weight: ArrayLike | None = None) -> Self:
        """Find the clusters of `X`.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features), or path to Parquet
            Rows to cluster.
        y : ignored
            Not used; present for scikit-learn's conventions.
        sample_weight : array-like of shape (n_samples,), optional
            Weights of the rows; default: every row weighs 1. Not allowed with a path. A row that weighs
            `min_samples` is a core row by itself; a negative weight can keep its neighbours from being
            core rows.

        Raises
        ------
        ParameterError
            If weights come with a path.
        DataError
            If a path holds no Parquet, a column that is not numeric, or a value that is not finite; Spark
            reports a value that is not finite as an `EngineError`.
        """
        source = self._weighted_training_source(X, sample_weight)
        nonnegative = bool((source.paired >= 0).all())
        condition = CoreCondition(float(self.eps), float(self.min_samples), nonnegative)
        with engine_or_this_process(self.engine) as engine:
            found = _cluster(engine, source, condition)
        return self._keep(found, source.rows)

    def _keep(self, found: DensityClustering, source: BlockSource) -> Self:
        self.labels_ = found.labels
        self.core_sample_indices_ = np.flatnonzero(found.core)
        self._core_rows = _CoreRowReader(source, self.core_sample_indices_)
        return self

    def _common_fit(self, models: Sequence[Self], X: Any, y: Any) -> Callable[[Self], Self]:
        """Scan the neighbourhoods of the rows once, in this process."""
        source = models[0]._training_source(X)
        if not isinstance(source, ArraySource):
            return lambda model: model.fit(X)  # one process should not hold all rows of a path
        rows = source.arrays[0]
        most = max(model.min_samples for model in models)
        scanned = neighbourhoods(rows, [model.eps for model in models], most)
        found = scanned.clusterings([model.min_samples for model in models])

        def serve(model: Self) -> Self:
            model._training_source(X)  # sets the attributes that describe the columns
            return model._keep(found[float(model.eps), model.min_samples], source)

        return serve

    @property
    def components_(self) -> Array:
        """Core rows, shape (n_core_samples, n_features)."""
        check_is_fitted(self)
        return self._core_rows.read()

    def predict(self, X: ArrayLike | str | Path) -> Array:
        """Cluster of the nearest core row within eps, or -1 where there is none.

        A row of the training data that is no core row may get another cluster than in `fit`, which chooses the
        lowest of the clusters that have a core row within eps.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features), or path to Parquet
            Rows to predict.

        Returns
        -------
        ndarray of shape (n_samples,), int64
        """
        check_is_fitted(self)
        core_rows, labels = self.components_, self.labels_[self.core_sample_indices_]
        if not isinstance(X, str | Path):
            rows = self._prediction_rows(X, [np.float64, np.float32])
            return _nearest(rows, core_rows, labels, self.eps)
        source = self._prediction_source(X, self._core_rows.dtype)
        with engine_or_this_process(self.engine) as engine:
            blocks = engine.partition(source)
            return np.concatenate(engine.map(_nearest, blocks, core_rows, labels, self.eps))


class _CoreRowReader:
    """Core rows of a fit: taken from an array at once, read from a path when they are asked for."""

    def __init__(self, source: BlockSource, index: Array) -> None:
        self.dtype = source.dtype
        self._index = index
        self._source: BlockSource | None = source
        if isinstance(source, ArraySource):
            self.read()

    def read(self) -> Array:
        if self._source is not None:
            size = self._source.block_rows
            blocks = np.split(
                self._index, np.searchsorted(self._index, np.arange(size, self._source.n_rows, size))
            )
            self._rows = np.concatenate(
                [self._source.block(i)[0][rows - i * size] for i, rows in enumerate(blocks)]
            )
            self._source = None
        return self._rows


def _cluster(engine: Engine, source: PairedSource, condition: CoreCondition) -> DensityClustering:
    blocks = engine.partition(source)
    sample = sample_of_blocks(engine, blocks)
    if source.n_columns <= grid.MOST_DIMENSIONS:
        regions = kd_partition(sample, _region_count(source.n_rows, engine.workers))
        if len(regions) == 1 or regions.copies_of_a_row(sample, 2 * condition.eps) <= MOST_COPIES:
            return halo.cluster(engine, blocks, source.block_rows, regions, condition)
    regions = kd_partition(sample, next_power_of_two(source.n_rows / BROADCAST_ROWS))
    return broadcast.cluster(engine, blocks, source.block_rows, regions, condition)


def _region_count(n_rows: int, workers: int) -> int:
    """Number of regions: equally many for each worker as far as a power of two allows; more for large tables."""
    even = workers if workers == next_power_of_two(workers) else next_power_of_two(4 * workers)
    return max(even, next_power_of_two(n_rows / REGION_ROWS))


def _nearest(X: Array, core_rows: Array, labels: Array, eps: float) -> Array:
    found: Array = np.full(len(X), NOISE)
    if len(core_rows) and len(X):
        distances, nearest = NearestNeighbors(n_neighbors=1).fit(core_rows).kneighbors(X)
        within = distances[:, 0] <= eps
        found[within] = labels[nearest[within, 0]]
    return found
