"""DBSCAN's kernels in any dimension: pairs of blocks whose rows are sorted into small boxes, the leaves.

Two leaves whose boxes lie further apart than eps are passed over; where all rows of both are within eps no
distance is computed. Distances are sums of squares in the order of the columns, never expanded, so that they
do not depend on what they are computed beside.
"""

from typing import Any, NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

from tasks.clustering.forest import find, unite
from tasks.clustering.halving import halve
from tasks.clustering.regions import power_of_two

Array = NDArray[Any]
LEAF_ROWS = 32
ROUNDING = 1e-9  # relative; boxes decide only where rounding cannot


class Leaves(NamedTuple):
    """Rows of a block sorted into leaves."""

    columns: Array
    """float64, shape (n_features, n): the sorted rows, transposed."""
    starts: Array
    """int64, shape (n_leaves + 1,)."""
    lows: Array
    """float64, shape (n_leaves, n_features): the leaves' own extents."""
    highs: Array

    @property
    def box(self) -> tuple[Array, Array]:
        """Extents of the whole block."""
        return self.lows.min(axis=0), self.highs.max(axis=0)


def sort_into_leaves(X: Array) -> tuple[Array, Leaves]:
    """Order of the rows of a block, float64 (n, n_features), n at least 1, and its leaves."""
    n_leaves = power_of_two(len(X) / LEAF_ROWS)
    order: Array = np.arange(len(X))
    lower, upper = (np.zeros((2 * n_leaves, X.shape[1])) for _ in range(2))
    starts = halve(X, order, lower, upper)
    return order, Leaves(np.ascontiguousarray(X[order].T), starts, lower[n_leaves:], upper[n_leaves:])


@njit(nogil=True, cache=True)
def box_gap(a: Leaves, p: int, b: Leaves, q: int) -> float:  # pragma: no cover
    """Least squared distance of leaf p of a and leaf q of b."""
    total = 0.0
    for k in range(a.lows.shape[1]):
        gap = max(0.0, max(b.lows[q, k] - a.highs[p, k], a.lows[p, k] - b.highs[q, k]))
        total += gap * gap
    return total


@njit(nogil=True, cache=True)
def row_gap(a: Leaves, i: int, b: Leaves, q: int) -> float:  # pragma: no cover
    """Least squared distance of row i of a and leaf q of b."""
    total = 0.0
    for k in range(a.lows.shape[1]):
        x = a.columns[k, i]
        gap = max(0.0, max(b.lows[q, k] - x, x - b.highs[q, k]))
        total += gap * gap
    return total


@njit(nogil=True, cache=True)
def box_span(a: Leaves, p: int, b: Leaves, q: int) -> float:  # pragma: no cover
    """Largest squared distance of leaf p of a and leaf q of b."""
    total = 0.0
    for k in range(a.lows.shape[1]):
        span = max(b.highs[q, k] - a.lows[p, k], a.highs[p, k] - b.lows[q, k])
        total += span * span
    return total


@njit(nogil=True, cache=True)
def squared_distances(
    a: Array, i: int, b: Array, start: int, stop: int, out: Array
) -> None:  # pragma: no cover
    """Write the squared distances of row i of `a` to the rows start to stop of `b` (both transposed)."""
    out[: stop - start] = 0
    for k in range(len(a)):
        x = a[k, i]
        row = b[k, start:stop]
        for j in range(stop - start):
            difference = x - row[j]
            out[j] += difference * difference


