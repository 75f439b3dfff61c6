"""DBSCAN for many settings at once: one scan of the neighbourhoods serves every eps and min_samples.

For a growing eps core rows stay core and clusters only merge: each eps starts from the clusters of the one
before, and looks only where something is not one cluster yet.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

from tasks.clustering.density.halo import Clustering
from tasks.clustering.density.leaves import (
    ROUNDING,
    Leaves,
    one_tree,
    row_gap,
    sort_into_leaves,
    squared_distances,
)
from tasks.clustering.forest import find, unite

Array = NDArray[Any]
NO_CORE, SEVERAL = -2, -1  # in place of a leaf's tree
APART, NOTHING_NEW, JOINED = 0, 1, 2  # how two leaves meet: no core rows within eps, all of one tree, or not


class Near(NamedTuple):
    """Leaves near each leaf, nearest first, itself included."""

    starts: Array
    """int64, shape (n_leaves + 1,)."""
    partners: Array
    """int32."""
    within: Array
    """int64, shape (n_leaves, n_radii): how many may hold rows within each radius."""


@dataclass(frozen=True)
class Neighbourhoods:
    """What all settings share: rows in leaves, which leaves are near, how many neighbours each row has."""

    radii: Array
    """float64, shape (n_radii,): the values of eps, ascending."""
    order: Array
    """int64, shape (n,): number of the row at each place in the leaves."""
    leaves: Leaves
    near: Near
    counts: Array
    """int32, shape (n, n_radii): rows within each radius, itself included; exact up to the largest
    `min_samples`, which stands for all higher numbers."""

    def clusterings(self, min_samples: Iterable[int]) -> dict[tuple[float, int], Clustering]:
        """DBSCAN's answer for every (radius, min_samples); the largest that was counted to is the limit."""
        n, n_radii = self.counts.shape
        places = np.empty(n, dtype=np.int64)
        places[self.order] = np.arange(n)
        apart = np.zeros(len(self.near.partners), dtype=np.int16)
        found = {}
        for least in sorted(set(min_samples)):  # what is core for more is core for less
            core = np.ascontiguousarray((self.counts >= least).T)
            labels = np.empty((n_radii, n), dtype=np.int64)
            _grow(self.leaves, *self.near, self.radii, core, self.counts, places, apart, labels)
            for r, radius in enumerate(self.radii.tolist()):
                found[radius, least] = Clustering(labels[r][places], core[r][places])
        return found


def neighbourhoods(X: Array, eps: Sequence[float], min_samples: int) -> Neighbourhoods:
    """Scan the rows of `X`, float32 or float64 (n, n_features), n at least 1.

    Parameters
    ----------
    eps : sequence of float
        All values of interest.
    min_samples : int
        The largest value of interest.
    """
    radii = np.unique(np.asarray(eps, dtype=np.float64))
    order, leaves = sort_into_leaves(X.astype(np.float64))
    near = _near(leaves, radii)
    counts = np.zeros((len(X), len(radii)), dtype=np.int32)
    _count(leaves, *near, radii, min_samples, counts)
    return Neighbourhoods(radii, order, leaves, near, counts)


def _near(leaves: Leaves, radii: Array) -> Near:
    limits = radii**2 * (1 + ROUNDING)
    boxes = np.ascontiguousarray(leaves.lows.T), np.ascontiguousarray(leaves.highs.T)
    within = np.zeros((len(leaves.lows), len(radii)), dtype=np.int64)
    _scan_boxes(*boxes, limits, within, np.empty(0, dtype=np.int32), False)
    within = np.cumsum(within, axis=1)
    starts = np.r_[0, np.cumsum(within[:, -1])]
    partners = np.empty(starts[-1], dtype=np.int32)
    nexts = np.column_stack([starts[:-1], starts[:-1, None] + within[:, :-1]])
    _scan_boxes(*boxes, limits, nexts, partners, True)
    for p, start in enumerate(starts[:-1]):  # itself first: it holds most neighbours
        at = start + np.flatnonzero(partners[start : start + within[p, 0]] == p)[0]
        partners[start], partners[at] = p, partners[start]
    return Near(starts, partners, within)


@njit(nogil=True, cache=True)
def _scan_boxes(
    lows: Array, highs: Array, limits: Array, nexts: Array, partners: Array, fill: bool
) -> None:  # pragma: no cover
    """Count each box's partners by the first limit they are within; with `fill`, write them instead."""
    d, n = lows.shape
    squared = np.empty(n)
    for p in range(n):
        squared[:] = 0
        for k in range(d):
            low, high = lows[k, p], highs[k, p]
            for q in range(n):
                gap = max(0.0, max(lows[k, q] - high, low - highs[k, q]))
                squared[q] += gap * gap
        for q in range(n):
            if squared[q] <= limits[-1]:
                first = np.searchsorted(limits, squared[q])
                if fill:
                    partners[nexts[p, first]] = q
                nexts[p, first] += 1


@njit(nogil=True, cache=True)
def _count(
    leaves: Leaves, starts: Array, partners: Array, within: Array, radii: Array, most: int, counts: Array
) -> None:  # pragma: no cover
    """Count each row's neighbours; a row that has `most` at one radius needs no look at the next."""
    squared = np.empty(leaves.columns.shape[1])
    for p in range(len(leaves.lows)):
        for i in range(leaves.starts[p], leaves.starts[p + 1]):
            for r in range(len(radii)):
                limit = radii[r] * radii[r]
                found = 0
                for k in range(starts[p], starts[p] + within[p, r]):
                    q = partners[k]
                    if row_gap(leaves, i, leaves, q) > limit * (1 + ROUNDING):
                        continue
                    first, last = leaves.starts[q], leaves.starts[q + 1]
                    squared_distances(leaves.columns, i, leaves.columns, first, last, squared)
                    for j in range(last - first):
                        found += squared[j] <= limit
                    if found >= most:
                        break
                if found >= most:
                    counts[i, r:] = most
                    break
                counts[i, r] = found


