"""Disjoint sets: a forest whose trees are clusters, the lowest number the root of each."""

from typing import Any

import numpy as np
from numba import njit
from numpy.typing import NDArray

Array = NDArray[Any]


@njit(nogil=True, cache=True)
def find(parents: Array, i: int) -> int:  # pragma: no cover
    """Root of `i`, halving the path to it."""
    while parents[i] != i:
        parents[i] = parents[parents[i]]
        i = parents[i]
    return int(i)


@njit(nogil=True, cache=True)
def unite(parents: Array, i: int, j: int) -> None:  # pragma: no cover
    """Join two trees given by their roots."""
    parents[max(i, j)] = min(i, j)


@njit(nogil=True, cache=True)
def absorb(parents: Array, places: Array, others: Array) -> None:  # pragma: no cover
    """Join the trees of each of `places` and its counterpart in `others`."""
    for i in range(len(places)):
        a, b = find(parents, places[i]), find(parents, others[i])
        if a != b:
            unite(parents, a, b)


@njit(nogil=True, cache=True)
def flatten(parents: Array) -> None:  # pragma: no cover
    """Let everyone point at their root."""
    for i in range(len(parents)):
        parents[i] = find(parents, i)


def roots_of(size: int, links: Array) -> Array:
    """Root of each of `size` items after joining the pairs `links`, shape (m, 2); int64, shape (size,)."""
    parents: Array = np.arange(size)
    absorb(parents, links[:, 0], links[:, 1])
    flatten(parents)
    return parents
