"""The assignment step of K-means: the nearest centre of each row of a block, and sums over clusters."""

from typing import Any, NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

from infra.arithmetic import ceil_div
from tasks.clustering.distances import squared_distance_to_center

Array = NDArray[Any]
TILE_BYTES = 16_384  # half of the first-level cache of a core
MOST_TILE_ROWS = 256
UNROLLED = 4
"""Columns that one pass of `two_nearest` takes; centres are filled up with zeros to a multiple."""


class Moments(NamedTuple):
    """Result of one round for some blocks: sums over the rows of each cluster."""

    sums: Array
    """float64, shape (n_clusters, n_features): weighted sums of the rows."""
    weights: Array
    """float64, shape (n_clusters,): sums of the weights."""
    inertia: float
    """Weighted sum of the squared distances of rows to their centres."""

    def merged(self, other: "Moments") -> "Moments":
        """Moments of the blocks of both."""
        return Moments(self.sums + other.sums, self.weights + other.weights, self.inertia + other.inertia)

    def empty_clusters(self) -> Array:
        """Numbers of the clusters that have no row, ascending."""
        return np.flatnonzero(self.weights == 0)


class FarthestRows(NamedTuple):
    """The rows of some blocks that lie farthest from their centre, farthest first."""

    n_wanted: int
    """Number of rows to find; blocks with fewer rows give fewer."""
    distances: Array
    """float64, shape (m,): squared distances to the centre."""
    rows: Array
    """float64, shape (m, n_features)."""
    labels: Array
    """int64, shape (m,): cluster of each row."""
    weights: Array
    """float64, shape (m,)."""

    def merged(self, other: "FarthestRows") -> "FarthestRows":
        """The farthest rows of the blocks of both."""
        distances = np.concatenate([self.distances, other.distances])
        order = np.argsort(-distances, kind="stable")[: self.n_wanted]
        return FarthestRows(
            self.n_wanted,
            distances=distances[order],
            rows=np.concatenate([self.rows, other.rows])[order],
            labels=np.concatenate([self.labels, other.labels])[order],
            weights=np.concatenate([self.weights, other.weights])[order],
        )


