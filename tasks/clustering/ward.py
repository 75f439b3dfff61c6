"""Ward's linkage on centroids, in memory linear in the rows: reciprocal nearest neighbours merge together."""

from typing import Any

import numpy as np
from numba import njit
from numpy.typing import NDArray

from infra.engines.collective import Communicator
from tasks.clustering import box_tree
from tasks.clustering.box_tree import LEAF_POINTS, BoxTree
from tasks.clustering.merging import Merges, Neighbours

Array = NDArray[Any]
FEW = 16  # searches that a tree over all centroids would cost more than it saves
ALONE = 128  # searches that are done sooner than shared out


def ward(X: Array, communicator: Communicator) -> Merges:
    """Merges of Ward's linkage over the rows of `X`; every member of the group has all rows.

    Each member knows all centroids, and searches the neighbours of its share of the clusters. A search is
    a pure function of the centroids, so that shares change no bit. The distance of clusters A and B is
    that of scikit-learn, sqrt(2 |A| |B| / (|A| + |B|)) |c_A - c_B|.

    Parameters
    ----------
    X : ndarray of shape (n_rows, n_features), float64
    communicator : Communicator
    """
    centroids = X.copy()
    sizes = np.ones(len(X))
    inverse = np.ones(len(X))
    known = Neighbours(len(X))
    ids, hints = known.active, np.full(len(X), -1)
    while len(known.active) > 1:
        leaf_points = LEAF_POINTS if len(ids) > FEW else len(known.active)
        tree = box_tree.build(centroids, known.active, inverse, leaf_points)
        order = np.argsort(tree.places[ids])  # neighbours in turn: what one search read is still in the cache
        ids = ids[order]
        found, distances = _shared_search(tree, centroids, inverse, ids, hints[order], communicator)
        known.tell(ids, found, distances)
        merged = known.merge()
        _join(centroids, sizes, merged.low, merged.high)
        inverse[merged.low] = 1 / sizes[merged.low]
        lost = known.lost()
        ids = np.concatenate([merged.low, lost])
        # a new cluster has often stayed the nearest of those that one of its parts was nearest to
        hints = np.concatenate([np.full(len(merged.low), -1), known.into[known.nearest[lost]]])
    merges = known.merges()
    return merges._replace(heights=np.sqrt(2 * merges.heights))


def _shared_search(
    tree: BoxTree, centroids: Array, inverse: Array, ids: Array, hints: Array, communicator: Communicator
) -> tuple[Array, Array]:
    if len(ids) <= ALONE or communicator.size == 1:
        return _search(tree, centroids, inverse, ids, hints)
    share = slice(communicator.rank, None, communicator.size)
    parts = communicator.allgather(_search(tree, centroids, inverse, ids[share], hints[share]))
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
            total = 0.0
            for j in range(centroids.shape[1]):
                difference = centroids[i, j] - centroids[hint, j]
                total += difference * difference
            best = total / (inverse[i] + inverse[hint])
        found[k], distances[k] = box_tree.nearest(tree, centroids, i, inverse, i, hint, best)


@njit(nogil=True, cache=True)
def _join(centroids: Array, sizes: Array, low: Array, high: Array) -> None:  # pragma: no cover
    for a, b in zip(low, high):  # noqa: B905 (Numba knows no strict)
        size = sizes[a] + sizes[b]
        for j in range(centroids.shape[1]):
            centroids[a, j] = (sizes[a] * centroids[a, j] + sizes[b] * centroids[b, j]) / size
        sizes[a] = size
