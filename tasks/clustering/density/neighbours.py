"""DBSCAN for many settings at once: one scan of the neighbourhoods serves every eps and min_samples.

A row with fewer neighbours than the largest `min_samples` has them in a list. All others, the dense rows,
are core rows for every `min_samples`: how they hang together is found for each eps, beginning with the clusters
of the one before, for with a growing eps core rows stay core and clusters only merge. With a falling
`min_samples` they do so too: each begins with the clusters of the next larger one, and adds the rows that are
core from now on.
"""

from collections.abc import Sequence
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
from tasks.clustering.forest import find, flatten, unite

Array = NDArray[Any]
NO_CORE, SEVERAL = -2, -1  # in place of a leaf's tree


class Near(NamedTuple):
    """Leaves near each leaf, nearest first, itself included."""

    starts: Array
    """int64, shape (n_leaves + 1,)."""
    partners: Array
    """int32."""
    within: Array
    """int64, shape (n_leaves, n_radii): how many may hold rows within each radius."""


class Lists(NamedTuple):
    """Neighbours of each row, itself included, within the largest radius where they are fewer than the limit."""

    counts: Array
    """int32, shape (n, n_radii): neighbours within each radius; the limit stands for all higher numbers."""
    starts: Array
    """int64, shape (n,): where each row's list begins."""
    neighbours: Array
    """int32: by the first radius that they are within, so that `counts` tells where a shorter list ends."""


@dataclass(frozen=True)
class Neighbourhoods:
    """What all settings share: rows in leaves, which leaves are near, and the neighbours of rows with few."""

    radii: Array
    """float64, shape (n_radii,): the values of eps, ascending."""
    limit: int
    """The largest `min_samples`."""
    order: Array
    """int64, shape (n,): number of the row at each place in the leaves."""
    leaves: Leaves
    near: Near
    lists: Lists

    def clusterings(self, min_samples: Sequence[int]) -> dict[tuple[float, int], Clustering]:
        """DBSCAN's answer for every (radius, min_samples)."""
        least = np.unique(min_samples)
        n, n_radii = self.lists.counts.shape
        places = np.empty(n, dtype=np.int64)
        places[self.order] = np.arange(n)
        labels = np.empty((len(least), n_radii, n), dtype=np.int64)
        core = np.empty((len(least), n_radii, n), dtype=np.bool_)
        _grow(self.leaves, self.near, self.radii, self.lists, self.limit, least, places, labels, core)
        return {
            (radius, number): Clustering(labels[m, r], core[m, r])
            for m, number in enumerate(least.tolist())
            for r, radius in enumerate(self.radii.tolist())
        }


