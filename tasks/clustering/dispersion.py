"""Davies-Bouldin and Calinski-Harabasz scores of many labelings, in two rounds over blocks of rows."""

from typing import Any, NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray
from scipy.spatial.distance import cdist

from infra.engines import Blocks, Engine
from tasks.clustering.distances import squared_distance
from tasks.clustering.labelings import Labelings

Array = NDArray[Any]


class Dispersion(NamedTuple):
    """Sizes, centres and spread of the clusters of one labeling."""

    sizes: Array
    """int64, shape (n_clusters,): number of rows."""
    centers: Array
    """float64, shape (n_clusters, n_features): means of the rows."""
    distances: Array
    """float64, shape (n_clusters,): sum of the distances of the rows to their centre."""
    squares: Array
    """float64, shape (n_clusters,): sum of the squares of these distances."""


def dispersions(blocks: Blocks, labelings: Labelings, engine: Engine) -> list[Dispersion]:
    """Dispersion of the clusters of each labeling, without noise.

    Parameters
    ----------
    blocks : Blocks
        Rows, each block with the slots of its rows, int32, shape (n, n_labelings).
    labelings : Labelings
        Clusters of the rows.
    engine : Engine
        The engine that works.
    """
    n_slots = len(labelings.sizes)
    sums = engine.reduce(_sums, np.add, blocks, n_slots)
    centers = sums / np.maximum(labelings.sizes, 1)[:, None]
    distances, squares = engine.reduce(_spread, np.add, blocks, centers)
    clusters = map(labelings.clusters, range(len(labelings)))
    return [Dispersion(labelings.sizes[c], centers[c], distances[c], squares[c]) for c in clusters]


def davies_bouldin(found: Dispersion) -> float:
    """Davies-Bouldin index: mean over the clusters of the similarity to the most similar other cluster."""
    apart = cdist(found.centers, found.centers)
    within = found.distances / found.sizes
    if np.allclose(within, 0) or np.allclose(apart, 0):
        return 0.0
    apart[apart == 0] = np.inf
    return float(np.mean(np.max((within[:, None] + within) / apart, axis=1)))


def calinski_harabasz(found: Dispersion) -> float:
    """Calinski-Harabasz index: ratio of the variance between clusters to the variance within them."""
    k, n = len(found.sizes), int(found.sizes.sum())
    middle = np.average(found.centers, axis=0, weights=found.sizes)
    between = float(found.sizes @ ((found.centers - middle) ** 2).sum(axis=1))
    within = float(found.squares.sum())
    return 1.0 if within == 0 else between * (n - k) / (within * (k - 1))


@njit(nogil=True, cache=True)
def _sums(X: Array, codes: Array, n_slots: int) -> Array:  # pragma: no cover
    """Sum of the rows in each slot; float64, shape (n_slots, n_features)."""
    sums = np.zeros((n_slots, X.shape[1]))
    for i in range(X.shape[0]):
        for slot in codes[i]:
            for j in range(X.shape[1]):
                sums[slot, j] += X[i, j]
    return sums


@njit(nogil=True, cache=True)
def _spread(X: Array, codes: Array, centers: Array) -> Array:  # pragma: no cover
    """Sum of the distances to the centre in each slot, and of their squares; float64, shape (2, n_slots)."""
    spread = np.zeros((2, len(centers)))
    for i in range(X.shape[0]):
        for slot in codes[i]:
            square = squared_distance(X, i, centers, slot)
            spread[0, slot] += np.sqrt(square)
            spread[1, slot] += square
    return spread
