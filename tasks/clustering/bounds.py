"""Lloyd rounds that look only at rows whose nearest centre may have changed, by bounds on their distances.

Each row keeps an upper bound on the distance to its own centre and a lower bound on that to any other; both
move with the centres. A row whose upper bound is below the lower one, or below half the way to the nearest
other centre, keeps its cluster. Bounds are rounded outwards: they decide only where rounding cannot.

Hamerly, "Making k-means even faster" (2010).
"""

from typing import Any

import numpy as np
from numba import njit
from numpy.typing import NDArray

from tasks.clustering.kernels import Moments, best_two, halved, lanes_for, near_zero

Array = NDArray[Any]


class Memory:
    """What a block keeps from round to round."""

    def __init__(self, X: Array) -> None:
        n = len(X)
        self.labels = np.full(n, -1, dtype=np.int32)
        self.upper = np.full(n, np.inf, dtype=X.dtype)
        self.lower = np.zeros(n, dtype=X.dtype)
        self.centers: Array | None = None
        self.sums: Array = np.empty(0)
        self.counts: Array = np.empty(0)


SAMPLE_ROWS = 1024
WORTH = 0.5
"""Share of rows to be looked at above which looking at all of them is sooner done than moving bounds."""


def moments(X: Array, weights: Array, centers: Array, memory: Memory) -> Moments:
    """One block's part of a Lloyd round, its inertia left out."""
    centers = centers.astype(np.float64)
    shift, around_zero = near_zero(X, centers)
    kept = memory.labels, memory.upper, memory.lower
    halfway: Array = np.empty(0, dtype=X.dtype)
    if memory.centers is None:
        memory.sums, memory.counts = np.zeros(centers.shape), np.zeros(len(centers))
        rows: Array = np.arange(len(X))
    else:
        drift, others, halfway = _steps(memory.centers, centers, halfway)
        every = max(1, len(X) // SAMPLE_ROWS)
        if _moved(drift, others, halfway, *(array[::every].copy() for array in kept)).mean() > WORTH:
            rows, halfway = np.arange(len(X)), halfway[:0]
        else:
            rows = np.flatnonzero(_moved(drift, others, halfway, *kept))
    _look(X, rows, shift, around_zero, halfway, lanes_for(X), weights, *kept, memory.sums, memory.counts)
    memory.centers = centers
    return Moments(memory.sums.copy(), memory.counts.copy(), 0.0)


def inertia(X: Array, weights: Array, memory: Memory) -> float:
    """Weighted sum of the squared distances to the centres of the last round, whose labels hold."""
    assert memory.centers is not None  # noqa: S101 (for the type checker)
    return float(_inertia(X, weights, *near_zero(X, memory.centers), memory.labels))


@njit(nogil=True, cache=True)
def _steps(before: Array, centers: Array, like: Array) -> tuple[Array, Array, Array]:  # pragma: no cover
    """How far each centre moved, the farthest that any other moved, half the way to the nearest other.

    All in the dtype of `like`, rounded outwards.
    """
    k, d = centers.shape
    drift, halfway = np.empty(k), np.full(k, np.inf)
    for c in range(k):
        drift[c] = np.sqrt(((centers[c] - before[c]) ** 2).sum())
        for other in range(k):
            if other != c:
                halfway[c] = min(halfway[c], np.sqrt(((centers[c] - centers[other]) ** 2).sum()) / 2)
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
        (halfway / outwards).astype(like.dtype),
    )


@njit(nogil=True, cache=True, fastmath={"contract", "reassoc"})
def _moved(
    drift: Array, others: Array, halfway: Array, labels: Array, upper: Array, lower: Array
) -> Array:  # pragma: no cover
    """Move the bounds with the centres; tell of each row whether they leave its cluster open."""
    left_open = np.empty(len(upper), dtype=np.bool_)
    outwards = upper.dtype.type(1) + upper.dtype.type(4) * np.finfo(upper.dtype).eps
    inwards, zero = upper.dtype.type(1) / outwards, upper.dtype.type(0)
    for i in range(len(upper)):
        c = np.uint32(labels[i])
        upper[i] = (upper[i] + drift[c]) * outwards
        lower[i] = max(zero, lower[i] - others[c]) * inwards
        left_open[i] = not upper[i] < max(lower[i], halfway[c])
    return left_open


