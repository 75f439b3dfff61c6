"""Agglomerative clustering with scikit-learn's parameters and attributes, on every engine."""

from collections.abc import Callable, Sequence
from copy import copy
from functools import partial
from numbers import Integral, Real
from pathlib import Path
from typing import Any, ClassVar, NamedTuple, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import _fit_context, clone
from sklearn.utils._param_validation import Interval, StrOptions
from sklearn.utils.validation import check_is_fitted

from infra.engines import BlockSource, Engine
from infra.engines.collective import Communicator
from infra.errors import DataError, ParameterError
from tasks.clustering import kernels
from tasks.clustering.base import BlockClusterer
from tasks.clustering.dendrogram import Dendrogram, from_merges
from tasks.clustering.distance_matrix import matrix_linkage
from tasks.clustering.merging import Merges
from tasks.clustering.single import single
from tasks.clustering.ward import ward
from tasks.sharing import SharedFit

Array = NDArray[Any]
Wanted = tuple[int | None, float | None]  # n_clusters, distance_threshold
WIDEST = 1e150  # sums of squares of such differences are finite in float64
BLOCK_ROWS = 256  # small, so that a table of a few thousand rows has some for every worker
LINKAGES: dict[str, Callable[[Array, Communicator], Merges]] = {
    "ward": ward,
    "single": single,
    "average": partial(matrix_linkage, average=True),
    "complete": partial(matrix_linkage, average=False),
}


class Cut(NamedTuple):
    """A dendrogram cut into clusters."""

    n_clusters: int
    labels: Array
    """int64, shape (n_samples,)."""
    centroids: Array
    """float64, shape (n_clusters, n_features)."""


class AgglomerativeClustering(SharedFit, BlockClusterer):
    """Agglomerative clustering: the same tree as scikit-learn's, grown by all workers of an engine.

    Tree, distances and labels are the same to the last bit on every engine, with any number of workers.
    Ward's and single linkage take memory linear in the rows; for complete and average linkage the matrix
    of distances is spread over the workers.

    Parameters
    ----------
    n_clusters : int or None, default=2
        None if and only if `distance_threshold` is given.
    linkage : {"ward", "complete", "average", "single"}, default="ward"
    metric : "euclidean", default="euclidean"
    distance_threshold : float, default=None
        Clusters at this distance or farther are not merged.
    engine : Engine, optional
        From `infra.engines.connect`; default: this process.

    Attributes
    ----------
    n_clusters_ : int
    labels_ : ndarray of shape (n_samples,), int64
        Numbered as scikit-learn does.
    children_ : ndarray of shape (n_samples - 1, 2), int64
        The two nodes of each merge, nearest first; rows are the nodes below n_samples, merge k makes node
        n_samples + k.
    distances_ : ndarray of shape (n_samples - 1,), float64
    n_leaves_ : int
    n_connected_components_ : int
    cluster_centroids_ : ndarray of shape (n_clusters_, n_features), float64
        Mean of each cluster's rows.
    n_features_in_ : int

    Notes
    -----
    `predict` gives the cluster with the nearest centroid, for every linkage: that takes n_clusters_ rows
    of memory. It is no part of the clustering itself: a row of the training data may be nearer to the
    centroid of another cluster than to that of its own.

    Every worker holds all rows (and as many centroids), and the driver a few numbers a row; a path is read
    by the workers, each its span, and they exchange what they have read.

    References
    ----------
    Sumengen et al., "Scaling hierarchical agglomerative clustering to billion-sized datasets" (2021).
    Müllner, "Modern hierarchical, agglomerative clustering algorithms" (2011).
    """

    shared_parameters: ClassVar[tuple[str, ...]] = ("n_clusters", "distance_threshold")
    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        "n_clusters": [Interval(Integral, 1, None, closed="left"), None],
        "linkage": [StrOptions(set(LINKAGES))],
        "metric": [StrOptions({"euclidean"})],
        "distance_threshold": [Interval(Real, 0, None, closed="left"), None],
        "engine": [Engine, None],
    }

    def __init__(
        self,
        n_clusters: int | None = 2,
        *,
        linkage: str = "ward",
        metric: str = "euclidean",
        distance_threshold: float | None = None,
        engine: Engine | None = None,
    ) -> None:
        self.n_clusters = n_clusters
        self.linkage = linkage
        self.metric = metric
        self.distance_threshold = distance_threshold
        self.engine = engine

    @_fit_context(prefer_skip_nested_validation=True)
    def fit(self, X: ArrayLike | str | Path, y: Any = None) -> Self:
        """Find the clusters of `X`.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features), or path to Parquet
        y : ignored

        Raises
        ------
        ParameterError
            If there are fewer than two rows or more clusters than rows, or not exactly one of `n_clusters`
            and `distance_threshold` is given.
        DataError
            If a path holds no Parquet, a column that is not numeric, or a value that is not finite, or a
            column's values lie so far apart that their squares leave the range of float64; Spark reports
            the last two as an `EngineError`.
        """
        source = self._source(X, block_rows=BLOCK_ROWS)
        self._check(source.n_rows)
        self._keep(*self._grow(source, [self._wanted()])[self._wanted()])
        return self

    def _common_fit(self, models: Sequence[Self], X: Any, y: Any) -> Callable[[Self], Self]:
        """One dendrogram, cut for each model."""
        common: Self = clone(models[0])
        source = common._source(X, block_rows=BLOCK_ROWS)
        wanted = [model._wanted() for model in models if model._problem(source.n_rows) is None]
        cuts = common._grow(source, wanted) if wanted else {}

        def serve(model: Self) -> Self:
            model._check(source.n_rows)
            served: Self = copy(common).set_params(**model.get_params(deep=False))
            served._keep(*cuts[model._wanted()])
            return served

        return serve

    def _check(self, n_rows: int) -> None:
        problem = self._problem(n_rows)
        if problem:
            raise ParameterError(problem)

    def _problem(self, n_rows: int) -> str | None:
        """What keeps so many rows from being cut as the parameters ask."""
        if (self.n_clusters is None) == (self.distance_threshold is None):
            return (
                f"n_clusters={self.n_clusters}, distance_threshold={self.distance_threshold}: "
                "give one of them, and None for the other"
            )
        if n_rows < 2:
            return f"n_samples={n_rows}: at least 2 rows can merge"
        if self.n_clusters is not None and self.n_clusters > n_rows:
            return f"n_clusters={self.n_clusters}: at most one a row, n_samples={n_rows}"
        return None

    def _wanted(self) -> Wanted:
        return self.n_clusters, self.distance_threshold

    def _grow(self, source: BlockSource, wanted: Sequence[Wanted]) -> dict[Wanted, tuple[Dendrogram, Cut]]:
        with self._connected() as engine:
            tree, cuts = engine.run_group(_grown, engine.partition(source), self.linkage, wanted)[0]
        return {one: (tree, cut) for one, cut in zip(wanted, cuts, strict=True)}

    def _keep(self, tree: Dendrogram, cut: Cut) -> None:
        self.children_ = tree.children
        self.distances_ = tree.distances
        self.n_clusters_ = cut.n_clusters
        self.labels_ = cut.labels
        self.cluster_centroids_ = cut.centroids
        self.n_leaves_ = len(cut.labels)
        self.n_connected_components_ = 1

    def predict(self, X: ArrayLike | str | Path) -> Array:
        """Cluster with the nearest centroid to each row of `X`; int64, shape (n_samples,)."""
        check_is_fitted(self)
        if not isinstance(X, str | Path):
            return _nearest(self._checked(X, np.float64), self.cluster_centroids_)
        source = self._known_source(X, self.cluster_centroids_.dtype)
        with self._connected() as engine:
            return np.concatenate(engine.map(_nearest, engine.partition(source), self.cluster_centroids_))


