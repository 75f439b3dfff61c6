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
    # what rounding adds to a distance, beside a share of the distance itself
    slack = X.dtype.type(4 * np.finfo(X.dtype).eps * np.sqrt((around_zero**2).sum(axis=1).max()))
    if memory.centers is None:
        memory.sums, memory.counts = np.zeros(centers.shape), np.zeros(len(centers))
        stale = np.arange(len(X))
    else:
        steps = _steps(memory.centers, centers, X.dtype.type)
        stale = _stale(X, (shift, around_zero, *steps, slack), memory)
    _rescan(
        X, stale, shift, around_zero, lanes_for(X), slack, weights,
        memory.labels, memory.upper, memory.lower, memory.sums, memory.counts,
    )  # fmt: skip
    memory.centers = centers
    return Moments(memory.sums.copy(), memory.counts.copy(), 0.0)


def inertia(X: Array, weights: Array, memory: Memory) -> float:
    """Weighted sum of the squared distances to the centres of the last round, whose labels hold."""
    assert memory.centers is not None  # noqa: S101 (for the type checker)
    return float(_inertia(X, weights, *near_zero(X, memory.centers), memory.labels))


def _stale(X: Array, moves: tuple[Any, ...], memory: Memory) -> Array:
    """Rows whose nearest centre may have changed."""
    kept = memory.labels, memory.upper, memory.lower
    every = max(1, len(X) // SAMPLE_ROWS)
    rows, *beside = (array[::every].copy() for array in (X, *kept))
    if len(_moved(rows, *moves, *beside)) > WORTH * len(rows):
        return np.arange(len(X))
    return np.asarray(_moved(X, *moves, *kept))


def _steps(before: Array, centers: Array, dtype: Any) -> tuple[Array, Array, Array]:
    """How far each centre moved, the farthest that any other moved, half the way to the nearest other."""
    drift = np.sqrt(((centers - before) ** 2).sum(axis=1))
    others = np.full(len(drift), drift.max())
    others[drift.argmax()] = np.partition(drift, -2)[-2] if len(drift) > 1 else 0.0
    halfway = np.full(len(drift), np.inf)
    for c, center in enumerate(centers):
        gaps = ((centers - center) ** 2).sum(axis=1)
        gaps[c] = np.inf
        halfway[c] = np.sqrt(gaps.min()) / 2
    outwards = 1 + 2 * np.finfo(dtype).eps
    return (
        (drift * outwards).astype(dtype),
        (others * outwards).astype(dtype),
        (halfway / outwards).astype(dtype),
    )


@njit(nogil=True, cache=True, fastmath={"contract", "reassoc"})
def _moved(
    X: Array, shift: Array, centers: Array, drift: Array, others: Array, halfway: Array, slack: float,
    labels: Array, upper: Array, lower: Array,
) -> Array:  # pragma: no cover # fmt: skip
    """Move the bounds with the centres; return the rows that they do not settle, int64."""
    rows = np.empty(len(X), dtype=np.int64)
    outwards = X.dtype.type(1) + X.dtype.type(4) * np.finfo(X.dtype).eps
    inwards, zero = X.dtype.type(1) / outwards, X.dtype.type(0)
    count = 0
    for i in range(len(X)):
        c = labels[i]
        upper[i] = (upper[i] + drift[c]) * outwards
        lower[i] = max(zero, lower[i] - others[c]) * inwards
        rows[count] = i  # written over unless it counts: there is no branch to guess
        count += not upper[i] < max(lower[i], halfway[c])
    kept = 0
    for k in range(count):
        i = rows[k]
        c = labels[i]
        squared = X.dtype.type(0)
        for j in range(X.shape[1]):
            difference = X[i, j] - shift[j] - centers[c, j]
            squared += difference * difference
        upper[i] = np.sqrt(squared) * outwards + slack
        rows[kept] = i
        kept += not upper[i] < max(lower[i], halfway[c])
    return rows[:kept]


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
def _rescan(
    X: Array, rows: Array, shift: Array, centers: Array, lanes: int, slack: float, weights: Array,
    labels: Array, upper: Array, lower: Array, sums: Array, counts: Array,
) -> None:  # pragma: no cover # fmt: skip
    """Find the nearest centre of some rows anew, their bounds, and move them between the clusters' sums."""
    n, d = len(rows), X.shape[1]
    tile = np.zeros((centers.shape[1], lanes), dtype=X.dtype)
    scores, best = np.empty(lanes, dtype=X.dtype), np.empty(lanes, dtype=X.dtype)
    second, found = np.empty(lanes, dtype=X.dtype), np.zeros(lanes, dtype=np.int32)
    halves, reach = halved(centers)
    eps = np.finfo(X.dtype).eps
    outwards = X.dtype.type(1) + X.dtype.type(4) * eps
    doubt = X.dtype.type(8) * eps * X.dtype.type(d + 4)  # of a score, as a share of the squares in it
    for first in range(0, n, lanes):
        size = min(lanes, n - first)
        for j in range(d):
            for k in range(size):
                tile[j, k] = X[rows[first + k], j] - shift[j]
        best_two(tile, centers, halves, scores, best, second, found)
        for k in range(size):
            i, c = rows[first + k], found[k]
            squared, norm = X.dtype.type(0), X.dtype.type(0)
            for j in range(d):
                x = X[i, j] - shift[j]
                squared += (x - centers[c, j]) * (x - centers[c, j])
                norm += x * x
            upper[i] = np.sqrt(squared) * outwards + slack
            least = norm + 2 * second[k] - doubt * (norm + reach)
            lower[i] = np.sqrt(least) / outwards if least > 0 else X.dtype.type(0)
            if c != labels[i]:
                w = weights[i] if len(weights) else 1.0
                if labels[i] >= 0:
                    counts[labels[i]] -= w
                    for j in range(d):
                        sums[labels[i], j] -= w * X[i, j]
                counts[c] += w
                for j in range(d):
                    sums[c, j] += w * X[i, j]
                labels[i] = c