@njit(nogil=True, cache=True, fastmath={"contract", "reassoc"})
def _inertia(
    X: Array, weights: Array, shift: Array, centers: Array, labels: Array
) -> float:  # pragma: no cover
    total = 0.0
    for i in range(len(X)):
        c, squared = labels[i], X.dtype.type(0)
        for j in range(X.shape[1]):
            difference = X[i, j] - shift[j] - centers[c, j]
            squared += difference * difference
        total += (weights[i] if len(weights) else 1.0) * squared
    return total


@njit(nogil=True, cache=True, fastmath={"contract", "reassoc"})
def _look(
    X: Array, rows: Array, shift: Array, centers: Array, halfway: Array, lanes: int, weights: Array,
    labels: Array, upper: Array, lower: Array, sums: Array, counts: Array,
) -> None:  # pragma: no cover # fmt: skip
    """Find the nearest centre of some rows anew and move them between the clusters' sums.

    With `halfway`, a row's true distance to its own centre, which may settle it, is found first.
    """
    d = X.shape[1]
    tile, held = np.zeros((centers.shape[1], lanes), dtype=X.dtype), np.zeros(lanes, dtype=np.int64)
    scores, best = np.empty(lanes, dtype=X.dtype), np.empty(lanes, dtype=X.dtype)
    second, found = np.empty(lanes, dtype=X.dtype), np.zeros(lanes, dtype=np.int32)
    halves, reach = halved(centers)
    outwards = X.dtype.type(1) + X.dtype.type(4) * np.finfo(X.dtype).eps
    # what rounding adds to a distance, beside a share of the distance itself
    slack = X.dtype.type(4) * np.finfo(X.dtype).eps * np.sqrt(reach)
    size = 0
    for k in range(len(rows)):
        i = rows[k]
        if len(halfway):
            c, squared = labels[i], X.dtype.type(0)
            for j in range(d):
                difference = X[i, j] - shift[j] - centers[c, j]
                squared += difference * difference
            upper[i] = np.sqrt(squared) * outwards + slack
            if upper[i] < max(lower[i], halfway[c]):
                continue
        for j in range(d):
            tile[j, size] = X[i, j] - shift[j]
        held[size] = i
        size += 1
        if size == lanes:
            best_two(tile, centers, halves, scores, best, second, found)
            _bound(tile, reach, best, second, scores)
            _enter(X, held, found, best, second, weights, labels, upper, lower, sums, counts)
            size = 0
    if size:
        best_two(tile, centers, halves, scores, best, second, found)
        _bound(tile, reach, best, second, scores)
        _enter(X, held[:size], found, best, second, weights, labels, upper, lower, sums, counts)


@njit(nogil=True, cache=True, fastmath={"contract", "reassoc"})
def _bound(tile: Array, reach: float, best: Array, second: Array, norms: Array) -> None:  # pragma: no cover
    """Turn the two least scores of each row into an upper and a lower bound on the distances."""
    d, lanes = tile.shape
    eps, zero, two = np.finfo(tile.dtype).eps, tile.dtype.type(0), tile.dtype.type(2)
    doubt = tile.dtype.type(8) * eps * tile.dtype.type(d + 4)  # of a score, as a share of the squares in it
    norms[:] = zero
    for j in range(d):
        row = tile[j]
        for k in range(lanes):
            norms[k] += row[k] * row[k]
    for k in range(lanes):
        error = doubt * (norms[k] + reach)
        best[k] = np.sqrt(max(zero, norms[k] + two * best[k] + error))
        second[k] = np.sqrt(max(zero, norms[k] + two * second[k] - error))


@njit(nogil=True, cache=True)
def _enter(
    X: Array, rows: Array, found: Array, nearest: Array, second: Array, weights: Array,
    labels: Array, upper: Array, lower: Array, sums: Array, counts: Array,
) -> None:  # pragma: no cover # fmt: skip
    """Enter what was found for some rows."""
    for k in range(len(rows)):
        i, c = rows[k], found[k]
        upper[i], lower[i] = nearest[k], second[k]
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
