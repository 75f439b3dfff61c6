"""Ward's linkage on centroids, in memory linear in the rows: reciprocal nearest neighbours merge together."""

from typing import Any

import numpy as np
from numba import njit
from numpy.typing import NDArray

from infra.engines.collective import Communicator
from tasks.clustering import box_tree
from tasks.clustering.box_tree import LEAF_POINTS, BoxTree
from tasks.clustering.distances import squared_distance
from tasks.clustering.reciprocal_neighbours import Merges, NearestNeighbours

Array = NDArray[Any]
SCAN_SEARCHES = (
    16  # number of searches up to which all centroids are compared, because building a tree takes longer
)
SERIAL_SEARCHES = (
    128  # number of searches up to which an exchange between the workers takes longer than the searches
)


def ward(X: Array, communicator: Communicator) -> Merges:
    """Merge the rows of `X` by Ward's linkage; every worker of the group has all rows.

    Each worker knows all centroids, and searches the neighbours of its part of the clusters. A search is a
    pure function of the centroids, so that the division of the work changes no bit. The distance of clusters
    A and B is that of scikit-learn, sqrt(2 |A| |B| / (|A| + |B|)) |c_A - c_B|.

    Parameters
    ----------
    X : ndarray of shape (n_rows, n_features), float64
    communicator : Communicator
        Connection to the other workers.
    """
    centroids = X.copy()
    sizes = np.ones(len(X))
    inverse = np.ones(len(X))
    neighbours = NearestNeighbours(len(X))
    ids, hints = neighbours.active, np.full(len(X), -1)
    while len(neighbours.active) > 1:
        leaf_points = LEAF_POINTS if len(ids) > SCAN_SEARCHES else len(neighbours.active)
        tree = box_tree.build(centroids, neighbours.active, inverse, leaf_points)
        order = np.argsort(
            tree.positions[ids]
        )  # neighbouring centroids are searched in turn, because the data of the last search is still in the cache
        ids = ids[order]
        found, distances = _shared_search(tree, centroids, inverse, ids, hints[order], communicator)
        neighbours.update(ids, found, distances)
        merged = neighbours.merge()
        _join(centroids, sizes, merged.low, merged.high)
        inverse[merged.low] = 1 / sizes[merged.low]
        stale = neighbours.stale()
        ids = np.concatenate([merged.low, stale])
        # often a new cluster is the nearest neighbour of a cluster whose nearest neighbour was one of its parts
        hints = np.concatenate(
            [np.full(len(merged.low), -1), neighbours.merged_into[neighbours.nearest[stale]]]
        )
    merges = neighbours.merges()
    return merges._replace(heights=np.sqrt(2 * merges.heights))


def _shared_search(
    tree: BoxTree, centroids: Array, inverse: Array, ids: Array, hints: Array, communicator: Communicator
) -> tuple[Array, Array]:
    if len(ids) <= SERIAL_SEARCHES or communicator.size == 1:
        return _search(tree, centroids, inverse, ids, hints)
    mine = slice(communicator.rank, None, communicator.size)
    parts = communicator.allgather(_search(tree, centroids, inverse, ids[mine], hints[mine]))
    found, distances = np.empty(len(ids), dtype=np.int64), np.empty(len(ids))
    for rank, part in enumerate(parts):
        found[rank :: communicator.size], distances[rank :: communicator.size] = part
    return found, distances


def _search(tree: BoxTree, centroids: Array, inverse: Array, ids: Array, hints: Array) -> tuple[Array, Array]:
    found, distances = np.empty(len(ids), dtype=np.int64), np.empty(len(ids))
    _search_each(tree, centroids, inverse, ids, hints, found, distances)
    return found, distances


@njit(nogil=True, cache=True)
def _search_each(
    tree: BoxTree, centroids: Array, inverse: Array, ids: Array, hints: Array, found: Array, distances: Array
) -> None:  # pragma: no cover
    for k, i in enumerate(ids):
        best, hint = np.inf, hints[k]
        if hint >= 0:
            best = squared_distance(centroids, i, centroids, hint) / (inverse[i] + inverse[hint])
        found[k], distances[k] = box_tree.nearest(tree, centroids, i, inverse, i, hint, best)


@njit(nogil=True, cache=True)
def _join(centroids: Array, sizes: Array, low: Array, high: Array) -> None:  # pragma: no cover
    for a, b in zip(low, high):  # noqa: B905 (Numba knows no strict)
        size = sizes[a] + sizes[b]
        for j in range(centroids.shape[1]):
            centroids[a, j] = (sizes[a] * centroids[a, j] + sizes[b] * centroids[b, j]) / size
        sizes[a] = size
