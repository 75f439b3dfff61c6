"""DBSCAN by regions of space: each region is clustered with a halo of the rows around it, then regions are joined."""

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from infra.engines import Blocks, Engine
from tasks.clustering.density import grid
from tasks.clustering.density.core import CoreCondition, DensityClustering
from tasks.clustering.density.grid import CoreRows, Grid
from tasks.clustering.kd_partition import KDPartition
from tasks.clustering.labelings import NOISE
from tasks.clustering.sources import WeightedRows
from tasks.clustering.union_find import roots_of_pairs

Array = NDArray[Any]
OUTER, INNER, OWN = 0, 1, 2  # place of a row: within 2 eps of a region, within eps of it, in it
NO_ROW = np.iinfo(np.int64).max


class RowComponents(NamedTuple):
    """Pairs of a row and a component."""

    rows: Array
    """int64, shape (m,): numbers of the rows among all rows."""
    components: Array
    """int64, shape (m,): component of core rows in the region."""


class RegionResult(NamedTuple):
    """Result for the rows of one region; components of core rows are numbered from 0 in each region."""

    rows: Array
    """int64, shape (n_own,): numbers of the region's own rows among all rows."""
    core: Array
    """bool, shape (n_own,): whether each of the own rows is a core row."""
    components: Array
    """int32, shape (n_own,): component of a core row, else -1."""
    first_rows: Array
    """int64, shape (n_components,): lowest number of a core row in each component, among the own rows."""
    halo_core: RowComponents
    """Core rows of the halo."""
    borders: RowComponents
    """Own rows that are no core rows, each with the components of the core rows within eps."""


def cluster(
    engine: Engine, blocks: Blocks, block_rows: int, partition: KDPartition, condition: CoreCondition
) -> DensityClustering:
    """Cluster rows of up to three columns by DBSCAN.

    Parameters
    ----------
    engine : Engine
        The engine that holds the blocks.
    blocks : Blocks
        Resident blocks, each with the arrays of `WeightedRows`.
    block_rows : int
        Number of rows of a block.
    partition : KDPartition
        Regions; each is clustered by one worker at once.
    condition : CoreCondition
        Condition for core rows.

    Notes
    -----
    A region receives the rows within 2 eps of its box. So its own rows, and the rows within eps of it, have
    all their neighbours there: which rows are core rows, and which core rows are neighbours, is known where it
    matters without communication between regions.
    """
    regions = engine.shuffle(_cut, blocks, len(partition), partition, block_rows, condition.eps)
    return join_regions(engine.map(_cluster_region, regions, condition))


def _cut(
    number: int, X: Array, weights: Array, partition: KDPartition, block_rows: int, eps: float
) -> list[tuple[Array, ...]]:
    """Rows of a block for every region: their numbers, their places (OUTER, INNER or OWN), and the rows."""
    index = np.arange(len(X)) + number * block_rows
    owner = partition.region_of(X)
    parts: list[tuple[Array, ...]] = []
    for region in range(len(partition)):
        # a single region covers the whole space
        here = np.flatnonzero(partition.is_near(X, region, 2 * eps)) if len(partition) > 1 else slice(None)
        rows = WeightedRows(X, weights).take(here)
        place = np.where(partition.is_near(rows.X, region, eps), INNER, OUTER)
        place[owner[here] == region] = OWN
        parts.append((index[here], place.astype(np.int8), rows.X, rows.weights))
    return parts


def _cluster_region(
    index: Array, place: Array, X: Array, weights: Array, condition: CoreCondition
) -> RegionResult:
    """Cluster the rows that one region has received."""
    if not (place == OWN).any():
        return _no_rows()
    cells = grid.arrange(X, condition.eps)
    index, place = index[cells.order], place[cells.order]
    core = grid.is_core(cells, WeightedRows(X, weights).weight_of_each()[cells.order], condition)
    core &= place != OUTER  # some neighbours of these rows are not here
    core_rows = grid.core_rows(cells, core)
    of_core = _components(cells, core_rows, condition.eps)
    of_row = np.full(len(X), NOISE)
    of_row[core] = of_core
    own = place == OWN
    border_rows, near = grid.border_pairs(cells, own & ~core, core_rows, of_core, condition.eps)
    own_core, halo_core = core & own, core & ~own
    return RegionResult(
        rows=index[own],
        core=core[own],
        components=of_row[own].astype(np.int32),
        first_rows=_first_rows(index[own_core], of_row[own_core], int(of_core.max(initial=NOISE)) + 1),
        halo_core=RowComponents(index[halo_core], of_row[halo_core]),
        borders=RowComponents(index[border_rows], near),
    )


def _no_rows() -> RegionResult:
    """Result of a region without rows of its own."""
    numbers: Array = np.empty(0, dtype=np.int64)
    no_pairs = RowComponents(numbers, numbers)
    return RegionResult(
        rows=numbers,
        core=np.empty(0, dtype=bool),
        components=np.empty(0, dtype=np.int32),
        first_rows=numbers,
        halo_core=no_pairs,
        borders=no_pairs,
    )


def _components(cells: Grid, core: CoreRows, eps: float) -> Array:
    """Component of each core row, numbered from 0."""
    roots = grid.join_cells(cells, core, eps)
    counts = np.diff(core.starts)
    of_cell = np.full(len(roots), NOISE)
    of_cell[counts > 0] = np.unique(roots[counts > 0], return_inverse=True)[1]
    return np.repeat(of_cell, counts)


def _first_rows(rows: Array, components: Array, n_components: int) -> Array:
    first_rows = np.full(n_components, NO_ROW)
    np.minimum.at(first_rows, components, rows)
    return first_rows


def join_regions(regions: list[RegionResult]) -> DensityClustering:
    """Labels of all rows: components that share a core row are one cluster.

    Clusters are numbered by their first core rows. A row that is within eps of core rows of several clusters
    gets the lowest of their numbers: scikit-learn, which grows one cluster after the other in this order,
    gives it the same.
    """
    n = sum(len(region.rows) for region in regions)
    offsets = np.cumsum([0, *(len(region.first_rows) for region in regions)])
    component: Array = np.full(n, NOISE)
    core = np.zeros(n, dtype=bool)
    for region, offset in zip(regions, offsets, strict=False):
        core[region.rows] = region.core
        component[region.rows] = np.where(region.core, region.components + offset, NOISE)
    links = [np.empty((0, 2), dtype=np.int64)]
    for region, offset in zip(regions, offsets, strict=False):
        same = np.column_stack([component[region.halo_core.rows], region.halo_core.components + offset])
        links.append(np.unique(same, axis=0))
    number = _cluster_numbers(
        np.concatenate(links), np.concatenate([region.first_rows for region in regions])
    )
    labels: Array = np.where(core, number[component], NOISE) if len(number) else component
    for region, offset in zip(regions, offsets, strict=False):
        labels[region.borders.rows] = len(number)  # above every cluster
        np.minimum.at(labels, region.borders.rows, number[region.borders.components + offset])
    return DensityClustering(labels, core)


def _cluster_numbers(links: Array, first_rows: Array) -> Array:
    """Cluster of each component; `links`, shape (m, 2), are components of the same cluster."""
    roots = roots_of_pairs(len(first_rows), links)
    first_of_root = _first_rows(first_rows, roots, len(first_rows))
    # an item that is no root has no first row: it comes after all roots
    return np.asarray(np.argsort(np.argsort(first_of_root)))[roots]
