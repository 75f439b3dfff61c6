"""Points split at the median of the widest side of their bounding box, again and again, into small boxes."""

from typing import Any

import numpy as np
from numba import njit
from numpy.typing import NDArray

from tasks.clustering.quickselect import quickselect

Array = NDArray[Any]


def next_power_of_two(least: float) -> int:
    """The smallest power of two that is at least `least`, and at least 1."""
    return 1 << max(0, int(np.ceil(np.log2(max(least, 1)))))


@njit(nogil=True, cache=True)
def median_split(points: Array, order: Array, lower: Array, upper: Array) -> Array:  # pragma: no cover
    """Arrange `order` leaf by leaf, and write the bounding box of every node of the tree.

    Parameters
    ----------
    points : ndarray of shape (n, n_features), float64
        Points; only those that `order` names are split.
    order : ndarray of shape (m,), int64
        Numbers of the points to split, at least one for each leaf; rearranged in place.
    lower, upper : ndarray of shape (2 * n_leaves, n_features), float64
        Written: corners of the boxes. Node 1 is the root, node i has the children 2i and 2i + 1, leaf k is
        node n_leaves + k. The number of leaves is a power of two.

    Returns
    -------
    ndarray of shape (n_leaves + 1,), int64
        First place of each leaf in `order`; the sizes of two leaves differ by at most one point.
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
            quickselect(points, int(np.argmax(upper[node] - lower[node])), order, start, stop, middle)
            starts[2 * node], stops[2 * node] = start, middle
            starts[2 * node + 1], stops[2 * node + 1] = middle, stop
    return starts[n_leaves:]
