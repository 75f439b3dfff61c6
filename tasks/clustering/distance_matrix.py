"""Complete and average linkage over a distance matrix whose rows are spread over the workers."""

from typing import Any, NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

from infra.engines.collective import Communicator
from tasks.clustering import box_tree
from tasks.clustering.merging import Merges, Neighbours

Array = NDArray[Any]
ALONE = 512  # clusters that one worker finishes sooner than several
SENT_BYTES = 2**25  # of rows, at a time


def matrix_linkage(X: Array, communicator: Communicator, average: bool) -> Merges:
    """Merges of complete or average linkage over the rows of `X`; every member of the group has all rows.

    A member holds the matrix rows of its clusters, over the columns of all. In each round all reciprocal
    nearest neighbours merge (Lance and Williams' formulas); a merged cluster stays where its lower part
    was, and the row of the other part goes there.

    Parameters
    ----------
    X : ndarray of shape (n_rows, n_features), float64
    communicator : Communicator
    average : bool
        Average linkage; else complete.
    """
    n = len(X)
    known = Neighbours(n)
    sizes = np.ones(n)
    owners = _owners(X, communicator.size)
    matrix = Shard(X, np.flatnonzero(owners == communicator.rank))
    ids = known.active
    while len(known.active) > 1:
        if len(known.active) <= ALONE and communicator.size > 1:
            matrix.gather(communicator)
            owners[:] = 0
            communicator = Communicator(0, 1)
        mine = ids[owners[ids] == communicator.rank]
        parts = communicator.allgather((mine, *matrix.search(mine)))
        known.tell(*(np.concatenate(part) for part in zip(*parts, strict=True)))
        merged = known.merge()
        matrix.merge(merged, sizes, owners, communicator, average)
        sizes[merged.low] += sizes[merged.high]
        matrix.drop(merged.high, len(known.active))
        ids = np.concatenate([merged.low, known.lost()])
    return known.merges()


def _owners(X: Array, size: int) -> Array:
    """Which member has each cluster: near ones are together, so that few merges need a row sent."""
    order = np.argsort(box_tree.build(X, np.arange(len(X)), np.ones(len(X))).places)
    owners = np.empty(len(X), dtype=np.int64)
    owners[order] = np.arange(len(X)) * size // len(X)
    return owners


class Pairs(NamedTuple):
    """Merges as columns of the matrix, with the part that each has in the average of both."""

    low: Array
    high: Array
    low_shares: Array
    high_shares: Array


class Shard:
    """Some rows of the matrix of distances between clusters; infinite to itself and to what is gone."""

    def __init__(self, X: Array, rows: Array) -> None:
        self.rows = np.full(len(X), -1)
        """Where each cluster's row stands in `values`, or -1."""
        self.rows[rows] = np.arange(len(rows))
        self.ids = np.arange(len(X))
        """Which cluster each column belongs to; -1 for one that is gone."""
        self.columns = np.arange(len(X))
        """Where each cluster's column stands."""
        self.values = np.empty((len(rows), len(X)))
        _distances(X, np.ascontiguousarray(X.T), rows, self.values)

    def search(self, ids: Array) -> tuple[Array, Array]:
        """Nearest of each of some clusters, the lowest id among equals, and its distance."""
        found, distances = np.empty(len(ids), dtype=np.int64), np.empty(len(ids))
        _search(self.values, self.rows[ids], self.ids, found, distances)
        return found, distances

    def merge(
        self, merged: Merges, sizes: Array, owners: Array, communicator: Communicator, average: bool
    ) -> None:
        """Merge pairs of columns in all rows, and pairs of rows where the lower one stands."""
        a, b = self.columns[merged.low], self.columns[merged.high]
        total = sizes[merged.low] + sizes[merged.high]
        pairs = Pairs(a, b, sizes[merged.low] / total, sizes[merged.high] / total)
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
        """Of some merges those whose lower row is here, and the rows of their higher parts."""
        source, target = owners[merged.high[numbers]], owners[merged.low[numbers]]
        sent = numbers[(source == communicator.rank) & (target != communicator.rank)]
        parts = communicator.allgather((sent, self.values[self.rows[merged.high[sent]]]))
        here = numbers[target == communicator.rank]
        others = np.empty((len(here), len(self.ids)))
        known = owners[merged.high[here]] == communicator.rank
        others[known] = self.values[self.rows[merged.high[here[known]]]]
        for rank, (found, values) in enumerate(parts):
            wanted = owners[merged.low[found]] == communicator.rank
            if rank != communicator.rank:
                others[np.searchsorted(here, found[wanted])] = values[wanted]
        return here, others

    def drop(self, ids: Array, n_left: int) -> None:
        """Forget clusters; when half of the columns are gone, move the rest together."""
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
        """Take over the rows of all members."""
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
            # columns stand in the order of their clusters: the first of equals has the lowest id
            if ids[c] >= 0 and (row[c] < best):
                best, nearest = row[c], ids[c]
        found[k], distances[k] = nearest, best


@njit(nogil=True, cache=True, inline="always")
def _combined(a: float, b: float, share_a: float, share_b: float, average: bool) -> float:  # pragma: no cover
    """Distance to a merged cluster from those to its parts."""
    return share_a * a + share_b * b if average else max(a, b)


@njit(nogil=True, cache=True, inline="always")
def _merge_pair(row: Array, m: int, pairs: Pairs, average: bool) -> None:  # pragma: no cover
    a, b = pairs.low[m], pairs.high[m]
    row[a] = _combined(row[a], row[b], pairs.low_shares[m], pairs.high_shares[m], average)


@njit(nogil=True, cache=True)
def _merge_columns(values: Array, rows: Array, pairs: Pairs, average: bool) -> None:  # pragma: no cover
    for r in rows:
        row = values[r]
        for m in range(len(pairs.low)):
            _merge_pair(row, m, pairs, average)


@njit(nogil=True, cache=True)
def _merge_rows(
    values: Array, numbers: Array, rows: Array, others: Array, pairs: Pairs, average: bool
) -> None:  # pragma: no cover
    """Merge pairs of rows, whose columns merge one pair after the other.

    The distance of two merged clusters combines four, two by two: first those of the merge that comes
    first, whichever row it stands in. So the matrix stays symmetric to the last bit.
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
