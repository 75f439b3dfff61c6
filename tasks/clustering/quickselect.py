"""Quickselect: the middle of some points along one feature, without a full sort."""

from typing import Any

from numba import njit
from numpy.typing import NDArray

Array = NDArray[Any]


@njit(nogil=True, cache=True)
def quickselect(
    points: Array, axis: int, order: Array, start: int, stop: int, middle: int
) -> None:  # pragma: no cover
    """Rearrange `order[start:stop]` so that no point before `middle` has a greater coordinate than a later one.

    Parameters
    ----------
    points : ndarray of shape (n, n_features), float64
    axis : int
        Feature that is compared.
    order : ndarray of shape (m,), int64
        Numbers of points, rearranged in place.
    start, stop : int
        Part of `order` to rearrange, `stop` exclusive.
    middle : int
        Place in `order`, from `start` to `stop`.
    """
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
