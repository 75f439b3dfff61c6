"""The estimator AgglomerativeClustering, with the parameters and attributes of scikit-learn's, on every engine."""

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
from tasks.clustering.assignment import nearest_centers
from tasks.clustering.base import BlockClusterer, engine_or_this_process
from tasks.clustering.dendrogram import Dendrogram, from_merges
from tasks.clustering.distance_matrix import matrix_linkage
from tasks.clustering.reciprocal_neighbours import Merges
from tasks.clustering.single import single
from tasks.clustering.ward import ward
from tasks.sharing import SharedFit

Array = NDArray[Any]
WIDEST = 1e150  # sums of squares of such differences are finite in float64
BLOCK_ROWS = 256  # few, so that a table of a few thousand rows has blocks for every worker
LINKAGES: dict[str, Callable[[Array, Communicator], Merges]] = {
    "ward": ward,
    "single": single,
    "average": partial(matrix_linkage, average=True),
    "complete": partial(matrix_linkage, average=False),
}


class CutParameters(NamedTuple):
    """Parameters of the estimator that say where its dendrogram is cut."""

    n_clusters: int | None
    distance_threshold: float | None


class Cut(NamedTuple):
    """Clusters of a dendrogram that has been cut."""

    n_clusters: int
    labels: Array
    """int64, shape (n_samples,)."""
    centroids: Array
    """float64, shape (n_clusters, n_features)."""


class AgglomerativeClustering(SharedFit, BlockClusterer):
    """Agglomerative clustering with the same tree as scikit-learn's, computed by all workers of an engine.

    Tree, distances and labels are the same to the last bit on every engine, with any number of workers.
    Ward's and single linkage take memory linear in the rows; for complete and average linkage the matrix
    of distances is spread over the workers.

    Parameters
    ----------
    n_clusters : int or None, default=2
        Number of clusters; None if and only if `distance_threshold` is given.
    linkage : {"ward", "complete", "average", "single"}, default="ward"
        Distance of two clusters that decides which of them merge.
    metric : "euclidean", default="euclidean"
        Distance of two rows.
    distance_threshold : float or None, default=None
        Distance from which on clusters do not merge; None if and only if `n_clusters` is given.
    engine : Engine, optional
        The engine that works, from `infra.engines.connect`; default: this process.

    Attributes
    ----------
    n_clusters_ : int
        Number of clusters.
    labels_ : ndarray of shape (n_samples,), int64
        Cluster of each row, with scikit-learn's numbers.
    children_ : ndarray of shape (n_samples - 1, 2), int64
        The two nodes of each merge, the nearest pair first. Row i is node i; merge k makes node
        n_samples + k.
    distances_ : ndarray of shape (n_samples - 1,), float64
        Distance of the two nodes of each merge.
    n_leaves_ : int
        Number of rows.
    n_connected_components_ : int
        Always 1, as in scikit-learn without a connectivity matrix.
    cluster_centroids_ : ndarray of shape (n_clusters_, n_features), float64
        Mean of the rows of each cluster.
    n_features_in_ : int
        Number of features.

    Notes
    -----
    `predict` gives the cluster with the nearest centroid, for every linkage; this takes n_clusters_ rows of
    memory. It is no part of the clustering itself: a row of the training data may be nearer to the centroid
    of another cluster than to the centroid of its own.

    Every worker holds all rows (and as many centroids), and the driver holds a few numbers for each row. A
    path is read by the workers: each reads its own blocks, and then they exchange what they have read.

    References
    ----------
    Sumengen et al., "Scaling hierarchical agglomerative clustering to billion-sized datasets" (2021).
    Müllner, "Modern hierarchical, agglomerative clustering algorithms" (2011).

    Examples
    --------
    >>> from tasks.clustering import AgglomerativeClustering
    >>> X = [[1.0, 2.0], [1.0, 4.0], [1.0, 0.0], [10.0, 2.0], [10.0, 4.0], [10.0, 0.0]]
    >>> model = AgglomerativeClustering(n_clusters=2).fit(X)
    >>> model.labels_.tolist()
    [1, 1, 1, 0, 0, 0]
    >>> model.predict([[0.0, 1.0], [9.0, 1.0]]).tolist()
    [1, 0]
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
            Rows to cluster.
        y : ignored
            Not used; present for scikit-learn's conventions.

        Raises
        ------
        ParameterError
            If there are fewer than two rows or more clusters than rows, or not exactly one of `n_clusters`
            and `distance_threshold` is given.
        DataError
            If a path holds no Parquet, a column that is not numeric, or a value that is not finite, or if the
            values of a column lie so far apart that their squares leave the range of float64; Spark reports
            the last two as an `EngineError`.
        """
        source = self._training_source(X, block_rows=BLOCK_ROWS)
        self._check(source.n_rows)
        self._keep(*self._dendrogram(source, [self._cut_parameters()])[self._cut_parameters()])
        return self

    def _common_fit(self, models: Sequence[Self], X: Any, y: Any) -> Callable[[Self], Self]:
        """Compute one dendrogram, and cut it for each model."""
        common: Self = clone(models[0])
        source = common._training_source(X, block_rows=BLOCK_ROWS)
        parameters = [model._cut_parameters() for model in models if model._problem(source.n_rows) is None]
        cuts = common._dendrogram(source, parameters) if parameters else {}

        def serve(model: Self) -> Self:
            model._check(source.n_rows)
            served: Self = copy(common).set_params(**model.get_params(deep=False))
            served._keep(*cuts[model._cut_parameters()])
            return served

        return serve

    def _check(self, n_rows: int) -> None:
        problem = self._problem(n_rows)
        if problem:
            raise ParameterError(problem)

    def _problem(self, n_rows: int) -> str | None:
        """Reason why so many rows cannot be cut as the parameters ask; None if they can be."""
        if (self.n_clusters is None) == (self.distance_threshold is None):
            return (
                f"n_clusters={self.n_clusters}, distance_threshold={self.distance_threshold}: "
                "give one of them, and None for the other"
            )
        if n_rows < 2:
            return f"n_samples={n_rows}: at least 2 rows can merge"
        if self.n_clusters is not None and self.n_clusters > n_rows:
            return f"n_clusters={self.n_clusters}: allowed are at most as many as rows, n_samples={n_rows}"
        return None

    def _cut_parameters(self) -> CutParameters:
        return CutParameters(self.n_clusters, self.distance_threshold)

    def _dendrogram(
        self, source: BlockSource, parameters: Sequence[CutParameters]
    ) -> dict[CutParameters, tuple[Dendrogram, Cut]]:
        """Dendrogram of the rows, with the cut for each of `parameters`."""
        with engine_or_this_process(self.engine) as engine:
            blocks = engine.partition(source)
            tree, cuts = engine.run_group(_member_dendrogram, blocks, self.linkage, parameters)[0]
        return {one: (tree, cut) for one, cut in zip(parameters, cuts, strict=True)}

    def _keep(self, tree: Dendrogram, cut: Cut) -> None:
        self.children_ = tree.children
        self.distances_ = tree.distances
        self.n_clusters_ = cut.n_clusters
        self.labels_ = cut.labels
        self.cluster_centroids_ = cut.centroids
        self.n_leaves_ = len(cut.labels)
        self.n_connected_components_ = 1

    def predict(self, X: ArrayLike | str | Path) -> Array:
        """Cluster with the nearest centroid.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features), or path to Parquet
            Rows to predict.

        Returns
        -------
        ndarray of shape (n_samples,), int64
        """
        check_is_fitted(self)
        if not isinstance(X, str | Path):
            return _nearest(self._prediction_rows(X, np.float64), self.cluster_centroids_)
        source = self._prediction_source(X, self.cluster_centroids_.dtype)
        with engine_or_this_process(self.engine) as engine:
            return np.concatenate(engine.map(_nearest, engine.partition(source), self.cluster_centroids_))


