"""Single linkage as a minimum spanning tree (Borůvka), in memory linear in the rows."""

import heapq
from typing import Any

import numpy as np
from numba import njit
from numpy.typing import NDArray

from infra.engines.collective import Communicator
from tasks.clustering import box_tree
from tasks.clustering.box_tree import BoxTree
from tasks.clustering.distances import squared_distance
from tasks.clustering.reciprocal_neighbours import Merges
from tasks.clustering.union_find import find, unite

Array = NDArray[Any]


def single(X: Array, communicator: Communicator) -> Merges:
    """Merge the rows of `X` by single linkage, in the order in which scikit-learn's Prim finds the merges.

    Each worker of the group has all rows, and searches for its part of them the nearest row of another
    component; the shortest edge of each component joins the tree. In the order (distance, lower id, higher id)
    no two edges are equal, so that there is one minimum spanning tree, whichever worker finds its edges.

    Parameters
    ----------
    X : ndarray of shape (n_rows, n_features), float64
    communicator : Communicator
        Connection to the other workers.
    """
    n = len(X)
    halves = np.full(n, 0.5)  # the divisor of a distance is 1
    tree = box_tree.build(X, np.arange(n), halves)
    leaves = np.array_split(np.arange(len(tree.ids)), communicator.size)[communicator.rank]
    mine = tree.ids[leaves][tree.ids[leaves] >= 0]
    nearest, bounds = np.full(n, -1), np.zeros(n)
    components, count = np.arange(n), n
    edges: list[Array] = []
    while count > 1:
        box_tree.set_groups(tree, components)
        found = np.full((count, 2), -1)
        squared = np.full(count, np.inf)
        _shortest(tree, X, halves, mine, components, nearest, bounds, found, squared)
        for other, distances in communicator.allgather((found, squared)):
            _keep_shorter_of_each(found, squared, other, distances)
        components, added = _joined(components, found, count)
        edges.append(added)
        count -= len(added)
    return _in_order_of_prim(X, np.concatenate(edges))


@njit(nogil=True, cache=True)
def _shortest(
    tree: BoxTree,
    X: Array,
    halves: Array,
    mine: Array,
    components: Array,
    nearest: Array,
    bounds: Array,
    found: Array,
    squared: Array,
) -> None:  # pragma: no cover
    """Write the shortest edge out of each component that starts at one of the rows `mine`.

    `nearest` and `bounds` keep from round to round the nearest row of another component and its distance.
    Where this row has joined the own component, or the search stopped at a limit, the distance is a lower
    bound.
    """
    for i in mine:
        if nearest[i] >= 0 and components[nearest[i]] != components[i]:
            _keep_shorter(found, squared, components[i], bounds[i], i, nearest[i])
        else:
            nearest[i] = -1
    for i in mine:
        component = components[i]
        if nearest[i] < 0 and bounds[i] <= squared[component]:
            nearest[i], bounds[i] = box_tree.nearest(tree, X, i, halves, component, -1, squared[component])
            if nearest[i] >= 0:
                _keep_shorter(found, squared, component, bounds[i], i, nearest[i])


@njit(nogil=True, cache=True)
def _keep_shorter(
    found: Array, squared: Array, component: int, distance: float, i: int, j: int
) -> None:  # pragma: no cover
    low, high = min(i, j), max(i, j)
    least, most = found[component]
    if (
        distance < squared[component]
        or least < 0
        or (distance == squared[component] and (low < least or (low == least and high < most)))
    ):
        squared[component] = distance
        found[component, 0], found[component, 1] = low, high


@njit(nogil=True, cache=True)
def _keep_shorter_of_each(
    found: Array, squared: Array, other: Array, distances: Array
) -> None:  # pragma: no cover
    for component in range(len(found)):
        if other[component, 0] >= 0:
            i, j = other[component]
            _keep_shorter(found, squared, component, distances[component], i, j)


@njit(nogil=True, cache=True)
def _joined(components: Array, found: Array, count: int) -> tuple[Array, Array]:  # pragma: no cover
    """Component of each row after the edges are added, numbered from 0, and the edges that joined two components."""
    parents = np.arange(count)
    added = np.empty_like(found)
    n_added = 0
    for edge in found:
        a, b = find(parents, components[edge[0]]), find(parents, components[edge[1]])
        if a != b:  # otherwise both components have the same shortest edge
            unite(parents, a, b)
            added[n_added] = edge
            n_added += 1
    numbers = np.full(count, -1)
    used = 0
    for component in range(count):  # the root is the lowest component of its set
        if parents[component] == component:
            numbers[component] = used
            used += 1
    joined = np.empty_like(components)
    for i in range(len(components)):
        joined[i] = numbers[find(parents, components[i])]
    return joined, added[:n_added].copy()


def _in_order_of_prim(X: Array, edges: Array) -> Merges:
    """Edges of the tree in the order in which Prim's algorithm finds them from row 0 on, each from its known row."""
    n = len(X)
    lengths = np.empty(n - 1)
    _edge_lengths(X, edges, lengths)
    ends = np.concatenate([edges, edges[:, ::-1]])
    order = np.argsort(ends[:, 0], kind="stable")
    starts = np.searchsorted(ends[order, 0], np.arange(n + 1))
    sources, targets, heights = np.empty(n - 1, np.int64), np.empty(n - 1, np.int64), np.empty(n - 1)
    _prim(starts, ends[order, 1], np.tile(lengths, 2)[order], sources, targets, heights)
    return Merges(sources, targets, heights)


@njit(nogil=True, cache=True)
def _edge_lengths(X: Array, edges: Array, lengths: Array) -> None:  # pragma: no cover
    for k in range(len(edges)):
        lengths[k] = np.sqrt(squared_distance(X, edges[k, 0], X, edges[k, 1]))


@njit(nogil=True, cache=True)
def _prim(
    starts: Array, neighbours: Array, lengths: Array, sources: Array, targets: Array, heights: Array
) -> None:  # pragma: no cover
    visited = np.zeros(len(starts) - 1, dtype=np.bool_)
    heap = [(0.0, np.int64(0), np.int64(0))]
    heap.pop()
    row = np.int64(0)
    for k in range(len(heights)):
        visited[row] = True
        for e in range(starts[row], starts[row + 1]):
            if not visited[neighbours[e]]:
                heapq.heappush(heap, (lengths[e], np.int64(neighbours[e]), np.int64(row)))
        heights[k], row, sources[k] = heapq.heappop(heap)
        targets[k] = row
