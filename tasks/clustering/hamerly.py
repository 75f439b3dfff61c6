"""Rounds of Lloyd's algorithm that look only at rows whose nearest centre may have changed.

Each row keeps an upper bound on the distance to its own centre and a lower bound on the distance to any other
centre; both bounds move with the centres. A row keeps its cluster if its upper bound is below its lower bound,
or below half the distance from its centre to the nearest other centre. Bounds are rounded outwards, so that
the labels are those that distances to all centres give.

References
----------
Hamerly, "Making k-means even faster" (2010).
"""

from typing import Any

import numpy as np
from numba import njit
from numpy.typing import NDArray

from tasks.clustering.assignment import (
    Moments,
    half_squared_norms,
    shifted_to_zero,
    tile_rows_for,
    two_nearest,
)
from tasks.clustering.distances import squared_distance_to_center

Array = NDArray[Any]
SAMPLE_ROWS = 1024
FULL_PASS_SHARE = 0.5
"""Share of undecided rows above which a pass over all rows is faster than a pass over the undecided ones."""


class BlockAssignment:
    """Labels of a block's rows with the bounds and sums that go with them, kept from round to round.

    Attributes
    ----------
    labels : ndarray of shape (n_rows,), int32
        Cluster of each row; -1 before the first round.
    upper, lower : ndarray of shape (n_rows,), dtype of the rows
        Upper bound on the distance to the own centre, lower bound on the distance to any other centre.
    centers : ndarray of shape (n_clusters, n_features), float64, or None
        Centres of the last round; None before the first round.
    sums : ndarray of shape (n_clusters, n_features), float64
        Weighted sum of the rows of each cluster.
    counts : ndarray of shape (n_clusters,), float64
        Weight of the rows of each cluster.
    """

    def __init__(self, X: Array) -> None:
        n = len(X)
        self.labels = np.full(n, -1, dtype=np.int32)
        self.upper = np.full(n, np.inf, dtype=X.dtype)
        self.lower = np.zeros(n, dtype=X.dtype)
        self.centers: Array | None = None
        self.sums: Array = np.empty(0)
        self.counts: Array = np.empty(0)


def moments(X: Array, weights: Array, centers: Array, assigned: BlockAssignment) -> Moments:
    """Moments of one block for new centres, without the inertia.

    Parameters
    ----------
    X : ndarray of shape (n_rows, n_features), float32 or float64
    weights : ndarray of shape (n_rows,), float64
        Weights of the rows; empty: every row weighs 1.
    centers : ndarray of shape (n_clusters, n_features), float64
    assigned : BlockAssignment
        Result of the last round, which becomes that of this round.
    """
    centers = centers.astype(np.float64)
    rows, half_gaps = _undecided(X, centers, assigned)
    _reassign(
        X, rows, *shifted_to_zero(X, centers), half_gaps, tile_rows_for(X), weights,
        assigned.labels, assigned.upper, assigned.lower, assigned.sums, assigned.counts,
    )  # fmt: skip
    assigned.centers = centers
    return Moments(assigned.sums.copy(), assigned.counts.copy(), 0.0)


