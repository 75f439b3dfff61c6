"""DBSCAN in any dimension: kernels on pairs of blocks, whose rows are sorted into small bounding boxes.

Two boxes further apart than eps are skipped; no distance is computed where all rows of both are within eps.
Distances are sums of squares in the order of the columns, never expanded, so that a distance does not depend
on the other distances that are computed with it.
"""

from typing import Any, NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

from tasks.clustering.median_split import median_split, next_power_of_two
from tasks.clustering.union_find import find, unite

Array = NDArray[Any]
BOX_ROWS = 32
ROUNDING = 1e-9  # relative; boxes decide only where rounding cannot
SEVERAL_ROOTS, NO_CORE_ROW = -1, -2  # in place of the common root of some core rows


class BoxedRows(NamedTuple):
    """Rows sorted into boxes; each box is the bounding box of its rows."""

    columns: Array
    """float64, shape (n_features, n): the sorted rows, transposed."""
    starts: Array
    """int64, shape (n_boxes + 1,): first row of each box."""
    lows: Array
    """float64, shape (n_boxes, n_features): lower corner of each box."""
    highs: Array
    """float64, shape (n_boxes, n_features): upper corner of each box."""


def sort_into_boxes(X: Array) -> tuple[Array, BoxedRows]:
    """Order of at least one row, float64, shape (n, n_features), by boxes; and the rows in this order."""
    n_boxes = next_power_of_two(len(X) / BOX_ROWS)
    order: Array = np.arange(len(X))
    lower, upper = (np.zeros((2 * n_boxes, X.shape[1])) for _ in range(2))
    starts = median_split(X, order, lower, upper)
    return order, BoxedRows(np.ascontiguousarray(X[order].T), starts, lower[n_boxes:], upper[n_boxes:])


@njit(nogil=True, cache=True)
def box_gap(a: BoxedRows, p: int, b: BoxedRows, q: int) -> float:  # pragma: no cover
    """Least squared distance between a point in box p of `a` and a point in box q of `b`.

    Parameters
    ----------
    a, b : BoxedRows
        Rows of two blocks; they may be the same.
    p, q : int
        Number of the box of `a` and of the box of `b`.
    """
    total = 0.0
    for k in range(a.lows.shape[1]):
        gap = max(0.0, max(b.lows[q, k] - a.highs[p, k], a.lows[p, k] - b.highs[q, k]))
        total += gap * gap
    return total


@njit(nogil=True, cache=True)
def row_to_box_gap(a: BoxedRows, i: int, b: BoxedRows, q: int) -> float:  # pragma: no cover
    """Least squared distance between a row and a point in a box.

    Parameters
    ----------
    a, b : BoxedRows
        Rows of two blocks; they may be the same.
    i : int
        Number of the row of `a`.
    q : int
        Number of the box of `b`.
    """
    total = 0.0
    for k in range(a.lows.shape[1]):
        x = a.columns[k, i]
        gap = max(0.0, max(b.lows[q, k] - x, x - b.highs[q, k]))
        total += gap * gap
    return total


@njit(nogil=True, cache=True)
def box_span(a: BoxedRows, p: int, b: BoxedRows, q: int) -> float:  # pragma: no cover
    """Largest squared distance between a point in box p of `a` and a point in box q of `b`.

    Parameters
    ----------
    a, b : BoxedRows
        Rows of two blocks; they may be the same.
    p, q : int
        Number of the box of `a` and of the box of `b`.
    """
    total = 0.0
    for k in range(a.lows.shape[1]):
        span = max(b.highs[q, k] - a.lows[p, k], a.highs[p, k] - b.lows[q, k])
        total += span * span
    return total


@njit(nogil=True, cache=True)
def squared_distances(
    a: Array, i: int, b: Array, start: int, stop: int, out: Array
) -> None:  # pragma: no cover
    """Write the squared distances of one row to several rows.

    Parameters
    ----------
    a, b : ndarray of shape (n_features, n), float64
        Rows of two blocks, transposed; they may be the same.
    i : int
        Number of the row of `a`.
    start, stop : int
        First and last row of `b`, `stop` exclusive.
    out : ndarray of shape (at least stop - start,), float64
        Written: the squared distances.
    """
    out[: stop - start] = 0
    for k in range(len(a)):
        x = a[k, i]
        row = b[k, start:stop]
        for j in range(stop - start):
            difference = x - row[j]
            out[j] += difference * difference


