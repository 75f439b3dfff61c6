"""DBSCAN in up to three dimensions: kernels on the rows of one region, sorted into the cells of a grid.

The diagonal of a cell is eps. So all rows of a cell are neighbours, and the neighbours of a row lie within two
cells of its own along every axis.

References
----------
Gan and Tao, "DBSCAN revisited" (2015), section 2.2.
"""

from typing import Any, NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

from tasks.clustering.density.core import CoreCondition
from tasks.clustering.union_find import find, flatten, unite

Array = NDArray[Any]

MOST_DIMENSIONS = 3
REACH = 2  # cells; ceil(sqrt(d)) for d of 2 and 3
SHRINK = 1 - 2.0**-20  # more than rounding can move a row that is up to 2**31 cells from the origin
MOST_CELLS = 2.0**31
UNKNOWN = -1


class Grid(NamedTuple):
    """Rows sorted by cell.

    A cell has a line (its number along all axes but the last, as one integer) and a column (its number along
    the last axis); cells are sorted by line, then by column.
    """

    order: Array
    """int64, shape (n,): original position of each sorted row."""
    points: Array
    """float64, shape (n, 3): sorted rows; axes that are missing are zero."""
    starts: Array
    """int64, shape (n_cells + 1,): first row of each cell."""
    lines: Array
    """int64, shape (n_cells,): line of each cell."""
    columns: Array
    """int64, shape (n_cells,): column of each cell."""
    offsets: Array
    """int64: differences between the lines of two cells that may hold neighbours; 0 is among them."""


class CoreRows(NamedTuple):
    """Core rows of a grid, in its order."""

    points: Array
    """float64, shape (n_core, 3)."""
    starts: Array
    """int64, shape (n_cells + 1,): first core row of each cell."""


def arrange(X: Array, eps: float) -> Grid:
    """Sort rows, shape (n, up to 3), into the cells of a grid for `eps`."""
    n, d = X.shape
    side = eps / np.sqrt(d) * SHRINK
    axes = [_cells_along(X[:, j].astype(np.float64), side) for j in range(d)]
    lines: Array = np.zeros(n, dtype=np.int64)
    offsets: Array = np.zeros(1, dtype=np.int64)
    steps = np.arange(-REACH, REACH + 1)
    for cells in axes[:-1]:
        stride = int(cells.max()) + 2 * REACH + 1  # so that a step along an axis never ends in another line
        lines = lines * stride + cells
        offsets = (offsets[:, None] * stride + steps).ravel()
    columns = axes[-1]
    order = _sorted_order(lines, columns)
    lines, columns = lines[order], columns[order]
    first = np.flatnonzero(np.r_[True, (lines[1:] != lines[:-1]) | (columns[1:] != columns[:-1])])
    points = np.zeros((n, MOST_DIMENSIONS))
    points[:, :d] = X[order]
    return Grid(order, points, np.r_[first, n], lines[first], columns[first], offsets)


def _cells_along(x: Array, side: float) -> Array:
    """Cell of each coordinate along one axis."""
    cells: Array = np.floor((x - x.min()) / side)
    if cells.max() < MOST_CELLS:
        return cells.astype(np.int64)
    # far outliers: only which cells are within reach of each other matters, so wide gaps are shortened
    values, inverse = np.unique(cells, return_inverse=True)
    gaps = np.minimum(np.diff(values, prepend=values[0]), REACH + 1)
    return np.asarray(np.cumsum(gaps).astype(np.int64)[inverse])


def _sorted_order(lines: Array, columns: Array) -> Array:
    width = int(columns.max()) + 1
    if (float(lines.max()) + 1) * width < 2.0**62:
        return np.asarray(np.argsort(lines * width + columns))
    return np.asarray(np.lexsort((columns, lines)))


def is_core(grid: Grid, weights: Array, condition: CoreCondition) -> Array:
    """Whether each row is a core row; bool, shape (n,).

    Parameters
    ----------
    grid : Grid
    weights : ndarray of shape (n,), float64
        Weights of the rows in the order of the grid.
    condition : CoreCondition
    """
    eps, min_weight, nonnegative_weights = condition
    core: Array = _is_core(grid, weights, eps, float(min_weight), nonnegative_weights)
    return core


def core_rows(grid: Grid, core: Array) -> CoreRows:
    """Core rows of each cell; `core`, bool, shape (n,), says which rows of the grid are core rows."""
    return CoreRows(grid.points[core], np.r_[0, np.cumsum(core)][grid.starts])


@njit(nogil=True, cache=True)
def _is_before(line: int, column: int, other_line: int, other_column: int) -> bool:  # pragma: no cover
    return line < other_line or (line == other_line and column < other_column)


@njit(nogil=True, cache=True)
def _advance(
    lines: Array, columns: Array, start: int, stop: int, line: int, first: int, last: int
) -> tuple[int, int]:  # pragma: no cover
    """Move a window of cells forward to the columns `first` to `last` (inclusive) of a line."""
    n_cells = len(lines)
    while start < n_cells and _is_before(lines[start], columns[start], line, first):
        start += 1
    stop = max(stop, start)
    while stop < n_cells and _is_before(lines[stop], columns[stop], line, last + 1):
        stop += 1
    return start, stop