def neighbourhoods(X: Array, eps: Sequence[float], min_samples: int) -> Neighbourhoods:
    """Scan the rows of `X`, float32 or float64 (n, n_features), n at least 1.

    Parameters
    ----------
    eps : sequence of float
        All values of interest.
    min_samples : int
        The largest value of interest; the lists take at most 4 bytes a row for each of it.
    """
    radii = np.unique(np.asarray(eps, dtype=np.float64))
    limit = min(min_samples, len(X) + 1)
    order, leaves = sort_into_leaves(X.astype(np.float64))
    near = _near(leaves, radii)
    counts, starts = np.zeros((len(X), len(radii)), dtype=np.int32), np.zeros(len(X), dtype=np.int64)
    neighbours = _scan_rows(leaves, near, radii**2, limit, counts, starts)
    return Neighbourhoods(radii, limit, order, leaves, near, Lists(counts, starts, neighbours))


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
def _scan_rows(
    leaves: Leaves, near: Near, limits: Array, limit: int, counts: Array, starts: Array
) -> Array:  # pragma: no cover
    """Write each row's counts and the start of its list; return the lists, one after the other.

    Leaves are looked through nearest first: as soon as a radius holds `limit` rows, it and all larger ones
    are settled, and leaves that only they reach are not looked at.
    """
    width = int(np.max(leaves.starts[1:] - leaves.starts[:-1]))
    squared, tally = np.empty(width), np.zeros(len(limits), dtype=np.int64)
    found, first_within = np.empty(limit + width, dtype=np.int32), np.empty(limit + width, dtype=np.int64)
    neighbours, size = np.empty(8 * len(counts), dtype=np.int32), 0
    for p in range(len(leaves.lows)):
        for i in range(leaves.starts[p], leaves.starts[p + 1]):
            tally[:] = 0
            open_radii, level, kept = len(limits), 0, 0
            for k in range(near.starts[p + 1] - near.starts[p]):
                while near.within[p, level] <= k:
                    level += 1
                if level >= open_radii:
                    break
                q = near.partners[near.starts[p] + k]
                farthest = limits[open_radii - 1]
                if row_gap(leaves, i, leaves, q) > farthest * (1 + ROUNDING):
                    continue
                first, last = leaves.starts[q], leaves.starts[q + 1]
                squared_distances(leaves.columns, i, leaves.columns, first, last, squared)
                for j in range(last - first):
                    if squared[j] <= farthest:
                        r = 0
                        for closer in limits[: open_radii - 1]:  # adding is sooner done than stopping
                            r += squared[j] > closer
                        tally[r] += 1
                        found[kept], first_within[kept] = first + j, r
                        kept += 1
                still_open = _below_limit(tally, open_radii, limit)
                if still_open < open_radii:
                    open_radii, before, kept = still_open, kept, 0
                    for m in range(before):
                        if first_within[m] < open_radii:
                            found[kept], first_within[kept] = found[m], first_within[m]
                            kept += 1
            if size + kept > len(neighbours):
                neighbours = np.append(neighbours, np.empty_like(neighbours))
            starts[i] = size
            counts[i, open_radii:] = limit
            counts[i, :open_radii] = np.cumsum(tally[:open_radii])
            _by_radius(found[:kept], first_within, counts[i], neighbours[size : size + kept])
            size += kept
    return neighbours[:size].copy()


@njit(nogil=True, cache=True)
def _below_limit(tally: Array, open_radii: int, limit: int) -> int:  # pragma: no cover
    """How many of the first `open_radii` radii hold fewer rows than `limit`."""
    total = 0
    for r in range(open_radii):
        total += tally[r]
        if total >= limit:
            return r
    return open_radii


@njit(nogil=True, cache=True)
def _by_radius(found: Array, first_within: Array, counts: Array, out: Array) -> None:  # pragma: no cover
    """Write the rows `found`, sorted by the first radius that they are within."""
    nexts = np.zeros(len(counts), dtype=np.int64)
    nexts[1:] = counts[:-1]
    for m, row in enumerate(found):
        out[nexts[first_within[m]]] = row
        nexts[first_within[m]] += 1


@njit(nogil=True, cache=True)
def _grow(
    leaves: Leaves, near: Near, radii: Array, lists: Lists, limit: int, least: Array, places: Array,
    labels: Array, core: Array,
) -> None:  # pragma: no cover # fmt: skip
    """Write labels and core rows for every `least` and radius."""
    n = len(places)
    dense_forest = np.arange(n)
    label_at = np.empty(n, dtype=np.int64)
    for r in range(len(radii)):
        counts = lists.counts[:, r].copy()
        _join_dense(leaves, near, r, radii[r], counts >= limit, dense_forest)
        flatten(dense_forest)
        forest, joined_from = dense_forest.copy(), limit
        for m in range(len(least) - 1, -1, -1):
            _join_rows(lists, counts, least[m], joined_from, forest)
            joined_from = least[m]
            is_core = counts >= least[m]
            _number(places, is_core, forest, label_at)
            _label_borders(lists, counts, is_core, label_at)
            for row, place in enumerate(places):
                labels[m, r, row], core[m, r, row] = label_at[place], is_core[place]