@njit(nogil=True, cache=True)
def _grow(
    leaves: Leaves, starts: Array, partners: Array, within: Array, radii: Array, core: Array, counts: Array,
    places: Array, apart: Array, labels: Array,
) -> None:  # pragma: no cover # fmt: skip
    """Write the labels of every radius, each from the forest of the one before.

    `apart` has, for each partner, the number of radii at which it is known to touch no core row of the leaf.
    """
    n = len(places)
    parents, cluster = np.arange(n), np.empty(n, dtype=np.int64)
    trees = np.empty(len(leaves.lows), dtype=np.int64)
    for r in range(len(radii)):
        _join(leaves, starts, partners, within[:, r], radii[r], r, core[r], parents, apart, trees)
        cluster[:] = -1
        found = 0
        for place in places:  # in the order of the rows: clusters are numbered by their first core row
            if core[r, place]:
                root = find(parents, place)
                if cluster[root] < 0:
                    cluster[root] = found
                    found += 1
                labels[r, place] = cluster[root]
        _label_borders(
            leaves, starts, partners, within[:, r], radii[r], core[r], counts[:, r], parents, trees, cluster,
            labels[r],
        )  # fmt: skip


@njit(nogil=True, cache=True)
def _join(
    leaves: Leaves, starts: Array, partners: Array, within: Array, eps: float, r: int, core: Array,
    parents: Array, apart: Array, trees: Array,
) -> None:  # pragma: no cover # fmt: skip
    """Join the trees of core rows within eps, and tell each leaf's tree."""
    squared = np.empty(leaves.columns.shape[1])
    for p in range(len(trees)):  # each by itself first: most are one tree then, and pairs of them soon done
        first, last = leaves.starts[p], leaves.starts[p + 1]
        trees[p] = one_tree(parents, 0, core, first, last)
        if trees[p] == SEVERAL:
            _join_leaves(leaves, p, p, trees[p], eps, core, parents, squared)
            trees[p] = one_tree(parents, 0, core, first, last)
    for p in range(len(trees)):
        for k in range(starts[p], starts[p] + within[p]):
            q = partners[k]
            if q <= p or apart[k] > r or trees[p] == NO_CORE or trees[q] == NO_CORE:
                continue
            if trees[p] >= 0 and trees[q] >= 0 and find(parents, trees[p]) == find(parents, trees[q]):
                continue
            met = _join_leaves(leaves, p, q, trees[q], eps, core, parents, squared)
            if met == APART:
                apart[k] = r + 1
            if met != JOINED:
                continue
            trees[p] = one_tree(parents, 0, core, leaves.starts[p], leaves.starts[p + 1])
            trees[q] = one_tree(parents, 0, core, leaves.starts[q], leaves.starts[q + 1])


@njit(nogil=True, cache=True)
def _join_leaves(
    leaves: Leaves, p: int, q: int, tree: int, eps: float, core: Array, parents: Array, squared: Array
) -> int:  # pragma: no cover
    """Join the trees of core rows of two leaves within eps, and tell how they met; `tree` is leaf q's."""
    met = APART
    limit = eps * eps
    first, last = leaves.starts[q], leaves.starts[q + 1]
    for i in range(leaves.starts[p], leaves.starts[p + 1]):
        if not core[i]:
            continue
        own = find(parents, i)
        if tree >= 0 and find(parents, tree) == own:
            met = max(met, NOTHING_NEW)
            continue
        if row_gap(leaves, i, leaves, q) > limit * (1 + ROUNDING):
            continue
        squared_distances(leaves.columns, i, leaves.columns, first, last, squared)
        for j in range(last - first):
            if core[first + j] and squared[j] <= limit:
                other = find(parents, first + j)
                met = max(met, NOTHING_NEW)
                if other != own:
                    unite(parents, own, other)
                    own = min(own, other)
                    met = JOINED
    return met


@njit(nogil=True, cache=True)
def _label_borders(
    leaves: Leaves, starts: Array, partners: Array, within: Array, eps: float, core: Array, counts: Array,
    parents: Array, trees: Array, cluster: Array, labels: Array,
) -> None:  # pragma: no cover # fmt: skip
    """Label the rows that are not core: the lowest cluster within eps, or noise."""
    limit = eps * eps
    squared = np.empty(leaves.columns.shape[1])
    for p in range(len(leaves.lows)):
        for i in range(leaves.starts[p], leaves.starts[p + 1]):
            if core[i]:
                continue
            lowest, left = len(labels), counts[i]
            for k in range(starts[p], starts[p] + within[p]):
                q = partners[k]
                if left == 1:  # itself: all its neighbours were seen
                    break
                if trees[q] == NO_CORE:
                    continue
                if row_gap(leaves, i, leaves, q) > limit * (1 + ROUNDING):
                    continue
                first, last = leaves.starts[q], leaves.starts[q + 1]
                squared_distances(leaves.columns, i, leaves.columns, first, last, squared)
                for j in range(last - first):
                    if squared[j] <= limit:
                        left -= first + j != i
                        if core[first + j]:
                            lowest = min(lowest, cluster[find(parents, first + j)])
            labels[i] = lowest if lowest < len(labels) else -1