def _undecided(X: Array, centers: Array, assigned: BlockAssignment) -> tuple[Array, Array]:
    """Rows whose nearest centre may have changed, and half the gap between each centre and the next.

    Without gaps (an empty array) the bounds are not worth using: all rows are returned.
    """
    no_gaps: Array = np.empty(0, dtype=X.dtype)
    if assigned.centers is None:
        assigned.sums, assigned.counts = np.zeros(centers.shape), np.zeros(len(centers))
        return np.arange(len(X)), no_gaps
    drift, other_drift, half_gaps = _center_moves(assigned.centers, centers, no_gaps)
    bounds = assigned.labels, assigned.upper, assigned.lower
    step = max(1, len(X) // SAMPLE_ROWS)
    sample = (array[::step].copy() for array in bounds)
    if _update_bounds(drift, other_drift, half_gaps, *sample).mean() > FULL_PASS_SHARE:
        return np.arange(len(X)), no_gaps
    return np.flatnonzero(_update_bounds(drift, other_drift, half_gaps, *bounds)), half_gaps


def inertia(X: Array, weights: Array, assigned: BlockAssignment) -> float:
    """Weighted sum of the squared distances of a block's rows to their centres in the last round.

    Parameters
    ----------
    X : ndarray of shape (n_rows, n_features), float32 or float64
    weights : ndarray of shape (n_rows,), float64
        Weights of the rows; empty: every row weighs 1.
    assigned : BlockAssignment
        Result of the last round.
    """
    assert assigned.centers is not None  # noqa: S101 (for the type checker)
    return float(_inertia(X, weights, *shifted_to_zero(X, assigned.centers), assigned.labels))


@njit(nogil=True, cache=True)
def _center_moves(
    before: Array, centers: Array, like: Array
) -> tuple[Array, Array, Array]:  # pragma: no cover
    """Drift of each centre, largest drift of any other centre, half the gap to the nearest other centre.

    All three are rounded outwards, in the dtype of `like`.
    """
    k, d = centers.shape
    drift, half_gaps = np.empty(k), np.full(k, np.inf)
    for c in range(k):
        drift[c] = np.sqrt(((centers[c] - before[c]) ** 2).sum())
        for other in range(k):
            if other != c:
                half_gaps[c] = min(half_gaps[c], np.sqrt(((centers[c] - centers[other]) ** 2).sum()) / 2)
    farthest = np.argmax(drift)
    others = np.full(k, drift[farthest])
    others[farthest] = 0.0
    for c in range(k):
        if c != farthest:
            others[farthest] = max(others[farthest], drift[c])
    outwards = 1 + (d + 4) * np.finfo(like.dtype).eps
    return (
        (drift * outwards).astype(like.dtype),
        (others * outwards).astype(like.dtype),
        (half_gaps / outwards).astype(like.dtype),
    )


@njit(nogil=True, cache=True, fastmath={"contract", "reassoc"})
def _update_bounds(
    drift: Array, others: Array, half_gaps: Array, labels: Array, upper: Array, lower: Array
) -> Array:  # pragma: no cover
    """Move the bounds with the centres; return for each row whether its nearest centre may have changed."""
    undecided = np.empty(len(upper), dtype=np.bool_)
    outwards = upper.dtype.type(1) + upper.dtype.type(4) * np.finfo(upper.dtype).eps
    inwards, zero = upper.dtype.type(1) / outwards, upper.dtype.type(0)
    for i in range(len(upper)):
        c = np.uint32(labels[i])
        upper[i] = (upper[i] + drift[c]) * outwards
        lower[i] = max(zero, lower[i] - others[c]) * inwards
        undecided[i] = not upper[i] < max(lower[i], half_gaps[c])
    return undecided


@njit(nogil=True, cache=True, fastmath={"contract", "reassoc"})
def _inertia(
    X: Array, weights: Array, shift: Array, centers: Array, labels: Array
) -> float:  # pragma: no cover
    total = 0.0
    for i in range(len(X)):
        squared = squared_distance_to_center(X, i, shift, centers, labels[i])
        total += (weights[i] if len(weights) else 1.0) * squared
    return total


@njit(nogil=True, cache=True, fastmath={"contract", "reassoc"})
def _reassign(
    X: Array, rows: Array, shift: Array, centers: Array, half_gaps: Array, tile_rows: int, weights: Array,
    labels: Array, upper: Array, lower: Array, sums: Array, counts: Array,
) -> None:  # pragma: no cover # fmt: skip
    """Find the nearest centre of some rows, and move these rows between the sums of the clusters.

    If there are `half_gaps`, the exact distance of a row to its own centre is computed first: it may show
    that the row keeps its cluster.
    """
    d = X.shape[1]
    tile, pending = (
        np.zeros((centers.shape[1], tile_rows), dtype=X.dtype),
        np.zeros(tile_rows, dtype=np.int64),
    )
    scores, best = np.empty(tile_rows, dtype=X.dtype), np.empty(tile_rows, dtype=X.dtype)
    second, nearest_center = np.empty(tile_rows, dtype=X.dtype), np.zeros(tile_rows, dtype=np.int32)
    half_norms, largest_norm = half_squared_norms(centers)
    outwards = X.dtype.type(1) + X.dtype.type(4) * np.finfo(X.dtype).eps
    # absolute part of the rounding error of a distance; `outwards` covers the relative part
    slack = X.dtype.type(4) * np.finfo(X.dtype).eps * np.sqrt(largest_norm)
    size = 0
    for k in range(len(rows)):
        i = rows[k]
        if len(half_gaps):
            squared = squared_distance_to_center(X, i, shift, centers, labels[i])
            upper[i] = np.sqrt(squared) * outwards + slack
            if upper[i] < max(lower[i], half_gaps[labels[i]]):
                continue
        for j in range(d):
            tile[j, size] = X[i, j] - shift[j]
        pending[size] = i
        size += 1
        if size == tile_rows:
            two_nearest(tile, centers, half_norms, scores, best, second, nearest_center)
            _distance_bounds(tile, largest_norm, best, second, scores)
            _store(X, pending, nearest_center, best, second, weights, labels, upper, lower, sums, counts)
            size = 0
    if size:
        two_nearest(tile, centers, half_norms, scores, best, second, nearest_center)
        _distance_bounds(tile, largest_norm, best, second, scores)
        _store(X, pending[:size], nearest_center, best, second, weights, labels, upper, lower, sums, counts)


@njit(nogil=True, cache=True, fastmath={"contract", "reassoc"})
def _distance_bounds(
    tile: Array, largest_norm: float, best: Array, second: Array, norms: Array
) -> None:  # pragma: no cover
    """Turn the two least scores of each row into an upper and a lower bound on the distances."""
    d, tile_rows = tile.shape
    eps, zero, two = np.finfo(tile.dtype).eps, tile.dtype.type(0), tile.dtype.type(2)
    relative_error = (
        tile.dtype.type(8) * eps * tile.dtype.type(d + 4)
    )  # error of a score, relative to the squared norms in it
    norms[:] = zero
    for j in range(d):
        row = tile[j]
        for k in range(tile_rows):
            norms[k] += row[k] * row[k]
    for k in range(tile_rows):
        error = relative_error * (norms[k] + largest_norm)
        best[k] = np.sqrt(max(zero, norms[k] + two * best[k] + error))
        second[k] = np.sqrt(max(zero, norms[k] + two * second[k] - error))


@njit(nogil=True, cache=True)
def _store(
    X: Array, rows: Array, nearest_center: Array, best: Array, second: Array, weights: Array,
    labels: Array, upper: Array, lower: Array, sums: Array, counts: Array,
) -> None:  # pragma: no cover # fmt: skip
    """Store the nearest centres of some rows and their bounds; rows that change cluster change the sums."""
    for k in range(len(rows)):
        i, c = rows[k], nearest_center[k]
        upper[i], lower[i] = best[k], second[k]
        if c != labels[i]:
            w = weights[i] if len(weights) else 1.0
            if labels[i] >= 0:
                counts[labels[i]] -= w
                for j in range(X.shape[1]):
                    sums[labels[i], j] -= w * X[i, j]
            counts[c] += w
            for j in range(X.shape[1]):
                sums[c, j] += w * X[i, j]
            labels[i] = c
