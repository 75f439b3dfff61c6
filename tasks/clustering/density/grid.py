"""DBSCAN in up to three dimensions: one region's rows in the cells of a grid, and what the driver needs of it.

The cells have a diagonal of eps, so that the rows of a cell are all neighbours, and a row's neighbours lie
within two cells of its own along every axis. Gan and Tao, "DBSCAN revisited" (2015), section 2.2.
"""

from typing import Any, NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

from tasks.clustering.forest import find, flatten, unite

Array = NDArray[Any]

MOST_DIMENSIONS = 3
REACH = 2  # cells; ceil(sqrt(d)) for d of 2 and 3
SHRINK = 1 - 2.0**-20  # more than rounding can move a row that is up to 2**31 cells from the origin
MOST_CELLS = 2.0**31
UNKNOWN = -1


class Grid(NamedTuple):
    """Rows sorted by cell; a cell is a place `row` (all axes but the last together) and `col` (the last)."""

    order: Array
    """int64, shape (n,): original position of each sorted row."""
    points: Array
    """float64, shape (n, 3): sorted rows, missing axes zero."""
    starts: Array
    """int64, shape (n_cells + 1,): first row of each cell."""
    rows: Array
    """int64, shape (n_cells,)."""
    cols: Array
    """int64, shape (n_cells,)."""
    offsets: Array
    """int64: differences of `row` between cells that may hold neighbours; 0 is among them."""


def arrange(X: Array, eps: float) -> Grid:
    """Sort rows (n, up to 3) into the cells of a grid for `eps`."""
    n, d = X.shape
    side = eps / np.sqrt(d) * SHRINK
    axes = [_cells_along(X[:, j].astype(np.float64), side) for j in range(d)]
    rows: Array = np.zeros(n, dtype=np.int64)
    offsets: Array = np.zeros(1, dtype=np.int64)
    steps = np.arange(-REACH, REACH + 1)
    for cells in axes[:-1]:
        stride = int(cells.max()) + 2 * REACH + 1  # so that a step along an axis never wraps to another row
        rows = rows * stride + cells
        offsets = (offsets[:, None] * stride + steps).ravel()
    cols = axes[-1]
    order = _sorted_order(rows, cols)
    rows, cols = rows[order], cols[order]
    first = np.flatnonzero(np.r_[True, (rows[1:] != rows[:-1]) | (cols[1:] != cols[:-1])])
    points = np.zeros((n, MOST_DIMENSIONS))
    points[:, :d] = X[order]
    return Grid(order, points, np.r_[first, n], rows[first], cols[first], offsets)


def _cells_along(x: Array, side: float) -> Array:
    cells: Array = np.floor((x - x.min()) / side)
    if cells.max() < MOST_CELLS:
        return cells.astype(np.int64)
    # far outliers: only who is within reach of whom counts, so wide gaps may be closed up
    values, inverse = np.unique(cells, return_inverse=True)
    gaps = np.minimum(np.diff(values, prepend=values[0]), REACH + 1)
    return np.asarray(np.cumsum(gaps).astype(np.int64)[inverse])


def _sorted_order(rows: Array, cols: Array) -> Array:
    width = int(cols.max()) + 1
    if (float(rows.max()) + 1) * width < 2.0**62:
        return np.asarray(np.argsort(rows * width + cols))
    return np.asarray(np.lexsort((cols, rows)))


@njit(nogil=True, cache=True)
def _below(row: int, col: int, other_row: int, other_col: int) -> bool:  # pragma: no cover
    return row < other_row or (row == other_row and col < other_col)


@njit(nogil=True, cache=True)
def _weight_near(
    points: Array, weights: Array, i: int, a: int, b: int, limit: float
) -> float:  # pragma: no cover
    """Weight of the rows a to b that are within eps of row i."""
    x, y, z = points[i, 0], points[i, 1], points[i, 2]
    found = 0.0
    for j in range(a, b):
        dx, dy, dz = x - points[j, 0], y - points[j, 1], z - points[j, 2]
        if dx * dx + dy * dy + dz * dz <= limit:
            found += weights[j]
    return found


