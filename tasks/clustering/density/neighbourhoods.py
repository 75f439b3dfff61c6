"""DBSCAN for many settings at once: one scan of the neighbourhoods serves every eps and min_samples.

A row with fewer neighbours than the largest `min_samples` has a list of its neighbours. All other rows, the
dense rows, are core rows for every `min_samples`. Their clusters are found for each eps in ascending order,
and start from the clusters of the eps before: as eps grows, core rows stay core rows and clusters only merge.
The same holds as `min_samples` falls: each value starts from the clusters of the next larger value, and adds
the rows that become core rows.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

from tasks.clustering.density.boxes import (
    NO_CORE_ROW,
    ROUNDING,
    SEVERAL_ROOTS,
    BoxedRows,
    common_root,
    row_to_box_gap,
    sort_into_boxes,
    squared_distances,
)
from tasks.clustering.density.core import DensityClustering
from tasks.clustering.union_find import find, flatten, unite

Array = NDArray[Any]


class NearBoxes(NamedTuple):
    """Boxes near each box: first the box itself, then the others from near to far."""

    starts: Array
    """int64, shape (n_boxes + 1,): place of the first near box of each box in `partners`."""
    partners: Array
    """int32, shape (n_pairs,): near boxes of all boxes."""
    counts: Array
    """int64, shape (n_boxes, n_radii): number of near boxes within each radius."""


class NeighbourLists(NamedTuple):
    """Neighbours of each row, the row itself included; a list ends where a radius holds `limit` rows or more."""

    counts: Array
    """int32, shape (n, n_radii): number of neighbours within each radius, at most `limit`."""
    starts: Array
    """int64, shape (n,): place of the first neighbour of each row in `neighbours`."""
    neighbours: Array
    """int32: neighbours of all rows, sorted by the first radius that they are within."""


@dataclass(frozen=True)
class Neighbourhoods:
    """Data that all settings share: rows in boxes, near boxes, and the neighbours of rows with few neighbours."""

    radii: Array
    """float64, shape (n_radii,): the values of eps, ascending."""
    limit: int
    """The largest `min_samples`."""
    order: Array
    """int64, shape (n,): number of the row at each place in the boxes."""
    boxed: BoxedRows
    near: NearBoxes
    lists: NeighbourLists

    def clusterings(self, min_samples: Sequence[int]) -> dict[tuple[float, int], DensityClustering]:
        """Clustering for every pair of a radius and one of `min_samples`."""
        min_counts = np.unique(min_samples)
        n, n_radii = self.lists.counts.shape
        places = np.empty(n, dtype=np.int64)
        places[self.order] = np.arange(n)
        labels = np.empty((len(min_counts), n_radii, n), dtype=np.int64)
        core = np.empty((len(min_counts), n_radii, n), dtype=np.bool_)
        _cluster_each_setting(
            self.boxed, self.near, self.radii, self.lists, self.limit, min_counts, places, labels, core
        )
        return {
            (radius, number): DensityClustering(labels[m, r], core[m, r])
            for m, number in enumerate(min_counts.tolist())
            for r, radius in enumerate(self.radii.tolist())
        }


def neighbourhoods(X: Array, eps: Sequence[float], min_samples: int) -> Neighbourhoods:
    """Find the neighbours of the rows of `X` for several values of eps.

    Parameters
    ----------
    X : ndarray of shape (n, n_features), float32 or float64
        At least one row.
    eps : sequence of float
        All values of eps.
    min_samples : int
        The largest value of `min_samples`; the lists take at most 4 * min_samples bytes for each row.
    """
    radii = np.unique(np.asarray(eps, dtype=np.float64))
    limit = min(min_samples, len(X) + 1)
    order, boxed = sort_into_boxes(X.astype(np.float64))
    near = _near_boxes(boxed, radii)
    counts, starts = np.zeros((len(X), len(radii)), dtype=np.int32), np.zeros(len(X), dtype=np.int64)
    neighbours = _scan_rows(boxed, near, radii**2, limit, counts, starts)
    return Neighbourhoods(radii, limit, order, boxed, near, NeighbourLists(counts, starts, neighbours))


def _near_boxes(boxed: BoxedRows, radii: Array) -> NearBoxes:
    limits = radii**2 * (1 + ROUNDING)
    lows, highs = np.ascontiguousarray(boxed.lows.T), np.ascontiguousarray(boxed.highs.T)
    counts = np.zeros((len(boxed.lows), len(radii)), dtype=np.int64)
    _scan_boxes(lows, highs, limits, counts, np.empty(0, dtype=np.int32), False)
    counts = np.cumsum(counts, axis=1)
    starts = np.r_[0, np.cumsum(counts[:, -1])]
    partners = np.empty(starts[-1], dtype=np.int32)
    next_places = np.column_stack([starts[:-1], starts[:-1, None] + counts[:, :-1]])
    _scan_boxes(lows, highs, limits, next_places, partners, True)
    for p, start in enumerate(starts[:-1]):  # the box itself comes first: it holds most neighbours
        place = start + np.flatnonzero(partners[start : start + counts[p, 0]] == p)[0]
        partners[start], partners[place] = p, partners[start]
    return NearBoxes(starts, partners, counts)


@njit(nogil=True, cache=True)
def _scan_boxes(
    lows: Array, highs: Array, limits: Array, next_places: Array, partners: Array, fill: bool
) -> None:  # pragma: no cover
    """Count the near boxes of each box by the first limit that they are within; with `fill`, write them too."""
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
                    partners[next_places[p, first]] = q
                next_places[p, first] += 1


@njit(nogil=True, cache=True)
def _scan_rows(
    boxed: BoxedRows, near: NearBoxes, limits: Array, limit: int, counts: Array, starts: Array
) -> Array:  # pragma: no cover
    """Write the counts of each row and the start of its list; return the lists, one after the other.

    Near boxes are scanned from near to far. As soon as a radius holds `limit` rows, this radius and all larger
    ones are complete, and boxes that only they reach are skipped.
    """
    width = int(np.max(boxed.starts[1:] - boxed.starts[:-1]))
    squared, tally = np.empty(width), np.zeros(len(limits), dtype=np.int64)
    found, first_within = np.empty(limit + width, dtype=np.int32), np.empty(limit + width, dtype=np.int64)
    neighbours, size = np.empty(8 * len(counts), dtype=np.int32), 0
    for p in range(len(boxed.lows)):
        for i in range(boxed.starts[p], boxed.starts[p + 1]):
            tally[:] = 0
            open_radii, level, kept = len(limits), 0, 0
            for k in range(near.starts[p + 1] - near.starts[p]):
                while near.counts[p, level] <= k:
                    level += 1
                if level >= open_radii:
                    break
                q = near.partners[near.starts[p] + k]
                farthest = limits[open_radii - 1]
                if row_to_box_gap(boxed, i, boxed, q) > farthest * (1 + ROUNDING):
                    continue
                first, last = boxed.starts[q], boxed.starts[q + 1]
                squared_distances(boxed.columns, i, boxed.columns, first, last, squared)
                for j in range(last - first):
                    if squared[j] <= farthest:
                        r = 0
                        for closer in limits[: open_radii - 1]:  # a loop without branches is faster
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
    """Number of the first `open_radii` radii that hold fewer rows than `limit`."""
    total = 0
    for r in range(open_radii):
        total += tally[r]
        if total >= limit:
            return r
    return open_radii


@njit(nogil=True, cache=True)
def _by_radius(found: Array, first_within: Array, counts: Array, out: Array) -> None:  # pragma: no cover
    """Write the rows `found`, sorted by the first radius that they are within."""
    next_places = np.zeros(len(counts), dtype=np.int64)
    next_places[1:] = counts[:-1]
    for m, row in enumerate(found):
        out[next_places[first_within[m]]] = row
        next_places[first_within[m]] += 1


@njit(nogil=True, cache=True)
def _cluster_each_setting(
    boxed: BoxedRows, near: NearBoxes, radii: Array, lists: NeighbourLists, limit: int, min_counts: Array,
    places: Array, labels: Array, core: Array,
) -> None:  # pragma: no cover # fmt: skip
    """Write labels and core rows for each of `min_counts` and each radius."""
    n = len(places)
    dense_parents = np.arange(n)
    label_at_place = np.empty(n, dtype=np.int64)
    for r in range(len(radii)):
        counts = lists.counts[:, r].copy()
        _join_dense_rows(boxed, near, r, radii[r], counts >= limit, dense_parents)
        flatten(dense_parents)
        parents, joined_from = dense_parents.copy(), limit
        for m in range(len(min_counts) - 1, -1, -1):
            _join_listed_rows(lists, counts, min_counts[m], joined_from, parents)
            joined_from = min_counts[m]
            is_core = counts >= min_counts[m]
            _number_clusters(places, is_core, parents, label_at_place)
            _label_borders(lists, counts, is_core, label_at_place)
            for row, place in enumerate(places):
                labels[m, r, row], core[m, r, row] = label_at_place[place], is_core[place]


@njit(nogil=True, cache=True)
def _join_dense_rows(
    boxed: BoxedRows, near: NearBoxes, r: int, eps: float, core: Array, parents: Array
) -> None:  # pragma: no cover
    """Join core rows within eps, which is radius number `r`."""
    n_boxes = len(boxed.lows)
    squared = np.empty(int(np.max(boxed.starts[1:] - boxed.starts[:-1])))
    roots = np.empty(n_boxes, dtype=np.int64)
    for p in range(
        n_boxes
    ):  # each box by itself first: then most boxes have one root, and most pairs need no distances
        first, last = boxed.starts[p], boxed.starts[p + 1]
        roots[p] = common_root(parents, 0, core, first, last)
        if roots[p] == SEVERAL_ROOTS and _join_boxes(boxed, p, p, roots[p], eps, core, parents, squared):
            roots[p] = common_root(parents, 0, core, first, last)
    for p in range(n_boxes):
        for k in range(near.starts[p], near.starts[p] + near.counts[p, r]):
            q = near.partners[k]
            if q <= p or roots[p] == NO_CORE_ROW or roots[q] == NO_CORE_ROW:
                continue
            if roots[p] >= 0 and roots[q] >= 0 and find(parents, roots[p]) == find(parents, roots[q]):
                continue
            if _join_boxes(boxed, p, q, roots[q], eps, core, parents, squared):
                roots[p] = common_root(parents, 0, core, boxed.starts[p], boxed.starts[p + 1])
                roots[q] = common_root(parents, 0, core, boxed.starts[q], boxed.starts[q + 1])


@njit(nogil=True, cache=True)
def _join_boxes(
    boxed: BoxedRows, p: int, q: int, root_q: int, eps: float, core: Array, parents: Array, squared: Array
) -> bool:  # pragma: no cover
    """Join core rows of two boxes within eps, and return whether any were joined.

    `root_q` is the common root of the core rows of box q, or `SEVERAL_ROOTS`.
    """
    joined = False
    limit = eps * eps
    first, last = boxed.starts[q], boxed.starts[q + 1]
    for i in range(boxed.starts[p], boxed.starts[p + 1]):
        if not core[i]:
            continue
        own = find(parents, i)
        if root_q >= 0 and find(parents, root_q) == own:
            continue
        if row_to_box_gap(boxed, i, boxed, q) > limit * (1 + ROUNDING):
            continue
        squared_distances(boxed.columns, i, boxed.columns, first, last, squared)
        for j in range(last - first):
            if core[first + j] and squared[j] <= limit:
                other = find(parents, first + j)
                if other != own:
                    unite(parents, own, other)
                    own = min(own, other)
                    joined = True
    return joined


@njit(nogil=True, cache=True)
def _join_listed_rows(
    lists: NeighbourLists, counts: Array, min_count: int, joined_from: int, parents: Array
) -> None:  # pragma: no cover
    """Join rows with at least `min_count` neighbours to the core rows near them.

    Rows with at least `joined_from` neighbours are joined already.
    """
    for i in range(len(counts)):
        if min_count <= counts[i] < joined_from:
            own = find(parents, i)
            for k in range(lists.starts[i], lists.starts[i] + counts[i]):
                j = lists.neighbours[k]
                if counts[j] >= min_count and parents[j] != own:
                    other = find(parents, j)
                    if other != own:
                        unite(parents, own, other)
                        own = min(own, other)


@njit(nogil=True, cache=True)
def _number_clusters(
    places: Array, core: Array, parents: Array, label_at_place: Array
) -> None:  # pragma: no cover
    """Label core rows; clusters are numbered by their first core rows in the order of the rows."""
    cluster = np.full(len(places), -1)
    found = 0
    for place in places:
        if core[place]:
            root = find(parents, place)
            if cluster[root] < 0:
                cluster[root] = found
                found += 1
            label_at_place[place] = cluster[root]


@njit(nogil=True, cache=True)
def _label_borders(
    lists: NeighbourLists, counts: Array, core: Array, label_at_place: Array
) -> None:  # pragma: no cover
    """Label the other rows with the lowest cluster of a core row within eps, or as noise."""
    n = len(counts)
    for i in range(n):
        if core[i]:
            continue
        lowest = n
        for j in lists.neighbours[lists.starts[i] : lists.starts[i] + counts[i]]:
            if core[j]:
                lowest = min(lowest, label_at_place[j])
        label_at_place[i] = lowest if lowest < n else -1