@njit(nogil=True, cache=True)
def _weight_near(
    points: Array, weights: Array, i: int, start: int, stop: int, limit: float
) -> float:  # pragma: no cover
    """Weight of the rows `start` to `stop` (exclusive) that are within eps of row i."""
    x, y, z = points[i, 0], points[i, 1], points[i, 2]
    found = 0.0
    for j in range(start, stop):
        dx, dy, dz = x - points[j, 0], y - points[j, 1], z - points[j, 2]
        if dx * dx + dy * dy + dz * dz <= limit:
            found += weights[j]
    return found


@njit(nogil=True, cache=True)
def _is_core(
    grid: Grid, weights: Array, eps: float, min_weight: float, stop_early: bool
) -> Array:  # pragma: no cover
    points, starts, lines, columns = grid.points, grid.starts, grid.lines, grid.columns
    n, n_cells = len(points), len(lines)
    total = np.zeros(n)
    complete = np.zeros(n_cells, dtype=np.bool_)
    for c in range(n_cells):
        own = weights[starts[c] : starts[c + 1]].sum()
        total[starts[c] : starts[c + 1]] = own
        complete[c] = stop_early and own >= min_weight
    limit = eps * eps
    for offset in grid.offsets:
        lo = hi = 0
        for c in range(n_cells):
            lo, hi = _advance(
                lines, columns, lo, hi, lines[c] + offset, columns[c] - REACH, columns[c] + REACH
            )
            if lo == hi or complete[c]:
                continue
            all_core = stop_early
            for i in range(starts[c], starts[c + 1]):
                if stop_early and total[i] >= min_weight:
                    continue
                if offset == 0:  # the cell itself was counted at the start
                    total[i] += _weight_near(points, weights, i, starts[lo], starts[c], limit)
                    total[i] += _weight_near(points, weights, i, starts[c + 1], starts[hi], limit)
                else:
                    total[i] += _weight_near(points, weights, i, starts[lo], starts[hi], limit)
                all_core = all_core and total[i] >= min_weight
            complete[c] = all_core
    return total >= min_weight


@njit(nogil=True, cache=True)
def _any_within(
    points: Array, start: int, stop: int, other_start: int, other_stop: int, limit: float
) -> bool:  # pragma: no cover
    """Whether two rows, one of each of two ranges (ends exclusive), are within eps."""
    for i in range(start, stop):
        x, y, z = points[i, 0], points[i, 1], points[i, 2]
        for j in range(other_start, other_stop):
            dx, dy, dz = x - points[j, 0], y - points[j, 1], z - points[j, 2]
            if dx * dx + dy * dy + dz * dz <= limit:
                return True
    return False


@njit(nogil=True, cache=True)
def join_cells(grid: Grid, core: CoreRows, eps: float) -> Array:  # pragma: no cover
    """Join cells whose core rows are within eps.

    Parameters
    ----------
    grid : Grid
    core : CoreRows
        Core rows of the grid.
    eps : float
        Largest distance of two neighbours.

    Returns
    -------
    ndarray of shape (n_cells,), int64
        Lowest of the cells that each cell is joined with.
    """
    lines, columns, starts = grid.lines, grid.columns, core.starts
    n_cells = len(lines)
    parents = np.arange(n_cells)
    limit = eps * eps
    for offset in grid.offsets:
        if offset < 0:  # pairs are symmetric
            continue
        lo = hi = 0
        for c in range(n_cells):
            first = columns[c] + 1 if offset == 0 else columns[c] - REACH
            lo, hi = _advance(lines, columns, lo, hi, lines[c] + offset, first, columns[c] + REACH)
            if starts[c] == starts[c + 1] or starts[lo] == starts[hi]:
                continue
            for other in range(lo, hi):
                if starts[other] < starts[other + 1]:
                    a, b = find(parents, c), find(parents, other)
                    if a != b and _any_within(
                        core.points, starts[c], starts[c + 1], starts[other], starts[other + 1], limit
                    ):
                        unite(parents, a, b)
    flatten(parents)
    return parents


@njit(nogil=True, cache=True)
def border_pairs(
    grid: Grid, wanted: Array, core: CoreRows, components: Array, eps: float
) -> tuple[Array, Array]:  # pragma: no cover
    """Find the components of core rows within eps of some rows.

    Parameters
    ----------
    grid : Grid
    wanted : ndarray of shape (n,), bool
        Whether components are wanted for each row, in the order of the grid.
    core : CoreRows
        Core rows of the grid.
    components : ndarray of shape (n_core,), int64
        Component of each core row.
    eps : float
        Largest distance of two neighbours.

    Returns
    -------
    rows : ndarray of shape (n_pairs,), int64
        Place of a row in the grid.
    found : ndarray of shape (n_pairs,), int64
        Component near this row; a pair may be there more than once.
    """
    points, starts, lines, columns = grid.points, grid.starts, grid.lines, grid.columns
    core_points, core_starts = core.points, core.starts
    n_cells = len(lines)
    limit = eps * eps
    found_rows, found = np.empty(1024, dtype=np.int64), np.empty(1024, dtype=np.int64)
    latest = np.full(len(points), UNKNOWN)
    count = 0
    for offset in grid.offsets:
        lo = hi = 0
        for c in range(n_cells):
            lo, hi = _advance(
                lines, columns, lo, hi, lines[c] + offset, columns[c] - REACH, columns[c] + REACH
            )
            if core_starts[lo] == core_starts[hi]:
                continue
            for i in range(starts[c], starts[c + 1]):
                if not wanted[i]:
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
