"""Reciprocal nearest neighbours: the pairs that merge in a round, and who has to search anew.

References
----------
Sumengen et al., "Scaling hierarchical agglomerative clustering to billion-sized datasets" (2021). Yu et
al., "ParChain" (2021). Müllner, "Modern hierarchical, agglomerative clustering algorithms" (2011).

Notes
-----
Ward's, complete and average linkage are reducible: a merged cluster is no nearer to a third one than the
nearer of its two parts was. So two clusters that are each other's nearest stay so whatever else merges:
all such pairs merge at once, and the tree is that of one merge at a time. And a cluster whose nearest did
not merge keeps it: what came into being since is no nearer than its parts were, and takes the same place
or a later one in the order of ties. Only new clusters and those whose nearest merged search anew.

Rounding can break reducibility in the last bit. Therefore a cluster that is found tells the finder if
that one is nearer than what it knew (`tell`). The least of all known pairs in the order (distance, lower
id, higher id) is then always reciprocal: of its two, the one that searched last saw the other and told
it. So every round merges at least one pair.
"""

from typing import Any, NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

Array = NDArray[Any]


class Merges(NamedTuple):
    """Merged pairs of clusters; a merged cluster goes on under the lower id of the two."""

    low: Array
    """int64, shape (n_merges,)."""
    high: Array
    heights: Array
    """float64, shape (n_merges,): distance at which they merged."""


class Neighbours:
    """Nearest neighbour of each cluster, as far as it is known; clusters have the ids 0 to n - 1."""

    def __init__(self, n: int) -> None:
        self.nearest = np.full(n, -1, dtype=np.int64)
        self.distances = np.full(n, np.inf)
        self.heights = np.zeros(n)
        self.active = np.arange(n)
        self.into = np.full(n, -1, dtype=np.int64)
        """What the cluster has become part of in the last round, or -1."""
        self._merges: list[Merges] = []

    def tell(self, ids: Array, found: Array, distances: Array) -> None:
        """Enter the results of searches."""
        _tell(self.nearest, self.distances, ids, found, distances)

    def merge(self) -> Merges:
        """Merge all reciprocal pairs."""
        low = self.active[_reciprocal(self.active, self.nearest)]
        high = self.nearest[low]
        # rounding may put a cluster below its parts by a last bit
        parts = np.maximum(self.heights[low], self.heights[high])
        self.heights[low] = np.maximum(self.distances[low], parts)
        merges = Merges(low, high, self.heights[low])
        self.into[:] = -1
        self.into[low] = self.into[high] = low
        gone = np.zeros(len(self.into), dtype=np.bool_)
        gone[high] = True
        self.active = self.active[~gone[self.active]]
        self._merges.append(merges)
        return merges

    def lost(self) -> Array:
        """Clusters that did not merge, but whose nearest did."""
        ids = self.active[self.into[self.active] < 0]
        return ids[self.into[self.nearest[ids]] >= 0]

    def merges(self) -> Merges:
        """All merges so far."""
        return Merges(*(np.concatenate(parts) for parts in zip(*self._merges, strict=True)))


@njit(nogil=True, cache=True)
def _tell(
    nearest: Array, known: Array, ids: Array, found: Array, distances: Array
) -> None:  # pragma: no cover
    for i, other, distance in zip(ids, found, distances):  # noqa: B905 (Numba knows no strict)
        nearest[i], known[i] = other, distance
    for i, other, distance in zip(ids, found, distances):  # noqa: B905
        if distance < known[other] or (distance == known[other] and i < nearest[other]):
            nearest[other], known[other] = i, distance


@njit(nogil=True, cache=True)
def _reciprocal(active: Array, nearest: Array) -> Array:  # pragma: no cover
    """Mark the lower one of each reciprocal pair."""
    marks = np.zeros(len(active), dtype=np.bool_)
    for k, i in enumerate(active):
        marks[k] = i < nearest[i] and nearest[nearest[i]] == i
    return marks