def _nearest(X: Array, *rest: Any) -> Array:
    return kernels.assign(X, rest[-1])[0].astype(np.int64)


def _grown(
    blocks: list[Any],
    communicator: Communicator,
    linkage: str,
    wanted: Sequence[Wanted],
) -> tuple[Dendrogram, list[Cut]] | None:
    """One member's part of a fit; the first member answers for all."""
    mine = np.concatenate([block[0] for block in blocks]).astype(np.float64)
    X = np.concatenate(communicator.allgather(mine))
    _check_range(X)
    merges = LINKAGES[linkage](X, communicator)
    if communicator.rank > 0:
        return None
    # scikit-learn's single linkage keeps the order in which rows joined the spanning tree
    tree = from_merges(merges, lower_first=linkage != "single")
    return tree, [_cut(X, tree, *parameters) for parameters in wanted]


def _check_range(X: Array) -> None:
    sides = X.max(axis=0) / 2 - X.min(axis=0) / 2  # halves do not overflow
    if sides.max() > WIDEST / 2:
        column = int(sides.argmax())
        low, high = X[:, column].min(), X[:, column].max()
        raise DataError(
            f"column {column}: values from {low:g} to {high:g}; allowed: at most {WIDEST:g} apart"
        )


def _cut(X: Array, tree: Dendrogram, n_clusters: int | None, threshold: float | None) -> Cut:
    count = tree.n_clusters_below(float(threshold or 0)) if n_clusters is None else int(n_clusters)
    labels = tree.labels(count)
    sums = np.column_stack([np.bincount(labels, column, count) for column in X.T])
    return Cut(count, labels, sums / np.bincount(labels)[:, None])
