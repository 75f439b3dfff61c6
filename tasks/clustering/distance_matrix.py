"""Complete and average linkage on a matrix of distances whose rows are spread over the workers."""

from typing import Any, NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

from infra.engines.collective import Communicator
from tasks.clustering import box_tree
from tasks.clustering.reciprocal_neighbours import Merges, NearestNeighbours

Array = NDArray[Any]
SERIAL_CLUSTERS = 512  # number of clusters up to which one worker merges faster than several workers
SENT_BYTES = 2**25  # of matrix rows that are exchanged at once


def matrix_linkage(X: Array, communicator: Communicator, average: bool) -> Merges:
    """Merge the rows of `X` by complete or average linkage; every worker of the group has all rows.

    A worker holds the matrix rows of its clusters, with the columns of all clusters. In each round all
    reciprocal nearest neighbours merge (by the formulas of Lance and Williams). A merged cluster stays with
    the worker that has its lower part, which receives the matrix row of the other part.

    Parameters
    ----------
    X : ndarray of shape (n_rows, n_features), float64
    communicator : Communicator
        Connection to the other workers.
    average : bool
        Whether the linkage is average; otherwise it is complete.
    """
    n = len(X)
    neighbours = NearestNeighbours(n)
    sizes = np.ones(n)
    owners = _owners(X, communicator.size)
    matrix = MatrixShard(X, np.flatnonzero(owners == communicator.rank))
    ids = neighbours.active
    while len(neighbours.active) > 1:
        if len(neighbours.active) <= SERIAL_CLUSTERS and communicator.size > 1:
            matrix.gather(communicator)
            owners[:] = 0
            communicator = Communicator(0, 1)
        mine = ids[owners[ids] == communicator.rank]
        searches = communicator.allgather(Search(mine, *matrix.search(mine)))
        neighbours.update(
            np.concatenate([search.ids for search in searches]),
            np.concatenate([search.found for search in searches]),
            np.concatenate([search.distances for search in searches]),
        )
        merged = neighbours.merge()
        matrix.merge(merged, sizes, owners, communicator, average)
        sizes[merged.low] += sizes[merged.high]
        matrix.drop(merged.high, len(neighbours.active))
        ids = np.concatenate([merged.low, neighbours.stale()])
    return neighbours.merges()


def _owners(X: Array, size: int) -> Array:
    """Worker of each cluster: near clusters have the same, so that few merges need an exchange of rows."""
    order = np.argsort(box_tree.build(X, np.arange(len(X)), np.ones(len(X))).positions)
    owners = np.empty(len(X), dtype=np.int64)
    owners[order] = np.arange(len(X)) * size // len(X)
    return owners


class Search(NamedTuple):
    """Result of the searches of one worker."""

    ids: Array
    """int64, shape (m,): clusters that searched."""
    found: Array
    """int64, shape (m,): nearest neighbour of each."""
    distances: Array
    """float64, shape (m,): distance to it."""


class ColumnPairs(NamedTuple):
    """Merges as pairs of matrix columns; for average linkage the weights of both columns."""

    low: Array
    """int64, shape (n_merges,): column of the lower cluster."""
    high: Array
    """int64, shape (n_merges,): column of the higher cluster."""
    low_shares: Array
    """float64, shape (n_merges,): size of the lower cluster as a share of both."""
    high_shares: Array
    """float64, shape (n_merges,): size of the higher cluster as a share of both."""


