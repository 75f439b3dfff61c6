"""DBSCAN by regions of space: each is clustered with a halo of its neighbours' rows, then the parts are joined."""

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from infra.engines import Blocks, Engine
from tasks.clustering.density import grid
from tasks.clustering.forest import roots_of
from tasks.clustering.labelings import NOISE
from tasks.clustering.regions import Regions

Array = NDArray[Any]
OUTER, INNER, OWN = 0, 1, 2  # where a row lies: within 2 eps of a region's box, within eps, in it


class Density(NamedTuple):
    """What makes a row a core row."""

    eps: float
    least: float
    """Weight of the neighbours of a core row, itself included (scikit-learn's `min_samples`)."""
    nonnegative: bool
    """No weight is negative, so that counting may stop early."""


class Clustering(NamedTuple):
    """What DBSCAN finds."""

    labels: Array
    """int64, shape (n_samples,): cluster, or -1."""
    core: Array
    """bool, shape (n_samples,)."""


class Part(NamedTuple):
    """What one region tells the driver; components are numbered from 0 in each region."""

    rows: Array
    """int64, shape (n_own,): numbers of the region's own rows."""
    core: Array
    """bool, shape (n_own,)."""
    components: Array
    """int32, shape (n_own,): component of a core row, else -1."""
    firsts: Array
    """int64, shape (n_components,): lowest number of a core row of the region's own in each component."""
    links: Array
    """int64, shape (m, 2): core rows of the halo, and the component each has here."""
    borders: Array
    """int64, shape (m, 2): own rows that are not core, and components of core rows near them."""


def clustered(
    engine: Engine, blocks: Blocks, block_rows: int, regions: Regions, density: Density
) -> Clustering:
    """DBSCAN of resident blocks `(X, [weights])` of up to three columns.

    Notes
    -----
    A region receives the rows within 2 eps of its box: its own rows and those within eps have all their
    neighbours there, so that what is core, and who touches whom, is known where it matters without asking.
    """
    cut = engine.shuffle(_cut, blocks, len(regions), regions, block_rows, density.eps)
    return join(engine.map(_part, cut, density))


def _cut(number: int, X: Array, *rest: Any) -> list[tuple[Array, ...]]:
    """Rows of a block for every region: their numbers, whether they are its own, and the rows."""
    *weights, regions, block_rows, eps = rest
    index = np.arange(len(X)) + number * block_rows
    owner = regions.of(X)
    parts = []
    for region in range(len(regions)):
        # one region is all of space
        here = np.flatnonzero(regions.near(X, region, 2 * eps)) if len(regions) > 1 else slice(None)
        place = np.where(regions.near(X[here], region, eps), INNER, OUTER)
        place[owner[here] == region] = OWN
        parts.append((index[here], place.astype(np.int8), *(array[here] for array in (X, *weights))))
    return parts


def _part(index: Array, place: Array, X: Array, *rest: Any) -> Part:
    """One region's clustering."""
    *given, density = rest
    if not (place == OWN).any():
        return Part(
            *(np.empty(0, dtype) for dtype in (int, bool, np.int32, int)), *[np.empty((0, 2), int)] * 2
        )
    order, points, starts, *cells = grid.arrange(X, density.eps)
    weights = given[0][order] if given else np.ones(len(X))
    core = grid.core_rows(
        points, weights, starts, *cells, density.eps, float(density.least), density.nonnegative
    )
    index, place = index[order], place[order]
    core &= place != OUTER  # some of their neighbours are not here
    core_points, core_starts = points[core], np.r_[0, np.cumsum(core)][starts]
    roots = grid.join_cells(core_points, core_starts, *cells, density.eps)
    has_core = core_starts[1:] > core_starts[:-1]
    component_of_cell = np.full(len(roots), NOISE)
    component_of_cell[has_core] = np.unique(roots[has_core], return_inverse=True)[1]
    own = place == OWN
    of_core = np.repeat(component_of_cell, np.diff(core_starts))
    of_row = np.full(len(X), NOISE)
    of_row[core] = of_core
    rows, near = grid.border_pairs(
        points, own & ~core, starts, core_points, core_starts, *cells, of_core, density.eps
    )
    foreign = core & ~own
    return Part(
        index[own],
        core[own],
        of_row[own].astype(np.int32),
        _firsts(index, of_row, own & core, int(component_of_cell.max()) + 1),
        np.column_stack([index[foreign], of_row[foreign]]),
        np.column_stack([index[rows], near]),
    )


def _firsts(index: Array, components: Array, counted: Array, n_components: int) -> Array:
    firsts = np.full(n_components, np.iinfo(np.int64).max)
    np.minimum.at(firsts, components[counted], index[counted])
    return firsts


def join(parts: list[Part]) -> Clustering:
    """Labels of all rows: components that share a row are one cluster, clusters are numbered by first rows.

    A row near core rows of several clusters takes the lowest of their numbers: the one that scikit-learn,
    which grows its clusters one after the other in that order, gives it.
    """
    n = sum(len(part.rows) for part in parts)
    offsets = np.cumsum([0, *(len(part.firsts) for part in parts)])
    component: Array = np.full(n, NOISE)
    core = np.zeros(n, dtype=bool)
    for part, offset in zip(parts, offsets, strict=False):
        core[part.rows] = part.core
        component[part.rows] = np.where(part.core, part.components + offset, NOISE)
    links = [np.empty((0, 2), dtype=np.int64)]
    for part, offset in zip(parts, offsets, strict=False):
        pairs = np.column_stack([component[part.links[:, 0]], part.links[:, 1] + offset])
        links.append(np.unique(pairs, axis=0))
    number = _numbers(np.concatenate(links), np.concatenate([part.firsts for part in parts]))
    labels: Array = np.where(core, number[component], NOISE) if len(number) else component
    for part, offset in zip(parts, offsets, strict=False):
        rows, components = part.borders.T
        labels[rows] = len(number)  # above every cluster
        np.minimum.at(labels, rows, number[components + offset])
    return Clustering(labels, core)


def _numbers(links: Array, firsts: Array) -> Array:
    """Cluster of each component."""
    roots = roots_of(len(firsts), links)
    first = np.full(len(firsts), np.iinfo(np.int64).max)
    np.minimum.at(first, roots, firsts)
    return np.asarray(np.argsort(np.argsort(first)))[roots]  # no more than roots have a first row