def _nearest(X: Array, centroids: Array) -> Array:
    return nearest_centers(X, centroids).astype(np.int64)


def _member_dendrogram(
    blocks: list[Any],
    communicator: Communicator,
    linkage: str,
    parameters: Sequence[CutParameters],
) -> tuple[Dendrogram, list[Cut]] | None:
    """One worker's part of a fit; the first worker returns the result for all."""
    mine = np.concatenate([X for (X,) in blocks]).astype(np.float64)
    X = np.concatenate(communicator.allgather(mine))
    _check_range(X)
    merges = LINKAGES[linkage](X, communicator)
    if communicator.rank > 0:
        return None
    # scikit-learn's single linkage keeps the order in which rows joined the spanning tree
    tree = from_merges(merges, lower_first=linkage != "single")
    return tree, [_cut(X, tree, one) for one in parameters]


def _check_range(X: Array) -> None:
    sides = X.max(axis=0) / 2 - X.min(axis=0) / 2  # halves do not overflow
    if sides.max() > WIDEST / 2:
        column = int(sides.argmax())
        low, high = X[:, column].min(), X[:, column].max()
        raise DataError(
            f"column {column}: values from {low:g} to {high:g}; allowed: at most {WIDEST:g} apart"
        )


def _cut(X: Array, tree: Dendrogram, parameters: CutParameters) -> Cut:
    count = _cluster_count(tree, parameters)
    labels = tree.labels(count)
    sums = np.column_stack([np.bincount(labels, column, count) for column in X.T])
    return Cut(count, labels, sums / np.bincount(labels)[:, None])


def _cluster_count(tree: Dendrogram, parameters: CutParameters) -> int:
    if parameters.n_clusters is None:
        return tree.n_clusters_below(float(parameters.distance_threshold or 0))
    return int(parameters.n_clusters)