@njit(nogil=True, cache=True)
def add_neighbour_weights(
    a: BoxedRows,
    b: BoxedRows,
    weights_a: Array,
    weights_b: Array,
    sums_a: Array,
    sums_b: Array,
    eps: float,
    min_weight: float,
    stop_early: bool,
    same: bool,
) -> None:  # pragma: no cover
    """Add to the sum of each row the weight of the rows of the other block within eps, for both blocks.

    Parameters
    ----------
    a, b : BoxedRows
        Rows of two blocks; they may be the same.
    weights_a, weights_b : ndarray of shape (n,), float64
        Weights of the rows.
    sums_a, sums_b : ndarray of shape (n,), float64
        Sums of the weights of neighbours; changed in place.
    eps : float
        Largest distance of two neighbours.
    min_weight : float
        Sum that makes a row a core row.
    stop_early : bool
        Whether rows whose sum is `min_weight` already need no more neighbours.
    same : bool
        Whether `a` and `b` are the same block.
    """
    limit = eps * eps
    squared = np.empty(b.columns.shape[1])
    for p in range(len(a.lows)):
        for q in range(p if same else 0, len(b.lows)):
            if box_gap(a, p, b, q) > limit * (1 + ROUNDING):
                continue
            a0, a1, b0, b1 = a.starts[p], a.starts[p + 1], b.starts[q], b.starts[q + 1]
            if stop_early and sums_a[a0:a1].min() >= min_weight and sums_b[b0:b1].min() >= min_weight:
                continue
            mirrored = not (same and p == q)
            if box_span(a, p, b, q) <= limit * (1 - ROUNDING):
                sums_a[a0:a1] += weights_b[b0:b1].sum()
                if mirrored:
                    sums_b[b0:b1] += weights_a[a0:a1].sum()
                continue
            for i in range(a0, a1):
                squared_distances(a.columns, i, b.columns, b0, b1, squared)
                for j in range(b1 - b0):
                    if squared[j] <= limit:
                        sums_a[i] += weights_b[b0 + j]
                        if mirrored:
                            sums_b[b0 + j] += weights_a[i]


@njit(nogil=True, cache=True)
def common_root(parents: Array, start: int, core: Array, first: int, last: int) -> int:  # pragma: no cover
    """Common root of some core rows.

    Parameters
    ----------
    parents : ndarray of int64
        Union-find of all rows.
    start : int
        Place of row 0 in `parents`.
    core : ndarray of shape (n,), bool
        Whether each row is a core row.
    first, last : int
        Rows to look at, `last` exclusive.

    Returns
    -------
    int
        `SEVERAL_ROOTS` if the core rows have several roots, `NO_CORE_ROW` if no row is a core row.
    """
    root = NO_CORE_ROW
    for i in range(first, last):
        if core[i]:
            own = find(parents, start + i)
            if root == NO_CORE_ROW:
                root = own
            elif own != root:
                return SEVERAL_ROOTS
    return root


@njit(nogil=True, cache=True)
def join_core_rows(
    a: BoxedRows,
    b: BoxedRows,
    core_a: Array,
    core_b: Array,
    start_a: int,
    start_b: int,
    parents: Array,
    eps: float,
    same: bool,
) -> None:  # pragma: no cover
    """Join core rows of two blocks that are within eps.

    Parameters
    ----------
    a, b : BoxedRows
        Rows of two blocks; they may be the same.
    core_a, core_b : ndarray of shape (n,), bool
        Whether each row is a core row.
    start_a, start_b : int
        Place of row 0 of each block in `parents`.
    parents : ndarray of int64
        Union-find of all rows, changed in place.
    eps : float
        Largest distance of two neighbours.
    same : bool
        Whether `a` and `b` are the same block.
    """
    limit = eps * eps
    squared = np.empty(b.columns.shape[1])
    for p in range(len(a.lows)):
        a0, a1 = a.starts[p], a.starts[p + 1]
        for q in range(p if same else 0, len(b.lows)):
            if box_gap(a, p, b, q) > limit * (1 + ROUNDING):
                continue
            b0, b1 = b.starts[q], b.starts[q + 1]
            root_a = common_root(parents, start_a, core_a, a0, a1)
            root_b = common_root(parents, start_b, core_b, b0, b1)
            if root_a == NO_CORE_ROW or root_b == NO_CORE_ROW:
                continue
            if root_a == root_b and root_a != SEVERAL_ROOTS:
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
def lower_border_clusters(
    a: BoxedRows, b: BoxedRows, core_a: Array, core_b: Array, clusters_b: Array, clusters_a: Array, eps: float
) -> None:  # pragma: no cover
    """Lower the cluster of rows of `a` that are no core rows to the lowest cluster of a core row of `b` within eps.

    Parameters
    ----------
    a, b : BoxedRows
        Rows of two blocks; they may be the same.
    core_a, core_b : ndarray of shape (n,), bool
        Whether each row is a core row.
    clusters_b : ndarray of shape (n,), int64
        Clusters of the core rows of `b`.
    clusters_a : ndarray of shape (n,), int64
        Lowest clusters found so far; changed in place.
    eps : float
        Largest distance of two neighbours.
    """
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
                    if core_b[b0 + j] and squared[j] <= limit and clusters_b[b0 + j] < clusters_a[i]:
                        clusters_a[i] = clusters_b[b0 + j]