@njit(nogil=True, cache=True)
def _join_dense(
    leaves: Leaves, near: Near, r: int, eps: float, core: Array, parents: Array
) -> None:  # pragma: no cover
    """Join the trees of core rows within eps, the radius number `r`."""
    n_leaves = len(leaves.lows)
    squared = np.empty(int(np.max(leaves.starts[1:] - leaves.starts[:-1])))
    trees = np.empty(n_leaves, dtype=np.int64)
    for p in range(n_leaves):  # each by itself first: most are one tree then, and pairs of them soon done
        first, last = leaves.starts[p], leaves.starts[p + 1]
        trees[p] = one_tree(parents, 0, core, first, last)
        if trees[p] == SEVERAL and _join_leaves(leaves, p, p, trees[p], eps, core, parents, squared):
            trees[p] = one_tree(parents, 0, core, first, last)
    for p in range(n_leaves):
        for k in range(near.starts[p], near.starts[p] + near.within[p, r]):
            q = near.partners[k]
            if q <= p or trees[p] == NO_CORE or trees[q] == NO_CORE:
                continue
            if trees[p] >= 0 and trees[q] >= 0 and find(parents, trees[p]) == find(parents, trees[q]):
                continue
            if _join_leaves(leaves, p, q, trees[q], eps, core, parents, squared):
                trees[p] = one_tree(parents, 0, core, leaves.starts[p], leaves.starts[p + 1])
                trees[q] = one_tree(parents, 0, core, leaves.starts[q], leaves.starts[q + 1])


@njit(nogil=True, cache=True)
def _join_leaves(
    leaves: Leaves, p: int, q: int, tree: int, eps: float, core: Array, parents: Array, squared: Array
) -> bool:  # pragma: no cover
    """Join the trees of core rows of two leaves within eps, and tell whether any were; `tree` is leaf q's."""
    joined = False
    limit = eps * eps
    first, last = leaves.starts[q], leaves.starts[q + 1]
    for i in range(leaves.starts[p], leaves.starts[p + 1]):
        if not core[i]:
            continue
        own = find(parents, i)
        if tree >= 0 and find(parents, tree) == own:
            continue
        if row_gap(leaves, i, leaves, q) > limit * (1 + ROUNDING):
            continue
        squared_distances(leaves.columns, i, leaves.columns, first, last, squared)
        for j in range(last - first):
            if core[first + j] and squared[j] <= limit:
                other = find(parents, first + j)
                if other != own:
                    unite(parents, own, other)
                    own = min(own, other)
                    joined = True
    return joined


@njit(nogil=True, cache=True)
def _join_rows(
    lists: Lists, counts: Array, least: int, joined_from: int, parents: Array
) -> None:  # pragma: no cover
    """Join the rows with `least` neighbours or more to the core rows near them; rows with `joined_from` are joined."""
    for i in range(len(counts)):
        if least <= counts[i] < joined_from:
            own = find(parents, i)
            for k in range(lists.starts[i], lists.starts[i] + counts[i]):
                j = lists.neighbours[k]
                if counts[j] >= least and parents[j] != own:
                    other = find(parents, j)
                    if other != own:
                        unite(parents, own, other)
                        own = min(own, other)


@njit(nogil=True, cache=True)
def _number(places: Array, core: Array, parents: Array, label_at: Array) -> None:  # pragma: no cover
    """Label core rows, clusters numbered by their first core row in the order of the rows."""
    cluster = np.full(len(places), -1)
    found = 0
    for place in places:
        if core[place]:
            root = find(parents, place)
            if cluster[root] < 0:
                cluster[root] = found
                found += 1
            label_at[place] = cluster[root]


@njit(nogil=True, cache=True)
def _label_borders(lists: Lists, counts: Array, core: Array, label_at: Array) -> None:  # pragma: no cover
    """Label the rows that are not core: the lowest cluster within eps, or noise."""
    n = len(counts)
    for i in range(n):
        if core[i]:
            continue
        lowest = n
        for j in lists.neighbours[lists.starts[i] : lists.starts[i] + counts[i]]:
            if core[j]:
                lowest = min(lowest, label_at[j])
        label_at[i] = lowest if lowest < n else -1