@njit(nogil=True, cache=True)
def add_weights(
    a: Leaves,
    b: Leaves,
    weights_a: Array,
    weights_b: Array,
    total_a: Array,
    total_b: Array,
    eps: float,
    least: float,
    early: bool,
    same: bool,
) -> None:  # pragma: no cover
    """Add to each row's total the weight of the rows of the other block within eps, both ways.

    `same`: a and b are one block. `early`: rows that weigh `least` already need no more.
    """  # fmt: skip
    limit = eps * eps
    squared = np.empty(b.columns.shape[1])
    for p in range(len(a.lows)):
        for q in range(p if same else 0, len(b.lows)):
            if box_gap(a, p, b, q) > limit * (1 + ROUNDING):
                continue
            a0, a1, b0, b1 = a.starts[p], a.starts[p + 1], b.starts[q], b.starts[q + 1]
            if early and total_a[a0:a1].min() >= least and total_b[b0:b1].min() >= least:
                continue
            mirrored = not (same and p == q)
            if box_span(a, p, b, q) <= limit * (1 - ROUNDING):
                total_a[a0:a1] += weights_b[b0:b1].sum()
                if mirrored:
                    total_b[b0:b1] += weights_a[a0:a1].sum()
                continue
            for i in range(a0, a1):
                squared_distances(a.columns, i, b.columns, b0, b1, squared)
                for j in range(b1 - b0):
                    if squared[j] <= limit:
                        total_a[i] += weights_b[b0 + j]
                        if mirrored:
                            total_b[b0 + j] += weights_a[i]


@njit(nogil=True, cache=True)
def one_tree(parents: Array, start: int, core: Array, first: int, last: int) -> int:  # pragma: no cover
    """Common root of the core rows first to last; -1 if there are several, -2 if there is no core row."""
    root = -2
    for i in range(first, last):
        if core[i]:
            own = find(parents, start + i)
            if root == -2:
                root = own
            elif own != root:
                return -1
    return root


@njit(nogil=True, cache=True)
def join_core(
    a: Leaves,
    b: Leaves,
    core_a: Array,
    core_b: Array,
    start_a: int,
    start_b: int,
    parents: Array,
    eps: float,
    same: bool,
) -> None:  # pragma: no cover
    """Join the trees of core rows within eps; row i of block a is number `start_a + i` of the forest."""  # fmt: skip
    limit = eps * eps
    squared = np.empty(b.columns.shape[1])
    for p in range(len(a.lows)):
        a0, a1 = a.starts[p], a.starts[p + 1]
        for q in range(p if same else 0, len(b.lows)):
            if box_gap(a, p, b, q) > limit * (1 + ROUNDING):
                continue
            b0, b1 = b.starts[q], b.starts[q + 1]
            tree_a = one_tree(parents, start_a, core_a, a0, a1)
            tree_b = one_tree(parents, start_b, core_b, b0, b1)
            if tree_a == -2 or tree_b == -2 or (tree_a == tree_b and tree_a != -1):
                continue
            for i in range(a0, a1):
                if not core_a[i]:
                    continue
                squared_distances(a.columns, i, b.columns, b0, b1, squared)
                for j in range(b1 - b0):
                    if core_b[b0 + j] and squared[j] <= limit:
                        x, y = find(parents, start_a + i), find(parents, start_b + b0 + j)
                        if x != y:
                            unite(parents, x, y)


@njit(nogil=True, cache=True)
def lowest_cluster(
    a: Leaves, b: Leaves, core_a: Array, core_b: Array, clusters_b: Array, lowest: Array, eps: float
) -> None:  # pragma: no cover
    """Lower each not-core row of a to the lowest cluster among the core rows of b within eps."""
    limit = eps * eps
    squared = np.empty(b.columns.shape[1])
    for p in range(len(a.lows)):
        for q in range(len(b.lows)):
            if box_gap(a, p, b, q) > limit * (1 + ROUNDING):
                continue
            b0, b1 = b.starts[q], b.starts[q + 1]
            if not core_b[b0:b1].any():
                continue
            for i in range(a.starts[p], a.starts[p + 1]):
                if core_a[i]:
                    continue
                squared_distances(a.columns, i, b.columns, b0, b1, squared)
                for j in range(b1 - b0):
                    if core_b[b0 + j] and squared[j] <= limit and clusters_b[b0 + j] < lowest[i]:
                        lowest[i] = clusters_b[b0 + j]
