"""Mean silhouettes: exact for small tables, estimated from sampled rows for large tables.

The estimate is the mean silhouette of sampled rows. All rows have the same chance to be sampled, so the estimate is
unbiased. The distances of a sampled row are computed to all rows of a cluster, and in a cluster of more than
`COMPARED_ROWS` rows to about so many of them: that changes a mean distance by less than a thousandth, which is little
beside the standard error, and the time of an estimate does not grow with the table.
"""

import math
from collections.abc import Sequence
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

from infra.arithmetic import ceil_div
from infra.engines import ArraySource, Blocks, BlockSource, Engine
from infra.engines.blocks import Block, Span
from infra.engines.collective import Communicator
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
COMPARED_ROWS = 2**17
"""Number of rows of a cluster up to which the sampled rows are compared with all of them."""
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
    rows = _rows(numbers, source, blocks, engine)
    found = np.empty((len(labelings), len(numbers)))
    for group in _groups(labelings.edges):
        edges = labelings.edges[group.start : group.stop + 1]
        slots = slice(int(edges[0]), int(edges[-1]))
        shares = _shares(labelings, group)
        at_once = max(1, MOST_SUMS // ((slots.stop - slots.start) * PANEL_ROWS)) * PANEL_ROWS
        for start in range(0, len(numbers), at_once):
            part = slice(start, start + at_once)
            sums, counts = engine.reduce(_sums, _added, blocks, rows[part], group, slots, shares)
            own = labelings.codes[group, numbers[part]] - edges[0]
            is_compared = _random(source.block_rows)[numbers[part] % source.block_rows] < shares[own]
            _from_sums(sums, own, edges - edges[0], counts, is_compared, found[group, part])
    return found


def _shares(labelings: Labelings, group: slice) -> Array:
    """Share of the rows in each slot that sampled rows are compared with, float64; 1 or more: all rows."""
    edges = labelings.edges[group.start : group.stop + 1]
    shares = COMPARED_ROWS / np.maximum(labelings.sizes[edges[0] : edges[-1]], 1)
    shares[edges[1:] - edges[0] - 1] = 0.0  # no silhouette depends on the distances to noise
    return np.asarray(shares)


def _random(block_rows: int) -> Array:
    """Random number of each row of a block, float64; the same for all blocks."""
    return np.random.default_rng(SEED).random(block_rows)


def _groups(edges: Array) -> list[slice]:
    """Consecutive labelings whose distances are added in one pass: as many as `MOST_SUMS` allows, at least one."""
    firsts = [0]
    for i in range(1, len(edges) - 1):
        if (edges[i + 1] - edges[firsts[-1]]) * PANEL_ROWS > MOST_SUMS:
            firsts.append(i)
    return [slice(first, last) for first, last in pairwise([*firsts, len(edges) - 1])]


def _rows(numbers: Array, source: BlockSource, blocks: Blocks, engine: Engine) -> Array:
    """Rows of those numbers, float64, from the workers that hold them."""
    if isinstance(source, ArraySource):
        return np.asarray(source.arrays[0][numbers], dtype=np.float64)
    parts = engine.run_group(_own_rows, blocks, blocks.spans, numbers, source.block_rows)
    return np.concatenate(parts)


def _own_rows(
    blocks: Sequence[Block],
    communicator: Communicator,
    spans: Sequence[Span],
    numbers: Array,
    block_rows: int,
) -> Array:
    """The rows of those numbers that are in the blocks of one member."""
    start = spans[communicator.rank].start * block_rows
    found = [np.empty((0, blocks[0][0].shape[1]))]
    for X, *_ in blocks:
        first, last = np.searchsorted(numbers, [start, start + len(X)])
        found.append(X[numbers[first:last] - start])
        start += len(X)
    return np.concatenate(found, dtype=np.float64)


def _sums(
    X: Array, codes: Array, rows: Array, group: slice, slots: slice, shares: Array
) -> tuple[Array, Array]:
    """Sums of the distances of `rows` to rows of a block, and the number of these rows, both for each slot.

    Returns
    -------
    sums : ndarray of shape (n_panels, n_slots + 1, PANEL_ROWS), float64
    counts : ndarray of shape (n_slots + 1,), int64
    """
    n_slots, panels = slots.stop - slots.start, ceil_div(len(rows), PANEL_ROWS)
    own = codes[:, group] - slots.start
    own[_random(len(X))[:, None] >= shares[own]] = n_slots  # the last slot is not used
    some = (own < n_slots).any(axis=1)
    compared = np.ascontiguousarray(own[some].T)
    padded = np.empty((panels * PANEL_ROWS, rows.shape[1]))
    padded[: len(rows)], padded[len(rows) :] = rows, rows[-1]
    sums = np.zeros((panels, n_slots + 1, PANEL_ROWS))
    columns = np.ascontiguousarray(padded.reshape(panels, PANEL_ROWS, -1).transpose(0, 2, 1))
    _add_distances(np.ascontiguousarray(X[some]), compared, columns, sums)
    return sums, np.bincount(compared.ravel(), minlength=n_slots + 1)


def _added(one: tuple[Array, Array], other: tuple[Array, Array]) -> tuple[Array, Array]:
    return one[0] + other[0], one[1] + other[1]


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
def _from_sums(
    sums: Array, own: Array, edges: Array, counts: Array, is_compared: Array, found: Array
) -> None:  # pragma: no cover
    sizes = counts.copy()
    for labeling in range(len(own)):
        first, noise = edges[labeling], edges[labeling + 1] - 1
        for i in range(own.shape[1]):
            panel, r = divmod(i, PANEL_ROWS)
            slot = own[labeling, i]
            sizes[slot] = counts[slot] + (not is_compared[labeling, i])  # the row itself is in its cluster
            found[labeling, i] = silhouette(sums[panel, :, r], sizes, first, noise, slot)
            sizes[slot] = counts[slot]
