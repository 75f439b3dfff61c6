"""The silhouette of each row for many labelings at once: every distance is computed once and serves all of them."""

import threading
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

import numpy as np
from numba import njit
from numpy.typing import NDArray

from infra.arithmetic import ceil_div
from infra.engines import BlockSource, Engine
from infra.engines.blocks import Span
from tasks.clustering.labelings import Labelings

Array = NDArray[Any]
PANEL_ROWS = 128  # rows in the innermost loops: enough for vector instructions to pay
TILE_ROWS = 32  # other rows that a panel meets at a time: the distances stay in the first-level cache
TASKS_PER_WORKER = 4


def silhouettes(source: BlockSource, labelings: Labelings, engine: Engine) -> Array:
    """Silhouette of each row in each labeling.

    The distances of a row are added in the order of the other rows, so that the result does not depend on the
    division of the work.

    Parameters
    ----------
    source : BlockSource
        Rows.
    labelings : Labelings
        Clusters of the rows.
    engine : Engine
        The engine that works.

    Returns
    -------
    ndarray of shape (n_labelings, n_rows), float64
    """
    ranges = _row_ranges(labelings.n_rows, engine.workers)
    parts = dict(engine.run(_silhouettes_of, ranges, shared=_LabelledRows(source, labelings)))
    return np.concatenate([parts[i] for i in range(len(ranges))], axis=1)


def _row_ranges(n_rows: int, workers: int) -> list[range]:
    """Rows of each task: whole panels, in nearly equal numbers."""
    panels = ceil_div(n_rows, PANEL_ROWS)
    count = min(panels, TASKS_PER_WORKER * workers)
    edges = [min(n_rows, PANEL_ROWS * (panels * i // count)) for i in range(count + 1)]
    return [range(start, stop) for start, stop in pairwise(edges)]


@dataclass
class _LabelledRows:
    """Rows and labelings for all tasks; each worker receives them once, and reads or converts all rows once."""

    source: BlockSource
    labelings: Labelings
    _rows: Array | None = None
    _lock: Any = field(default_factory=threading.Lock, repr=False)

    def rows(self) -> Array:
        with self._lock:
            if self._rows is None:
                blocks = self.source.load(Span(0, self.source.n_blocks))
                self._rows = np.concatenate([block[0] for block in blocks], dtype=np.float64)
            return self._rows

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_rows": None, "_lock": None}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__ = {**state, "_lock": threading.Lock()}


def _silhouettes_of(rows: range, labelled: _LabelledRows) -> Array:
    labelings = labelled.labelings
    found = np.empty((len(labelings), len(rows)))
    _silhouettes(
        labelled.rows(), rows.start, rows.stop, labelings.codes, labelings.edges, labelings.sizes, found
    )
    return found


@njit(nogil=True, cache=True)
def _silhouettes(
    X: Array, start: int, stop: int, codes: Array, edges: Array, sizes: Array, found: Array
) -> None:  # pragma: no cover
    """Write the silhouettes of the rows `start` to `stop` (exclusive).

    Each distance is computed twice, once for each of its two rows. To use it for both would save a square
    root, but the sums of the second row could not be added by vector instructions, which costs more.
    """
    n, d = X.shape
    panel = np.empty((d, PANEL_ROWS))
    distances = np.empty((TILE_ROWS, PANEL_ROWS))
    sums = np.empty((edges[-1], PANEL_ROWS))
    for first in range(start, stop, PANEL_ROWS):
        for r in range(PANEL_ROWS):
            for f in range(d):
                panel[f, r] = X[min(first + r, stop - 1), f]
        sums[:] = 0
        for top in range(0, n, TILE_ROWS):
            height = min(TILE_ROWS, n - top)
            panel_distances(X, top, height, panel, distances)
            for labeling in range(len(codes)):
                add_to_clusters(distances, height, codes[labeling], top, sums)
        for labeling in range(len(codes)):
            a, noise = edges[labeling], edges[labeling + 1] - 1
            for i in range(first, min(first + PANEL_ROWS, stop)):
                found[labeling, i - start] = silhouette(
                    sums[:, i - first], sizes, a, noise, codes[labeling, i]
                )


@njit(nogil=True, cache=True)
def panel_distances(
    X: Array, top: int, height: int, panel: Array, distances: Array
) -> None:  # pragma: no cover
    """Write the Euclidean distances of the rows of a panel to `height` rows from row `top` on.

    Parameters
    ----------
    X : ndarray of shape (n_rows, n_features)
        Rows.
    top : int
        Number of the first row.
    height : int
        Number of rows, at most `TILE_ROWS`.
    panel : ndarray of shape (n_features, PANEL_ROWS), float64
        Rows of the panel, one in each column.
    distances : ndarray of shape (TILE_ROWS, PANEL_ROWS), float64
        Distances, which are overwritten.
    """
    for j in range(height):
        for r in range(PANEL_ROWS):
            distances[j, r] = 0.0
        for f in range(X.shape[1]):
            x = X[top + j, f]
            for r in range(PANEL_ROWS):
                difference = panel[f, r] - x
                distances[j, r] += difference * difference
        for r in range(PANEL_ROWS):
            distances[j, r] = np.sqrt(distances[j, r])


@njit(nogil=True, cache=True)
def add_to_clusters(
    distances: Array, height: int, codes: Array, top: int, sums: Array
) -> None:  # pragma: no cover
    """Add the distances to `height` rows from row `top` on to the sums for the clusters of these rows.

    Parameters
    ----------
    distances : ndarray of shape (TILE_ROWS, PANEL_ROWS), float64
        Distances of the rows of a panel.
    height : int
        Number of rows.
    codes : ndarray of shape (n_rows,), int32
        Slot of each row in one labeling.
    top : int
        Number of the first row.
    sums : ndarray of shape (n_slots, PANEL_ROWS), float64
        Sums, changed in place.
    """
    for j in range(height):
        slot = codes[top + j]
        for r in range(PANEL_ROWS):
            sums[slot, r] += distances[j, r]


@njit(nogil=True, cache=True)
def silhouette(sums: Array, sizes: Array, first: int, noise: int, own: int) -> float:  # pragma: no cover
    """Silhouette of one row from its sums of distances; 0 for noise and for a cluster of one row.

    Parameters
    ----------
    sums : ndarray of shape (n_slots,), float64
        Sums of the distances of the row to the rows in each slot.
    sizes : ndarray of shape (n_slots,), int64
        Number of rows in each slot.
    first : int
        First slot of the labeling.
    noise : int
        Slot of the labeling's noise, which comes after the slots of its clusters.
    own : int
        Slot of the row.

    Returns
    -------
    float
    """
    if own == noise or sizes[own] == 1:
        return 0.0
    within = sums[own] / (sizes[own] - 1)
    nearest = np.inf
    for slot in range(first, noise):
        if slot != own:
            nearest = min(nearest, sums[slot] / sizes[slot])
    larger = max(within, nearest)
    return (nearest - within) / larger if larger > 0 else 0.0
