"""The K-means kernels: one pass over a block of rows, shared by every engine."""

from typing import Any, NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

Array = NDArray[Any]


class Moments(NamedTuple):
    """What a round brings back: weighted sums of rows and weights a cluster, and the inertia."""

    sums: Array
    """float64, shape (n_clusters, n_features)."""
    weights: Array
    """float64, shape (n_clusters,)."""
    inertia: float


class Far(NamedTuple):
    """The rows of a block that lie farthest from their centre, farthest first."""

    wanted: int
    """How many are looked for; a short block has fewer."""
    distances: Array
    """float64, shape (m,): squared."""
    rows: Array
    """float64, shape (m, n_features)."""
    labels: Array
    """int64, shape (m,): cluster each row belongs to."""
    weights: Array
    """float64, shape (m,)."""


TILE_BYTES = 16_384  # half of a core's nearest cache
MOST_LANES = 256


def lanes_for(X: Array) -> int:
    """Rows of a tile: a multiple of what a register holds, few enough for the cache."""
    return int(max(16, min(MOST_LANES, TILE_BYTES // (X.itemsize * X.shape[1]) // 16 * 16)))


def near_zero(X: Array, centers: Array) -> tuple[Array, Array]:
    """A shift, and the float64 `centers` less the shift, in the dtype of X, columns filled up to fours.

    Products of numbers around zero keep the digits that tell near centres apart.
    """
    shift = centers.mean(axis=0).astype(X.dtype)
    shifted = np.zeros((len(centers), -(-X.shape[1] // 4) * 4), dtype=X.dtype)
    shifted[:, : X.shape[1]] = centers - shift
    return shift, shifted


@njit(nogil=True, cache=True)
def halved(centers: Array) -> tuple[Array, float]:  # pragma: no cover
    """Half the squared length of each centre, and the largest square."""
    halves = np.empty(len(centers), dtype=centers.dtype)
    for c in range(len(centers)):
        halves[c] = (centers[c] * centers[c]).sum() / 2
    return halves, 2 * halves.max()


@njit(nogil=True, cache=True, fastmath={"contract"})
def best_two(
    tile: Array, centers: Array, halves: Array, scores: Array, best: Array, second: Array, found: Array
) -> None:  # pragma: no cover
    """Least score of each row of a transposed tile, the centre that has it, and the next score.

    |x - c|^2 is least where |c|^2 / 2 - x.c, the score, is; among equals the lowest number wins. The
    innermost loops run over rows, so that a register holds several of them.
    """
    lanes = tile.shape[1]
    best[:] = np.inf
    second[:] = np.inf
    for c in range(len(centers)):
        scores[:] = halves[c]
        for j in range(0, centers.shape[1], 4):  # four columns a pass: scores are read and written less often
            c0, c1, c2, c3 = centers[c, j], centers[c, j + 1], centers[c, j + 2], centers[c, j + 3]
            t0, t1, t2, t3 = tile[j], tile[j + 1], tile[j + 2], tile[j + 3]
            for i in range(lanes):
                scores[i] -= c0 * t0[i] + c1 * t1[i] + c2 * t2[i] + c3 * t3[i]
        for i in range(lanes):
            score = scores[i]
            second[i] = min(second[i], max(best[i], score))
            if score < best[i]:
                best[i] = score
                found[i] = c


@njit(nogil=True, cache=True, fastmath={"contract", "reassoc"})
def sweep(
    X: Array, shift: Array, centers: Array, lanes: int, labels: Array, distances: Array
) -> None:  # pragma: no cover
    """Write the nearest centre of each row and the squared distance to it."""
    n, d = X.shape
    tile = np.zeros((centers.shape[1], lanes), dtype=X.dtype)
    scores, best = np.empty(lanes, dtype=X.dtype), np.empty(lanes, dtype=X.dtype)
    second, found = np.empty(lanes, dtype=X.dtype), np.zeros(lanes, dtype=np.int32)
    halves = halved(centers)[0]
    for first in range(0, n, lanes):
        size = min(lanes, n - first)
        for i in range(size):
            for j in range(d):
                tile[j, i] = X[first + i, j] - shift[j]
        best_two(tile, centers, halves, scores, best, second, found)
        for i in range(size):
            c, squared = found[i], X.dtype.type(0)
            for j in range(d):
                difference = X[first + i, j] - shift[j] - centers[c, j]
                squared += difference * difference
            labels[first + i], distances[first + i] = c, squared


@njit(nogil=True, cache=True)
def accumulate(
    X: Array, weights: Array, labels: Array, distances: Array, sums: Array, counts: Array
) -> float:  # pragma: no cover
    """Add each row to its cluster's sums (float64) in the order of the rows; return the inertia."""
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
    """Nearest centre of each row.

    Parameters
    ----------
    X : ndarray of shape (n_rows, n_features), float32 or float64
    centers : ndarray of shape (n_clusters, n_features), float64

    Returns
    -------
    labels : ndarray of shape (n_rows,), int32
    distances : ndarray of shape (n_rows,), dtype of X
        Squared Euclidean.
    """
    labels, distances = np.empty(len(X), dtype=np.int32), np.empty(len(X), dtype=X.dtype)
    sweep(X, *near_zero(X, centers.astype(np.float64)), lanes_for(X), labels, distances)
    return labels, distances


def moments(X: Array, weights: Array, centers: Array) -> Moments:
    """One block's part of a Lloyd round; no `weights` are weights of one."""
    labels, distances = assign(X, centers)
    sums, counts = np.zeros(centers.shape), np.zeros(len(centers))
    inertia = accumulate(X, weights, labels, distances, sums, counts)
    return Moments(sums, counts, inertia)


def merge_moments(a: Moments, b: Moments) -> Moments:
    return Moments(a.sums + b.sums, a.weights + b.weights, a.inertia + b.inertia)


def farthest(X: Array, weights: Array, centers: Array, count: int) -> Far:
    """One block's `count` rows that lie farthest from their centre."""
    labels, distances = assign(X, centers)
    order = np.argsort(-distances, kind="stable")[:count]
    return Far(
        count,
        distances[order].astype(np.float64),
        X[order].astype(np.float64),
        labels[order].astype(np.int64),
        weights[order].astype(np.float64) if len(weights) else np.ones(len(order)),
    )


def merge_farthest(a: Far, b: Far) -> Far:
    order = np.argsort(-np.concatenate([a.distances, b.distances]), kind="stable")[: a.wanted]
    parts = (np.concatenate(pair)[order] for pair in zip(a[1:], b[1:], strict=True))
    return Far(a.wanted, *parts)
