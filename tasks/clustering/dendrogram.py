"""Dendrograms: the tree in scikit-learn's numbering, its cuts, and its form for SciPy."""

from dataclasses import dataclass
from heapq import heappush, heappushpop
from typing import Any

import numpy as np
from numba import njit
from numpy.typing import NDArray

from tasks.clustering.merging import Merges

Array = NDArray[Any]


@dataclass(frozen=True)
class Dendrogram:
    """All merges of n rows, the lowest first; node i < n is row i, node n + k is made by merge k."""

    children: Array
    """int64, shape (n - 1, 2)."""
    distances: Array
    """float64, shape (n - 1,), ascending."""

    def n_clusters_below(self, threshold: float) -> int:
        """How many clusters are left if none at `threshold` or farther merge."""
        return int(np.count_nonzero(self.distances >= threshold)) + 1

    def labels(self, n_clusters: int) -> Array:
        """Cluster of each row, int64, numbered as scikit-learn does."""
        n = len(self.children) + 1
        # a heap of the topmost nodes; scikit-learn numbers clusters by their places in it
        nodes = [-(2 * n - 2)]
        for _ in range(n_clusters - 1):
            first, second = self.children[-nodes[0] - n]
            heappush(nodes, -int(first))
            heappushpop(nodes, -int(second))
        of_node = np.full(2 * n - 1, -1, dtype=np.int64)
        of_node[-np.array(nodes)] = np.arange(n_clusters)
        _hand_down(self.children, of_node)
        return of_node[:n]


@njit(nogil=True, cache=True)
def _hand_down(children: Array, of_node: Array) -> None:  # pragma: no cover
    """Give each node's cluster to what it was merged from."""
    n = len(children) + 1
    for k in range(n - 2, -1, -1):
        if of_node[n + k] >= 0:
            of_node[children[k, 0]] = of_node[children[k, 1]] = of_node[n + k]


def from_merges(merges: Merges, *, lower_first: bool) -> Dendrogram:
    """Dendrogram of merges in any order in which parts come before the whole.

    Parameters
    ----------
    merges
        Each names a row of either part.
    lower_first
        Whether the lower-numbered child comes first, as in SciPy; else the order of the merge is kept.
    """
    order = np.argsort(merges.heights, kind="stable")
    children = np.empty((len(order), 2), dtype=np.int64)
    _number(merges.low[order], merges.high[order], children)
    if lower_first:
        children.sort(axis=1)
    return Dendrogram(children, merges.heights[order])


@njit(nogil=True, cache=True)
def _number(low: Array, high: Array, children: Array) -> None:  # pragma: no cover
    n = len(low) + 1
    parents = np.arange(2 * n - 1)
    for k in range(n - 1):
        for side, row in enumerate((low[k], high[k])):
            node = row
            while parents[node] != node:
                parents[node] = parents[parents[node]]
                node = parents[node]
            children[k, side] = node
        parents[children[k, 0]] = parents[children[k, 1]] = n + k


def linkage_matrix(model: Any) -> Array:
    """SciPy's linkage matrix of a fitted `AgglomerativeClustering`, for `scipy.cluster.hierarchy.dendrogram`.

    Returns
    -------
    ndarray of shape (n_samples - 1, 4), float64
        Two children, their distance, and how many rows they have together.
    """
    n = model.n_leaves_
    sizes = np.ones(2 * n - 1)
    for k, (a, b) in enumerate(model.children_):
        sizes[n + k] = sizes[a] + sizes[b]
    return np.column_stack([model.children_, model.distances_, sizes[n:]]).astype(np.float64)
