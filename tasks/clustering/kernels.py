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


@njit(nogil=True, cache=True)
def nearest(X: Array, centers_t: Array, labels: Array, distances: Array) -> None:  # pragma: no cover
    """Write each row's nearest centre (the lowest number among equals) and its squared distance.

    `centers_t` is transposed, so that the innermost loop runs over centres and every centre's sum is
    added in the order of the features, vectorised or not.
    """
    n, d = X.shape
    k = centers_t.shape[1]
    squared = np.empty(k, dtype=X.dtype)
    for i in range(n):
        squared[:] = 0
        for j in range(d):
            x = X[i, j]
            for c in range(k):
                difference = x - centers_t[j, c]
                squared[c] += difference * difference
        best = 0
        for c in range(1, k):
            if squared[c] < squared[best]:
                best = c
        labels[i] = best
        distances[i] = squared[best]


@njit(nogil=True, cache=True)
def accumulate(
    X: Array, weights: Array, labels: Array, distances: Array, sums: Array, counts: Array
) -> float:  # pragma: no cover
    """Add each row to its cluster's sums (float64) in the order of the rows; return the inertia."""
    inertia = 0.0
    for i in range(X.shape[0]):
        c = labels[i]
        w = weights[i]
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
    labels = np.empty(len(X), dtype=np.int32)
    distances = np.empty(len(X), dtype=X.dtype)
    nearest(X, np.ascontiguousarray(centers.T.astype(X.dtype)), labels, distances)
    return labels, distances


def moments(X: Array, weights: Array, centers: Array) -> Moments:
    """One block's part of a Lloyd round."""
    labels, distances = assign(X, centers)
    sums = np.zeros(centers.shape, dtype=np.float64)
    counts = np.zeros(len(centers), dtype=np.float64)
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
        weights[order].astype(np.float64),
    )


def merge_farthest(a: Far, b: Far) -> Far:
    order = np.argsort(-np.concatenate([a.distances, b.distances]), kind="stable")[: a.wanted]
    parts = (np.concatenate(pair)[order] for pair in zip(a[1:], b[1:], strict=True))
    return Far(a.wanted, *parts)
