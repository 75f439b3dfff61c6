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


@njit(nogil=True, cache=True, fastmath={"contract"})
def _label_tile(
    rows: Array,
    shift: Array,
    centers: Array,
    halves: Array,
    tile: Array,
    scores: Array,
    best: Array,
    labels: Array,
) -> None:  # pragma: no cover
    """Label up to a tile of rows; `tile` gets them transposed, so that the innermost loops run over rows.

    |x - c|^2 is least where |c|^2 / 2 - x.c is; among equals the lowest number wins.
    """
    lanes = tile.shape[1]
    for j in range(rows.shape[1]):
        for i in range(len(rows)):
            tile[j, i] = rows[i, j] - shift[j]
    best[:] = np.inf
    for c in range(len(centers)):
        scores[:] = halves[c]
        for j in range(0, centers.shape[1], 4):  # four columns a pass: scores are read and written less often
            c0, c1, c2, c3 = centers[c, j], centers[c, j + 1], centers[c, j + 2], centers[c, j + 3]
            t0, t1, t2, t3 = tile[j], tile[j + 1], tile[j + 2], tile[j + 3]
            for i in range(lanes):
                scores[i] -= c0 * t0[i] + c1 * t1[i] + c2 * t2[i] + c3 * t3[i]
        for i in range(lanes):
            if scores[i] < best[i]:
                best[i] = scores[i]
                labels[i] = c


@njit(nogil=True, cache=True, fastmath={"contract", "reassoc"})
def sweep(
    X: Array,
    shift: Array,
    centers: Array,
    lanes: int,
    weights: Array,
    labels: Array,
    distances: Array,
    sums: Array,
    counts: Array,
) -> float:  # pragma: no cover
    """Assign each row to its nearest centre and, where `weights` has rows, add it to that cluster's sums.

    `shift` is taken off the rows first and is off the centres already: products of numbers around zero keep
    the digits that tell near centres apart. Sums are float64, in the order of the rows; returns the inertia.
    """  # fmt: skip
    n, d = X.shape
    tile = np.zeros((centers.shape[1], lanes), dtype=X.dtype)
    scores, best = np.empty(lanes, dtype=X.dtype), np.empty(lanes, dtype=X.dtype)
    found = np.zeros(lanes, dtype=np.int32)
    halves = np.empty(len(centers), dtype=X.dtype)
    for c in range(len(centers)):
        halves[c] = (centers[c] * centers[c]).sum() / 2
    inertia = 0.0
    for first in range(0, n, lanes):
        size = min(lanes, n - first)
        _label_tile(X[first : first + size], shift, centers, halves, tile, scores, best, found)
        for i in range(size):
            c, squared = found[i], X.dtype.type(0)
            for j in range(d):
                difference = X[first + i, j] - shift[j] - centers[c, j]
                squared += difference * difference
            labels[first + i], distances[first + i] = c, squared
        if len(weights):
            for i in range(size):
                c, w = found[i], weights[first + i]
                counts[c] += w
                inertia += w * distances[first + i]
                for j in range(d):
                    sums[c, j] += w * X[first + i, j]
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
    labels, distances, *_ = _swept(X, np.empty(0), centers)
    return labels, distances


def moments(X: Array, weights: Array, centers: Array) -> Moments:
    """One block's part of a Lloyd round."""
    return Moments(*_swept(X, weights, centers)[2:])


def _swept(X: Array, weights: Array, centers: Array) -> tuple[Array, Array, Array, Array, float]:
    centers = centers.astype(np.float64)
    shift = centers.mean(axis=0).astype(X.dtype)
    labels, distances = np.empty(len(X), dtype=np.int32), np.empty(len(X), dtype=X.dtype)
    sums, counts = np.zeros(centers.shape), np.zeros(len(centers))
    near_zero = np.zeros((len(centers), -(-X.shape[1] // 4) * 4), dtype=X.dtype)
    near_zero[:, : X.shape[1]] = centers - shift
    lanes = max(16, min(MOST_LANES, TILE_BYTES // (X.itemsize * X.shape[1]) // 16 * 16))
    inertia = sweep(X, shift, near_zero, lanes, weights, labels, distances, sums, counts)
    return labels, distances, sums, counts, inertia


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
        weights[order].astype(np.float64),
    )


def merge_farthest(a: Far, b: Far) -> Far:
    order = np.argsort(-np.concatenate([a.distances, b.distances]), kind="stable")[: a.wanted]
    parts = (np.concatenate(pair)[order] for pair in zip(a[1:], b[1:], strict=True))
    return Far(a.wanted, *parts)
