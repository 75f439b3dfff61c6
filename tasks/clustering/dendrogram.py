"""Dendrograms: the tree with scikit-learn's numbers, its cuts, and its form for SciPy."""

from dataclasses import dataclass
from heapq import heappush, heappushpop
from typing import Any

import numpy as np
from numba import njit
from numpy.typing import NDArray

from tasks.clustering.reciprocal_neighbours import Merges
from tasks.clustering.union_find import find

Array = NDArray[Any]


@dataclass(frozen=True)
class Dendrogram:
    """All merges of n rows, the lowest first; node i < n is row i, node n + k is the result of merge k."""

    children: Array
    """int64, shape (n - 1, 2): the two nodes of each merge."""
    distances: Array
    """float64, shape (n - 1,), ascending: distance of the two nodes."""

    def n_clusters_below(self, threshold: float) -> int:
        """Number of clusters if no clusters merge at a distance of `threshold` or more."""
        return int(np.count_nonzero(self.distances >= threshold)) + 1

    def labels(self, n_clusters: int) -> Array:
        """Cluster of each row, int64, shape (n,), with scikit-learn's numbers."""
        n = len(self.children) + 1
        # a heap of the topmost nodes; the number of a cluster in scikit-learn is its place in the heap
        nodes = [-(2 * n - 2)]
        for _ in range(n_clusters - 1):
            first, second = self.children[-nodes[0] - n]
            heappush(nodes, -int(first))
            heappushpop(nodes, -int(second))
        of_node = np.full(2 * n - 1, -1, dtype=np.int64)
        of_node[-np.array(nodes)] = np.arange(n_clusters)
        _label_descendants(self.children, of_node)
        return of_node[:n]


@njit(nogil=True, cache=True)
def _label_descendants(children: Array, of_node: Array) -> None:  # pragma: no cover
    """Give the cluster of each node to its descendants."""
    n = len(children) + 1
    for k in range(n - 2, -1, -1):
        if of_node[n + k] >= 0:
            of_node[children[k, 0]] = of_node[children[k, 1]] = of_node[n + k]


def from_merges(merges: Merges, *, lower_first: bool) -> Dendrogram:
    """Dendrogram of merges in any order in which the parts of a cluster are merged before it is.

    Parameters
    ----------
    merges : Merges
        Pairs of clusters, each named by one of its rows.
    lower_first : bool
        Whether the child with the lower number comes first, as in SciPy; otherwise the order of the pair is
        kept.
    """
    order = np.argsort(merges.heights, kind="stable")
    children = np.empty((len(order), 2), dtype=np.int64)
    _children(merges.low[order], merges.high[order], children)
    if lower_first:
        children.sort(axis=1)
    return Dendrogram(children, merges.heights[order])


@njit(nogil=True, cache=True)
def _children(low: Array, high: Array, children: Array) -> None:  # pragma: no cover
    """Write the two nodes of each merge."""
    n = len(low) + 1
    parents = np.arange(2 * n - 1)
    for k in range(n - 1):
        children[k, 0], children[k, 1] = find(parents, low[k]), find(parents, high[k])
        parents[children[k, 0]] = parents[children[k, 1]] = n + k


def linkage_matrix(model: Any) -> Array:
    """SciPy's linkage matrix of a fitted `AgglomerativeClustering`, for `scipy.cluster.hierarchy.dendrogram`.

    Returns
    -------
    ndarray of shape (n_samples - 1, 4), float64
        The two children of each merge, their distance, and the number of their rows.
    """
    n = model.n_leaves_
    sizes = np.ones(2 * n - 1)
    for k, (a, b) in enumerate(model.children_):
        sizes[n + k] = sizes[a] + sizes[b]
    return np.column_stack([model.children_, model.distances_, sizes[n:]]).astype(np.float64)