def tile_rows_for(X: Array) -> int:
    """Number of rows of a tile: a multiple of what a vector register holds, few enough for the cache."""
    return int(max(16, min(MOST_TILE_ROWS, TILE_BYTES // (X.itemsize * X.shape[1]) // 16 * 16)))


def shifted_to_zero(X: Array, centers: Array) -> tuple[Array, Array]:
    """Shift that moves the centres around zero, and the shifted centres.

    Products of numbers around zero keep the digits that tell near centres apart.

    Parameters
    ----------
    X : ndarray of shape (n_rows, n_features)
        Rows, whose dtype both results have.
    centers : ndarray of shape (n_clusters, n_features), float64

    Returns
    -------
    shift : ndarray of shape (n_features,)
    shifted : ndarray of shape (n_clusters, n_features rounded up to a multiple of `UNROLLED`)
    """
    shift = centers.mean(axis=0).astype(X.dtype)
    shifted = np.zeros((len(centers), UNROLLED * ceil_div(X.shape[1], UNROLLED)), dtype=X.dtype)
    shifted[:, : X.shape[1]] = centers - shift
    return shift, shifted


@njit(nogil=True, cache=True)
def half_squared_norms(centers: Array) -> tuple[Array, float]:  # pragma: no cover
    """Half the squared norm of each centre, and the largest squared norm."""
    halves = np.empty(len(centers), dtype=centers.dtype)
    for c in range(len(centers)):
        halves[c] = (centers[c] * centers[c]).sum() / 2
    return halves, 2 * halves.max()


@njit(nogil=True, cache=True, fastmath={"contract"})
def two_nearest(
    tile: Array, centers: Array, half_norms: Array, scores: Array, best: Array, second: Array, nearest: Array
) -> None:  # pragma: no cover
    """Find the two centres that are nearest to each row of a tile.

    The score of a row x and a centre c is |c|^2 / 2 - x.c, which is least where |x - c|^2 is least. Of
    equal scores the lowest centre wins. The innermost loops run over rows, so that a vector register
    holds several of them.

    Parameters
    ----------
    tile : ndarray of shape (n_padded_features, tile_rows)
        Shifted rows, transposed.
    centers : ndarray of shape (n_clusters, n_padded_features)
        Shifted centres.
    half_norms : ndarray of shape (n_clusters,)
        Half the squared norm of each centre.
    scores : ndarray of shape (tile_rows,)
        Space for intermediate results.
    best : ndarray of shape (tile_rows,)
        Written: least score of each row.
    second : ndarray of shape (tile_rows,)
        Written: least score of each row among the other centres.
    nearest : ndarray of shape (tile_rows,), int32
        Written: centre with the least score.
    """
    tile_rows = tile.shape[1]
    best[:] = np.inf
    second[:] = np.inf
    for c in range(len(centers)):
        scores[:] = half_norms[c]
        for j in range(
            0, centers.shape[1], UNROLLED
        ):  # scores are read and written less often than by column
            c0, c1, c2, c3 = centers[c, j], centers[c, j + 1], centers[c, j + 2], centers[c, j + 3]
            t0, t1, t2, t3 = tile[j], tile[j + 1], tile[j + 2], tile[j + 3]
            for i in range(tile_rows):
                scores[i] -= c0 * t0[i] + c1 * t1[i] + c2 * t2[i] + c3 * t3[i]
        for i in range(tile_rows):
            score = scores[i]
            second[i] = min(second[i], max(best[i], score))
            if score < best[i]:
                best[i] = score
                nearest[i] = c


@njit(nogil=True, cache=True, fastmath={"contract", "reassoc"})
def _assign(
    X: Array, shift: Array, centers: Array, tile_rows: int, labels: Array, distances: Array
) -> None:  # pragma: no cover
    """Write the nearest centre of each row and the squared distance to it."""
    n, d = X.shape
    tile = np.zeros((centers.shape[1], tile_rows), dtype=X.dtype)
    scores, best = np.empty(tile_rows, dtype=X.dtype), np.empty(tile_rows, dtype=X.dtype)
    second, nearest = np.empty(tile_rows, dtype=X.dtype), np.zeros(tile_rows, dtype=np.int32)
    half_norms = half_squared_norms(centers)[0]
    for first in range(0, n, tile_rows):
        size = min(tile_rows, n - first)
        for i in range(size):
            for j in range(d):
                tile[j, i] = X[first + i, j] - shift[j]
        two_nearest(tile, centers, half_norms, scores, best, second, nearest)
        for i in range(size):
            labels[first + i] = nearest[i]
            distances[first + i] = squared_distance_to_center(X, first + i, shift, centers, nearest[i])


@njit(nogil=True, cache=True)
def _accumulate(
    X: Array, weights: Array, labels: Array, distances: Array, sums: Array, counts: Array
) -> float:  # pragma: no cover
    """Add each row to the sums of its cluster (float64) in the order of the rows; return the inertia."""
    inertia = 0.0
    for i in range(X.shape[0]):
        c = labels[i]
        w = weights[i] if len(weights) else 1.0
        counts[c] += w
        inertia += w * distances[i]
        for j in range(X.shape[1]):
            sums[c, j] += w * X[i, j]
    return inertia


def assign(X: Array, centers: Array) -> tuple[Array, Array]:
    """Nearest centre of each row, and the distance to it.

    Parameters
    ----------
    X : ndarray of shape (n_rows, n_features), float32 or float64
    centers : ndarray of shape (n_clusters, n_features), float64

    Returns
    -------
    labels : ndarray of shape (n_rows,), int32
    distances : ndarray of shape (n_rows,), dtype of X
        Squared Euclidean distances.
    """
    labels, distances = np.empty(len(X), dtype=np.int32), np.empty(len(X), dtype=X.dtype)
    _assign(X, *shifted_to_zero(X, centers.astype(np.float64)), tile_rows_for(X), labels, distances)
    return labels, distances


def nearest_centers(X: Array, centers: Array) -> Array:
    """Nearest centre of each row, int32, shape (n_rows,); arguments as in `assign`."""
    return assign(X, centers)[0]


def moments(X: Array, weights: Array, centers: Array) -> Moments:
    """Moments of one block, from the distances of all its rows to all centres.

    Parameters
    ----------
    X : ndarray of shape (n_rows, n_features), float32 or float64
    weights : ndarray of shape (n_rows,), float64
        Weights of the rows; empty: every row weighs 1.
    centers : ndarray of shape (n_clusters, n_features), float64
    """
    labels, distances = assign(X, centers)
    sums, counts = np.zeros(centers.shape), np.zeros(len(centers))
    inertia = _accumulate(X, weights, labels, distances, sums, counts)
    return Moments(sums, counts, inertia)


def farthest(X: Array, weights: Array, centers: Array, count: int) -> FarthestRows:
    """Rows of one block that lie farthest from their nearest centre.

    Parameters
    ----------
    X : ndarray of shape (n_rows, n_features), float32 or float64
    weights : ndarray of shape (n_rows,), float64
        Weights of the rows; empty: every row weighs 1.
    centers : ndarray of shape (n_clusters, n_features), float64
    count : int
        Number of rows to find.
    """
    labels, distances = assign(X, centers)
    order = np.argsort(-distances, kind="stable")[:count]
    return FarthestRows(
        count,
        distances=distances[order].astype(np.float64),
        rows=X[order].astype(np.float64),
        labels=labels[order].astype(np.int64),
        weights=weights[order].astype(np.float64) if len(weights) else np.ones(len(order)),
    )
