"""Union-find (disjoint sets): each set is a tree of items, whose root is the lowest item of the set."""

from typing import Any

import numpy as np
from numba import njit
from numpy.typing import NDArray

Array = NDArray[Any]


@njit(nogil=True, cache=True)
def find(parents: Array, i: int) -> int:  # pragma: no cover
    """Root of item `i`; the path to the root is halved on the way."""
    while parents[i] != i:
        parents[i] = parents[parents[i]]
        i = parents[i]
    return int(i)


@njit(nogil=True, cache=True)
def unite(parents: Array, i: int, j: int) -> None:  # pragma: no cover
    """Join two sets.

    Parameters
    ----------
    parents : ndarray of shape (n_items,), int64
        Parent of each item, changed in place; a root is its own parent.
    i, j : int
        Roots of the two sets.
    """
    parents[max(i, j)] = min(i, j)


@njit(nogil=True, cache=True)
def unite_pairs(parents: Array, items: Array, others: Array) -> None:  # pragma: no cover
    """Join the sets of pairs of items.

    Parameters
    ----------
    parents : ndarray of shape (n_items,), int64
        Parent of each item, changed in place; a root is its own parent.
    items, others : ndarray of shape (n_pairs,), int64
        The two items of each pair.
    """
    for k in range(len(items)):
        a, b = find(parents, items[k]), find(parents, others[k])
        if a != b:
            unite(parents, a, b)


@njit(nogil=True, cache=True)
def flatten(parents: Array) -> None:  # pragma: no cover
    """Make the root of each item its parent."""
    for i in range(len(parents)):
        parents[i] = find(parents, i)


def roots_of_pairs(size: int, pairs: Array) -> Array:
    """Root of each of `size` items after the pairs, shape (m, 2), are joined; int64, shape (size,)."""
    parents: Array = np.arange(size)
    unite_pairs(parents, pairs[:, 0], pairs[:, 1])
    flatten(parents)
    return parents
