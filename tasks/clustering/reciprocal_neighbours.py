"""Reciprocal nearest neighbours: the pairs that merge in one round, and the clusters that must search again.

References
----------
Sumengen et al., "Scaling hierarchical agglomerative clustering to billion-sized datasets" (2021). Yu et
al., "ParChain" (2021). Müllner, "Modern hierarchical, agglomerative clustering algorithms" (2011).

Notes
-----
Ward's, complete and average linkage are reducible: a merged cluster is no nearer to a third cluster than the
nearer of its two parts was. So two clusters that are each other's nearest neighbour stay so whatever else
merges: all such pairs merge at once, and the tree is the same as with one merge at a time. A cluster whose
nearest neighbour did not merge keeps this neighbour: a new cluster is no nearer than its parts were, and comes
at the same place or later in the order of ties. Only new clusters, and clusters whose nearest neighbour
merged, search again.

Rounding can break reducibility in the last bit. Therefore the result of a search also updates the cluster that
was found, if the searching cluster is nearer to it than its known neighbour (`update`). The least of all known
pairs in the order (distance, lower id, higher id) is then always reciprocal: of its two clusters, the one that
searched last found the other and updated it. So every round merges at least one pair.
"""

from typing import Any, NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

Array = NDArray[Any]


class Merges(NamedTuple):
    """Merged pairs of clusters, each named by one of its rows.

    A merged cluster keeps the lower id of the two. Only in single linkage a pair is not sorted: its first row is
    the one that is in the spanning tree already.
    """

    low: Array
    """int64, shape (n_merges,): lower id of each pair (single linkage: first row)."""
    high: Array
    """int64, shape (n_merges,): higher id of each pair (single linkage: second row)."""
    heights: Array
    """float64, shape (n_merges,): distance at which they merged."""


class NearestNeighbours:
    """Nearest neighbour of each cluster, as far as it is known; clusters have the ids 0 to n - 1.

    Attributes
    ----------
    nearest : ndarray of shape (n,), int64
        Nearest neighbour of each cluster, or -1.
    distances : ndarray of shape (n,), float64
        Distance to it.
    heights : ndarray of shape (n,), float64
        Distance at which each cluster was merged; 0 for a row.
    active : ndarray of int64
        Ids of the clusters that are left, ascending.
    merged_into : ndarray of shape (n,), int64
        Id of the cluster that each cluster became part of in the last round, or -1.
    """

    def __init__(self, n: int) -> None:
        self.nearest = np.full(n, -1, dtype=np.int64)
        self.distances = np.full(n, np.inf)
        self.heights = np.zeros(n)
        self.active = np.arange(n)
        self.merged_into = np.full(n, -1, dtype=np.int64)
        self._merges: list[Merges] = []

    def update(self, ids: Array, found: Array, distances: Array) -> None:
        """Store the results of searches.

        Parameters
        ----------
        ids : ndarray of shape (m,), int64
            Clusters that searched.
        found : ndarray of shape (m,), int64
            Nearest neighbour of each.
        distances : ndarray of shape (m,), float64
            Distance to it.
        """
        _update(self.nearest, self.distances, ids, found, distances)

    def merge(self) -> Merges:
        """Merge all reciprocal pairs."""
        low = self.active[_reciprocal(self.active, self.nearest)]
        high = self.nearest[low]
        # rounding may put a cluster below its parts by the last bit
        parts = np.maximum(self.heights[low], self.heights[high])
        self.heights[low] = np.maximum(self.distances[low], parts)
        merges = Merges(low, high, self.heights[low])
        self.merged_into[:] = -1
        self.merged_into[low] = self.merged_into[high] = low
        gone = np.zeros(len(self.merged_into), dtype=np.bool_)
        gone[high] = True
        self.active = self.active[~gone[self.active]]
        self._merges.append(merges)
        return merges

    def stale(self) -> Array:
        """Clusters that did not merge, but whose nearest neighbour did."""
        ids = self.active[self.merged_into[self.active] < 0]
        return ids[self.merged_into[self.nearest[ids]] >= 0]

    def merges(self) -> Merges:
        """All merges so far."""
        return Merges(
            low=np.concatenate([merges.low for merges in self._merges]),
            high=np.concatenate([merges.high for merges in self._merges]),
            heights=np.concatenate([merges.heights for merges in self._merges]),
        )


@njit(nogil=True, cache=True)
def _update(
    nearest: Array, known: Array, ids: Array, found: Array, distances: Array
) -> None:  # pragma: no cover
    for i, other, distance in zip(ids, found, distances):  # noqa: B905 (Numba knows no strict)
        nearest[i], known[i] = other, distance
    for i, other, distance in zip(ids, found, distances):  # noqa: B905
        if distance < known[other] or (distance == known[other] and i < nearest[other]):
            nearest[other], known[other] = i, distance


@njit(nogil=True, cache=True)
def _reciprocal(active: Array, nearest: Array) -> Array:  # pragma: no cover
    """Whether each active cluster is the lower one of a reciprocal pair."""
    is_lower = np.zeros(len(active), dtype=np.bool_)
    for k, i in enumerate(active):
        is_lower[k] = i < nearest[i] and nearest[nearest[i]] == i
    return is_lower