@njit(nogil=True, cache=True)
def core_rows(
    points: Array,
    weights: Array,
    starts: Array,
    rows: Array,
    cols: Array,
    offsets: Array,
    eps: float,
    least: float,
    early: bool,
) -> Array:  # pragma: no cover
    """Whether the rows within eps of each row weigh at least `least`; `early`: no weight is negative."""
    n, n_cells = len(points), len(rows)
    total = np.zeros(n)
    full = np.zeros(n_cells, dtype=np.bool_)
    for c in range(n_cells):
        own = weights[starts[c] : starts[c + 1]].sum()
        total[starts[c] : starts[c + 1]] = own
        full[c] = early and own >= least
    limit = eps * eps
    for offset in offsets:
        lo = hi = 0
        for c in range(n_cells):
            row = rows[c] + offset
            while lo < n_cells and _below(rows[lo], cols[lo], row, cols[c] - REACH):
                lo += 1
            hi = max(hi, lo)
            while hi < n_cells and _below(rows[hi], cols[hi], row, cols[c] + REACH + 1):
                hi += 1
            if lo == hi or full[c]:
                continue
            complete = early
            for i in range(starts[c], starts[c + 1]):
                if early and total[i] >= least:
                    continue
                if offset == 0:  # the cell itself was counted at the start
                    total[i] += _weight_near(points, weights, i, starts[lo], starts[c], limit)
                    total[i] += _weight_near(points, weights, i, starts[c + 1], starts[hi], limit)
                else:
                    total[i] += _weight_near(points, weights, i, starts[lo], starts[hi], limit)
                complete = complete and total[i] >= least
            full[c] = complete
    return total >= least


@njit(nogil=True, cache=True)
def _near(points: Array, i: int, others: Array, a: int, b: int, limit: float) -> bool:  # pragma: no cover
    """Whether row i is within eps of any of the other rows a to b."""
    for j in range(a, b):
        dx, dy, dz = points[i, 0] - others[j, 0], points[i, 1] - others[j, 1], points[i, 2] - others[j, 2]
        if dx * dx + dy * dy + dz * dz <= limit:
            return True
    return False


@njit(nogil=True, cache=True)
def _touch(points: Array, a: int, b: int, c: int, d: int, limit: float) -> bool:  # pragma: no cover
    """Whether any of the rows a to b is within eps of any of the rows c to d."""
    for i in range(a, b):  # noqa: SIM110 (the compiler knows no any())
        if _near(points, i, points, c, d, limit):
            return True
    return False


@njit(nogil=True, cache=True)
def join_cells(
    points: Array, starts: Array, rows: Array, cols: Array, offsets: Array, eps: float
) -> Array:  # pragma: no cover
    """Component (its root cell) of each cell; `points` and `starts` hold core rows only."""
    n_cells = len(rows)
    parents = np.arange(n_cells)
    limit = eps * eps
    for offset in offsets:
        if offset < 0:  # pairs are symmetric
            continue
        lo = hi = 0
        for c in range(n_cells):
            row = rows[c] + offset
            first = cols[c] + 1 if offset == 0 else cols[c] - REACH
            while lo < n_cells and _below(rows[lo], cols[lo], row, first):
                lo += 1
            hi = max(hi, lo)
            while hi < n_cells and _below(rows[hi], cols[hi], row, cols[c] + REACH + 1):
                hi += 1
            if starts[c] == starts[c + 1] or starts[lo] == starts[hi]:
                continue
            for other in range(lo, hi):
                if starts[other] < starts[other + 1]:
                    a, b = find(parents, c), find(parents, other)
                    if a != b and _touch(
                        points, starts[c], starts[c + 1], starts[other], starts[other + 1], limit
                    ):
                        unite(parents, a, b)
    flatten(parents)
    return parents


@njit(nogil=True, cache=True)
def border_pairs(
    points: Array,
    asked: Array,
    starts: Array,
    core_points: Array,
    core_starts: Array,
    rows: Array,
    cols: Array,
    offsets: Array,
    components: Array,
    eps: float,
) -> tuple[Array, Array]:  # pragma: no cover
    """For the `asked` rows: pairs (row, component of a core row within eps), repeats left in.

    `components` has one entry a core row.
    """
    n_cells = len(rows)
    limit = eps * eps
    found_rows, found = np.empty(1024, dtype=np.int64), np.empty(1024, dtype=np.int64)
    latest = np.full(len(points), UNKNOWN)
    count = 0
    for offset in offsets:
        lo = hi = 0
        for c in range(n_cells):
            row = rows[c] + offset
            while lo < n_cells and _below(rows[lo], cols[lo], row, cols[c] - REACH):
                lo += 1
            hi = max(hi, lo)
            while hi < n_cells and _below(rows[hi], cols[hi], row, cols[c] + REACH + 1):
                hi += 1
            if core_starts[lo] == core_starts[hi]:
                continue
            for i in range(starts[c], starts[c + 1]):
                if not asked[i]:
                    continue
                x, y, z = points[i, 0], points[i, 1], points[i, 2]
                for j in range(core_starts[lo], core_starts[hi]):
                    if components[j] == latest[i]:
                        continue
                    dx, dy, dz = x - core_points[j, 0], y - core_points[j, 1], z - core_points[j, 2]
                    if dx * dx + dy * dy + dz * dz <= limit:
                        latest[i] = components[j]
                        if count == len(found):
                            found_rows = np.append(found_rows, np.empty_like(found_rows))
                            found = np.append(found, np.empty_like(found))
                        found_rows[count], found[count] = i, components[j]
                        count += 1
    return found_rows[:count], found[:count]
