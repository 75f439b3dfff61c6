"""Points halved along the widest side of their box, again and again: the leaves that trees of boxes have."""

from typing import Any

import numpy as np
from numba import njit
from numpy.typing import NDArray

Array = NDArray[Any]


@njit(nogil=True, cache=True)
def halve(points: Array, order: Array, lower: Array, upper: Array) -> Array:  # pragma: no cover
    """Arrange `order` leaf by leaf, and write the box of every node of the tree above them.

    Parameters
    ----------
    points : ndarray of shape (n, n_features), float64
    order : ndarray of shape (m,), int64
        Which of the points, at least one a leaf.
    lower, upper : ndarray of shape (2 * n_leaves, n_features), float64
        Corners of the boxes: node 1 is the root, node i has children 2i and 2i + 1, leaf k is node
        n_leaves + k. The number of leaves is a power of two.

    Returns
    -------
    ndarray of shape (n_leaves + 1,), int64
        First place of each leaf in `order`; leaves differ by one point at most.
    """
    n_leaves = len(lower) // 2
    starts = np.zeros(2 * n_leaves + 1, dtype=np.int64)
    stops = np.zeros(2 * n_leaves, dtype=np.int64)
    stops[1] = starts[-1] = len(order)
    for node in range(1, 2 * n_leaves):
        start, stop = starts[node], stops[node]
        lower[node], upper[node] = np.inf, -np.inf
        for i in order[start:stop]:
            for j in range(points.shape[1]):
                lower[node, j] = min(lower[node, j], points[i, j])
                upper[node, j] = max(upper[node, j], points[i, j])
        if node < n_leaves:
            middle = (start + stop) // 2
            _select(points, int(np.argmax(upper[node] - lower[node])), order, start, stop, middle)
            starts[2 * node], stops[2 * node] = start, middle
            starts[2 * node + 1], stops[2 * node + 1] = middle, stop
    return starts[n_leaves:]


@njit(nogil=True, cache=True)
def _select(
    points: Array, axis: int, order: Array, start: int, stop: int, middle: int
) -> None:  # pragma: no cover
    """Arrange `order[start:stop]` so that what stands before `middle` has no greater coordinate than the rest."""
    low, high = start, stop - 1
    while low < high:
        pivot = points[order[(low + high) // 2], axis]
        i, j = low, high
        while i <= j:
            while points[order[i], axis] < pivot:
                i += 1
            while points[order[j], axis] > pivot:
                j -= 1
            if i <= j:
                order[i], order[j] = order[j], order[i]
                i += 1
                j -= 1
        if middle <= j:
            high = j
        elif middle >= i:
            low = i
        else:
            return
