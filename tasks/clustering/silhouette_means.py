"""Mean silhouettes: exact for small tables, estimated from sampled rows for large tables.

The estimate is the mean silhouette of sampled rows. The silhouette of a sampled row is exact, because its distances
to all rows of the table are computed. All rows have the same chance to be sampled, so the estimate is unbiased.
"""

import math
from collections.abc import Iterator
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

from infra.arithmetic import ceil_div
from infra.engines import Blocks, BlockSource, Engine
from tasks.clustering.labelings import Labelings
from tasks.clustering.silhouettes import (
    PANEL_ROWS,
    TILE_ROWS,
    add_to_clusters,
    panel_distances,
    silhouette,
    silhouettes,
)

Array = NDArray[Any]
EXACT_ROWS = 20_000
"""Number of rows up to which the silhouette of every row is computed."""
SAMPLED_ROWS = 1_024  # an error of about 0.005; a million rows of 28 columns take two seconds on two cores
SEED = 0  # of the sample
MOST_SUMS = 2**22  # numbers that a worker adds for each block: 32 MiB


class MeanSilhouette(NamedTuple):
    """Mean silhouette of a labeling."""

    mean: float
    error: float | None
    """Standard error of an estimate; None where the mean is exact."""


def is_estimated(n_rows: int) -> bool:
    """Whether the mean silhouette of so many rows is an estimate."""
    return n_rows > EXACT_ROWS


def mean_silhouettes(
    source: BlockSource, labelings: Labelings, blocks: Blocks, engine: Engine
) -> list[MeanSilhouette]:
    """Mean silhouette of each labeling.

    The sampled rows depend on the number of rows alone, so that all labelings of a table have the same ones.

    Parameters
    ----------
    source : BlockSource
        Rows.
    labelings : Labelings
        Clusters of the rows.
    blocks : Blocks
        The same rows on the engine, each block with the slots of its rows, int32, shape (n, n_labelings).
    engine : Engine
        The engine that works.
    """
    if not is_estimated(source.n_rows):
        return [MeanSilhouette(float(row.mean()), None) for row in silhouettes(source, labelings, engine)]
    numbers = sampled_rows(source.n_rows)
    found = _silhouettes_of_rows(numbers, source, labelings, blocks, engine)
    left_out = 1 - len(numbers) / source.n_rows
    errors = found.std(axis=1, ddof=1) * math.sqrt(left_out / len(numbers))
    return [MeanSilhouette(float(row.mean()), float(error)) for row, error in zip(found, errors, strict=True)]


def sampled_rows(n_rows: int) -> Array:
    """Numbers of the sampled rows of a table, ascending; int64, shape (SAMPLED_ROWS,)."""
    return np.sort(np.random.default_rng(SEED).choice(n_rows, SAMPLED_ROWS, replace=False))


def _silhouettes_of_rows(
    numbers: Array, source: BlockSource, labelings: Labelings, blocks: Blocks, engine: Engine
) -> Array:
    """Silhouettes of some rows in each labeling, float64, shape (n_labelings, len(numbers))."""
    rows = _rows(numbers, source)
    found = np.empty((len(labelings), len(numbers)))
    for group in _groups(labelings.edges):
        edges = labelings.edges[group.start : group.stop + 1]
        slots = slice(int(edges[0]), int(edges[-1]))
        at_once = max(1, MOST_SUMS // ((slots.stop - slots.start) * PANEL_ROWS)) * PANEL_ROWS
        for start in range(0, len(numbers), at_once):
            part = slice(start, start + at_once)
            sums = engine.reduce(_sums, np.add, blocks, rows[part], group, slots)
            own = labelings.codes[group, numbers[part]] - edges[0]
            _from_sums(sums, own, edges - edges[0], labelings.sizes[slots], found[group, part])
    return found


def _groups(edges: Array) -> list[slice]:
    """Consecutive labelings whose distances are added in one pass: as many as `MOST_SUMS` allows, at least one."""
    firsts = [0]
    for i in range(1, len(edges) - 1):
        if (edges[i + 1] - edges[firsts[-1]]) * PANEL_ROWS > MOST_SUMS:
            firsts.append(i)
    return [slice(first, last) for first, last in pairwise([*firsts, len(edges) - 1])]


def _rows(numbers: Array, source: BlockSource) -> Array:
    """Rows of those numbers, float64; only one block is in memory at a time."""

    def parts() -> Iterator[Array]:
        for block in np.unique(numbers // source.block_rows):
            start = block * source.block_rows
            first, last = np.searchsorted(numbers, [start, start + source.block_rows])
            yield source.block(int(block))[0][numbers[first:last] - start]

    return np.concatenate(list(parts()), dtype=np.float64)


def _sums(X: Array, codes: Array, rows: Array, group: slice, slots: slice) -> Array:
    """Sums of the distances of `rows` to the rows of a block in each slot; shape (n_panels, n_slots, PANEL_ROWS)."""
    panels = ceil_div(len(rows), PANEL_ROWS)
    padded = np.empty((panels * PANEL_ROWS, rows.shape[1]))
    padded[: len(rows)], padded[len(rows) :] = rows, rows[-1]
    sums = np.zeros((panels, slots.stop - slots.start, PANEL_ROWS))
    columns = np.ascontiguousarray(padded.reshape(panels, PANEL_ROWS, -1).transpose(0, 2, 1))
    _add_distances(X, np.ascontiguousarray(codes[:, group].T - slots.start), columns, sums)
    return sums


@njit(nogil=True, cache=True)
def _add_distances(X: Array, codes: Array, panels: Array, sums: Array) -> None:  # pragma: no cover
    distances = np.empty((TILE_ROWS, PANEL_ROWS))
    for p in range(len(panels)):
        for top in range(0, len(X), TILE_ROWS):
            height = min(TILE_ROWS, len(X) - top)
            panel_distances(X, top, height, panels[p], distances)
            for labeling in range(len(codes)):
                add_to_clusters(distances, height, codes[labeling], top, sums[p])


@njit(nogil=True, cache=True)
def _from_sums(sums: Array, own: Array, edges: Array, sizes: Array, found: Array) -> None:  # pragma: no cover
    for labeling in range(len(own)):
        first, noise = edges[labeling], edges[labeling + 1] - 1
        for i in range(own.shape[1]):
            panel, r = divmod(i, PANEL_ROWS)
            found[labeling, i] = silhouette(sums[panel, :, r], sizes, first, noise, own[labeling, i])