class MatrixShard:
    """Some rows of the matrix of distances between clusters; the distance of a cluster to itself is infinite.

    Parameters
    ----------
    X : ndarray of shape (n_clusters, n_features), float64
        Rows, each a cluster.
    rows : ndarray of shape (m,), int64
        Clusters whose matrix rows are held.

    Attributes
    ----------
    values : ndarray of shape (m, n_columns), float64
        Distances.
    rows : ndarray of shape (n_clusters,), int64
        Row of each cluster in `values`, or -1.
    columns : ndarray of shape (n_clusters,), int64
        Column of each cluster in `values`.
    ids : ndarray of shape (n_columns,), int64
        Cluster of each column; -1 for one that has been merged into another.
    """

    def __init__(self, X: Array, rows: Array) -> None:
        self.rows = np.full(len(X), -1)
        self.rows[rows] = np.arange(len(rows))
        self.ids = np.arange(len(X))
        self.columns = np.arange(len(X))
        self.values = np.empty((len(rows), len(X)))
        _distances(X, np.ascontiguousarray(X.T), rows, self.values)

    def search(self, ids: Array) -> tuple[Array, Array]:
        """Nearest neighbour of each of some clusters, the lowest id among equals, and the distance to it."""
        found, distances = np.empty(len(ids), dtype=np.int64), np.empty(len(ids))
        _search(self.values, self.rows[ids], self.ids, found, distances)
        return found, distances

    def merge(
        self, merged: Merges, sizes: Array, owners: Array, communicator: Communicator, average: bool
    ) -> None:
        """Merge pairs of columns in all rows, and pairs of rows where the lower row is.

        Parameters
        ----------
        merged : Merges
            Pairs of clusters.
        sizes : ndarray of shape (n_clusters,), float64
            Number of rows of each cluster before the merges.
        owners : ndarray of shape (n_clusters,), int64
            Worker that has the matrix row of each cluster.
        communicator : Communicator
            Connection to the other workers.
        average : bool
            Whether the linkage is average; otherwise it is complete.
        """
        a, b = self.columns[merged.low], self.columns[merged.high]
        total = sizes[merged.low] + sizes[merged.high]
        pairs = ColumnPairs(a, b, sizes[merged.low] / total, sizes[merged.high] / total)
        rows = self.rows.copy()
        rows[merged.low] = rows[merged.high] = -1
        _merge_columns(self.values, rows[rows >= 0], pairs, average)
        step = max(1, SENT_BYTES // (8 * len(self.ids)))
        for start in range(0, len(a), step):
            numbers = np.arange(start, min(start + step, len(a)))
            here, others = self._partners(numbers, merged, owners, communicator)
            _merge_rows(self.values, here, self.rows[merged.low[here]], others, pairs, average)

    def _partners(
        self, numbers: Array, merged: Merges, owners: Array, communicator: Communicator
    ) -> tuple[Array, Array]:
        """Merges whose lower row this worker holds, and the matrix rows of the higher clusters of these merges."""
        source, target = owners[merged.high[numbers]], owners[merged.low[numbers]]
        sent = numbers[(source == communicator.rank) & (target != communicator.rank)]
        parts = communicator.allgather((sent, self.values[self.rows[merged.high[sent]]]))
        here = numbers[target == communicator.rank]
        others = np.empty((len(here), len(self.ids)))
        is_here = owners[merged.high[here]] == communicator.rank
        others[is_here] = self.values[self.rows[merged.high[here[is_here]]]]
        for rank, (found, values) in enumerate(parts):
            wanted = owners[merged.low[found]] == communicator.rank
            if rank != communicator.rank:
                others[np.searchsorted(here, found[wanted])] = values[wanted]
        return here, others

    def drop(self, ids: Array, n_left: int) -> None:
        """Remove clusters; when half of the columns are unused, make the matrix smaller."""
        self.ids[self.columns[ids]] = -1
        self.rows[ids] = -1
        if n_left <= len(self.ids) // 2:
            self._keep(np.flatnonzero(self.ids >= 0))

    def _keep(self, columns: Array) -> None:
        live = np.flatnonzero(self.rows >= 0)
        self.values = self.values[np.ix_(self.rows[live], columns)]
        self.rows[live] = np.arange(len(live))
        self.ids = self.ids[columns]
        self.columns[self.ids] = np.arange(len(columns))

    def gather(self, communicator: Communicator) -> None:
        """Receive the rows of all workers."""
        self._keep(np.flatnonzero(self.ids >= 0))
        live = np.flatnonzero(self.rows >= 0)
        parts = communicator.allgather((live, self.values[self.rows[live]]))
        self.values = np.concatenate([values for _, values in parts])
        self.rows[np.concatenate([ids for ids, _ in parts])] = np.arange(len(self.values))


@njit(nogil=True, cache=True)
def _distances(X: Array, columns: Array, rows: Array, values: Array) -> None:  # pragma: no cover
    for k, i in enumerate(rows):
        row = values[k]
        row[:] = 0.0
        for j in range(X.shape[1]):
            x, column = X[i, j], columns[j]
            for c in range(len(row)):
                difference = x - column[c]
                row[c] += difference * difference
        for c in range(len(row)):
            row[c] = np.sqrt(row[c])
        row[i] = np.inf


@njit(nogil=True, cache=True)
def _search(
    values: Array, rows: Array, ids: Array, found: Array, distances: Array
) -> None:  # pragma: no cover
    for k in range(len(rows)):
        row = values[rows[k]]
        best, nearest = np.inf, np.int64(-1)
        for c in range(len(row)):
            # columns are in the order of their clusters: the first of equals has the lowest id
            if ids[c] >= 0 and (row[c] < best):
                best, nearest = row[c], ids[c]
        found[k], distances[k] = nearest, best


@njit(nogil=True, cache=True, inline="always")
def _combined(a: float, b: float, share_a: float, share_b: float, average: bool) -> float:  # pragma: no cover
    """Distance to a merged cluster from those to its parts."""
    return share_a * a + share_b * b if average else max(a, b)


@njit(nogil=True, cache=True, inline="always")
def _merge_pair(row: Array, m: int, pairs: ColumnPairs, average: bool) -> None:  # pragma: no cover
    a, b = pairs.low[m], pairs.high[m]
    row[a] = _combined(row[a], row[b], pairs.low_shares[m], pairs.high_shares[m], average)


@njit(nogil=True, cache=True)
def _merge_columns(values: Array, rows: Array, pairs: ColumnPairs, average: bool) -> None:  # pragma: no cover
    for r in rows:
        row = values[r]
        for m in range(len(pairs.low)):
            _merge_pair(row, m, pairs, average)


@njit(nogil=True, cache=True)
def _merge_rows(
    values: Array, numbers: Array, rows: Array, others: Array, pairs: ColumnPairs, average: bool
) -> None:  # pragma: no cover
    """Merge pairs of rows, in which pairs of columns merge one after the other.

    The distance of two merged clusters combines four distances, two by two: first those of the earlier merge,
    whichever row it is in. So the matrix stays symmetric to the last bit.
    """
    for k, m in enumerate(numbers):
        row, other = values[rows[k]], others[k]
        for earlier in range(m):
            _merge_pair(row, earlier, pairs, average)
            _merge_pair(other, earlier, pairs, average)
        low_share, high_share = pairs.low_shares[m], pairs.high_shares[m]
        for c in range(len(row)):
            row[c] = _combined(row[c], other[c], low_share, high_share, average)
        for later in range(m + 1, len(pairs.low)):
            _merge_pair(row, later, pairs, average)
        row[pairs.low[m]] = np.inf
