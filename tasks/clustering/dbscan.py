"""DBSCAN with scikit-learn's parameters and attributes, exact, on every engine."""

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

from infra.engines import ArraySource, Blocks, BlockSource, Engine
from tasks.clustering.base import BlockClusterer
from tasks.clustering.density import grid, halo, visiting
from tasks.clustering.density.halo import Clustering, Density
from tasks.clustering.density.neighbours import neighbourhoods
from tasks.clustering.labelings import NOISE
from tasks.clustering.regions import cut_regions, power_of_two, sampled
from tasks.sharing import SharedFit

Array = NDArray[Any]
REGION_ROWS = 2**20  # most rows of a region clustered at once, without its halo
VISITOR_ROWS = 4096
MOST_COPIES = 2.0


class DBSCAN(SharedFit, BlockClusterer):
    """Density-based clustering: exactly scikit-learn's labels, noise and border rows included.

    Up to three columns, space is cut into regions of nearly equal numbers of rows; each is clustered with
    a halo of its neighbours' rows. With more columns, or where the halos would hold most rows, blocks of
    rows visit each other. Either way no worker holds all rows, and labels do not depend on the engine or
    on the number of workers.

    Parameters
    ----------
    eps : float, default=0.5
        Largest Euclidean distance of neighbours.
    min_samples : int, default=5
        Rows, or their weight, within eps of a core row, itself included.
    engine : Engine, optional
        From `infra.engines.connect`; default: this process.

    Attributes
    ----------
    labels_ : ndarray of shape (n_samples,), int64
        Clusters numbered by their first core row; -1 is noise.
    core_sample_indices_ : ndarray of shape (n_core_samples,), int64
    components_ : ndarray of shape (n_core_samples, n_features), dtype of X
        The core rows. After a fit from a path they are read from it when first asked for.
    n_features_in_ : int

    References
    ----------
    Ester, Kriegel, Sander and Xu, "A density-based algorithm for discovering clusters" (1996). Gan and Tao,
    "DBSCAN revisited" (2015). Wang, Gu and Shun, "Theoretically-efficient and practical parallel DBSCAN"
    (2020).
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
        y : ignored
        sample_weight : array-like of shape (n_samples,), optional
            Not with a path. A row that weighs `min_samples` is a core row by itself; a negative weight
            keeps its neighbours from being core rows.

        Raises
        ------
        ParameterError
            If weights come with a path.
        DataError
            If a path holds no Parquet, a column that is not numeric, or a value that is not finite; Spark
            reports the last as an `EngineError`.
        """
        source = self._source(X, sample_weight)
        density = Density(float(self.eps), float(self.min_samples), _nonnegative(source))
        with self._connected() as engine:
            found = _clustered(engine, source, density)
        return self._keep(found, source)

    def _keep(self, found: Clustering, source: BlockSource) -> Self:
        self.labels_ = found.labels
        self.core_sample_indices_ = np.flatnonzero(found.core)
        self._core_rows = _CoreRows(source, self.core_sample_indices_)
        return self

    def _common_fit(self, models: Sequence[Self], X: Any, y: Any) -> Callable[[Self], Self]:
        """One scan of the rows' neighbourhoods, in this process."""
        source = models[0]._source(X)
        if not isinstance(source, ArraySource):
            return lambda model: model.fit(X)  # more rows than one process is to hold
        rows = source.arrays[0]
        most = max(model.min_samples for model in models)
        scanned = neighbourhoods(rows, [model.eps for model in models], most)
        found = scanned.clusterings([model.min_samples for model in models])

        def serve(model: Self) -> Self:
            model._source(X)
            return model._keep(found[float(model.eps), model.min_samples], source)

        return serve

    @property
    def components_(self) -> Array:
        """Core rows, of shape (n_core_samples, n_features)."""
        check_is_fitted(self)
        return self._core_rows.read()

    def predict(self, X: ArrayLike | str | Path) -> Array:
        """Cluster of the nearest core row within eps, else -1; int64, shape (n_samples,).

        A row of the training data that is no core row lies within eps of one, but `fit` gives it the lowest
        of the clusters around it and `predict` the nearest.
        """
        check_is_fitted(self)
        known = self.components_, self.labels_[self.core_sample_indices_], self.eps
        if not isinstance(X, str | Path):
            return _nearest(self._checked(X, [np.float64, np.float32]), *known)
        source = self._known_source(X, self._core_rows.dtype)
        with self._connected() as engine:
            return np.concatenate(engine.map(_nearest_of_block, engine.partition(source), *known))


class _CoreRows:
    """Core rows of a fit: cut out of an array at once, of a path when they are asked for."""

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


def _nonnegative(source: BlockSource) -> bool:
    weighted = isinstance(source, ArraySource) and len(source.arrays) > 1
    return not weighted or bool((source.arrays[1] >= 0).all())  # type: ignore[attr-defined]


def _clustered(engine: Engine, source: BlockSource, density: Density) -> Clustering:
    blocks: Blocks = engine.partition(source)
    sample = sampled(engine, blocks)
    if source.n_columns <= grid.MOST_DIMENSIONS:
        regions = cut_regions(sample, _region_count(source.n_rows, engine.workers))
        if len(regions) == 1 or regions.copies(sample, 2 * density.eps) <= MOST_COPIES:
            return halo.clustered(engine, blocks, source.block_rows, regions, density)
    regions = cut_regions(sample, power_of_two(source.n_rows / VISITOR_ROWS))
    return visiting.clustered(engine, blocks, source.block_rows, regions, density)


def _region_count(n_rows: int, workers: int) -> int:
    """One region a worker where that shares them out evenly, else several; more where they are large."""
    even = workers if workers == power_of_two(workers) else power_of_two(4 * workers)
    return max(even, power_of_two(n_rows / REGION_ROWS))


def _nearest(X: Array, core_rows: Array, labels: Array, eps: float) -> Array:
    found: Array = np.full(len(X), NOISE)
    if len(core_rows) and len(X):
        distances, nearest = NearestNeighbors(n_neighbors=1).fit(core_rows).kneighbors(X)
        within = distances[:, 0] <= eps
        found[within] = labels[nearest[within, 0]]
    return found


def _nearest_of_block(X: Array, *known: Any) -> Array:
    return _nearest(X, *known[-3:])
