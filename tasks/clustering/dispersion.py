"""Davies-Bouldin and Calinski-Harabasz of many labelings: two rounds over blocks of rows."""

from typing import Any, NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray
from scipy.spatial.distance import cdist

from infra.engines import BlockSource, Engine
from tasks.clustering.labelings import Labelings, LabelledSource

Array = NDArray[Any]


class Dispersion(NamedTuple):
    """How the clusters of one labeling lie."""

    sizes: Array
    """int64, shape (n_clusters,)."""
    centers: Array
    """float64, shape (n_clusters, n_features): means of the clusters' rows."""
    distances: Array
    """float64, shape (n_clusters,): sum of the rows' distances to their centre."""
    squares: Array
    """float64, shape (n_clusters,): sum of the squares of these."""


def dispersions(source: BlockSource, labelings: Labelings, engine: Engine) -> list[Dispersion]:
    """Dispersion of each labeling; noise belongs to none."""
    blocks = engine.partition(LabelledSource(source, labelings))
    n_slots = len(labelings.sizes)
    sums = engine.reduce(_sums, _plus, blocks, n_slots)
    centers = sums / np.maximum(labelings.sizes, 1)[:, None]
    spread = engine.reduce(_spread, _plus, blocks, centers)
    clusters = map(labelings.clusters, range(len(labelings)))
    return [Dispersion(labelings.sizes[c], centers[c], *spread[:, c]) for c in clusters]


def davies_bouldin(found: Dispersion) -> float:
    """Mean over the clusters of their likeness to the most alike other one."""
    apart = cdist(found.centers, found.centers)
    within = found.distances / found.sizes
    if np.allclose(within, 0) or np.allclose(apart, 0):
        return 0.0
    apart[apart == 0] = np.inf
    return float(np.mean(np.max((within[:, None] + within) / apart, axis=1)))


def calinski_harabasz(found: Dispersion) -> float:
    """Dispersion between the clusters to that within them, each by its degrees of freedom."""
    k, n = len(found.sizes), int(found.sizes.sum())
    middle = np.average(found.centers, axis=0, weights=found.sizes)
    between = float(found.sizes @ ((found.centers - middle) ** 2).sum(axis=1))
    within = float(found.squares.sum())
    return 1.0 if within == 0 else between * (n - k) / (within * (k - 1))


def _plus(a: Array, b: Array) -> Array:
    return a + b


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
    """Distances to the centres summed in each slot, and their squares; float64, shape (2, n_slots)."""
    spread = np.zeros((2, len(centers)))
    for i in range(X.shape[0]):
        for slot in codes[i]:
            square = 0.0
            for j in range(X.shape[1]):
                difference = X[i, j] - centers[slot, j]
                square += difference * difference
            spread[0, slot] += np.sqrt(square)
            spread[1, slot] += square
    return spread
