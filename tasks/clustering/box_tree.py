"""A tree of bounding boxes over the centroids of clusters, which finds the nearest centroid."""

from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

from infra.arithmetic import ceil_div
from tasks.clustering.distances import squared_distance
from tasks.clustering.median_split import median_split, next_power_of_two

Array = NDArray[Any]
LEAF_POINTS = 128
FANOUT = 8  # children whose boxes are compared at once, in one or two vector registers
REGISTER_POINTS = 8  # float32 numbers in a vector register
EPS32, EPS64 = float(np.finfo(np.float32).eps), float(np.finfo(np.float64).eps)
STACK = 256  # most nodes that wait in a search: seven for each level of the tree


class BoxTree(NamedTuple):
    """Centroids in the leaves of a balanced tree.

    Node 1 is the root, the children of node i are FANOUT * i + 0, 1, 2, ..., and leaf k is node `first + k`,
    where `first` is a power of FANOUT. The number of leaves is a power of two, so that the root may have fewer
    children than the other nodes.

    Leaves hold their centroids, and nodes the boxes of their children, transposed, so that the innermost loop
    runs over them. The centroids in leaves are rounded to float32, because twice as many fit in a register and in the
    cache. The rounded centroids exclude centroids that are too far away; for the others the exact distance is computed.
    """

    first: int
    """Node of leaf 0."""
    points: Array
    """float32, shape (n_leaves * n_features, width): row `leaf * n_features + j` holds feature j of the
    centroids, minus that of `middle` and times `scale`; inf where a place is empty."""
    middle: Array
    """float64, shape (n_features,): middle of all centroids."""
    scale: float
    """Factor that brings the centroids into the range of float32."""
    error: float
    """Largest difference, times `scale`, between a distance of `points` and the exact one, apart from the
    rounding of sums and products."""
    ids: Array
    """int64, shape (n_leaves, width): id of the centroid at each place; -1 where a place is empty."""
    inverse: Array
    """float32, shape (n_leaves, width): what each centroid adds to the divisor of a distance (Ward: 1 / size)."""
    groups: Array
    """int64, shape (n_leaves, width): group of each centroid; only centroids of other groups are searched."""
    positions: Array
    """int64, shape (n_ids,): `leaf * width + place` of each centroid."""
    lower: Array
    """float64, shape (n_inner_nodes, n_features, FANOUT): lower corner of the box of each child; inf where
    there is no child."""
    upper: Array
    """float64, shape (n_inner_nodes, n_features, FANOUT): upper corner of the box of each child."""
    max_inverse: Array
    """float64, shape (n_nodes + FANOUT,): the greatest of `inverse` under each node."""
    common_group: Array
    """int64, shape (n_nodes + FANOUT,): group of all centroids under a node, or -1 if they have several."""


def build(centroids: Array, ids: Array, inverse: Array, leaf_points: int = LEAF_POINTS) -> BoxTree:
    """Build the tree over some centroids, each in a group of its own.

    Parameters
    ----------
    centroids : ndarray of shape (n_ids, n_features), float64
    ids : ndarray of shape (n_points,), int64
        Ids of the centroids in the tree: their rows in `centroids`.
    inverse : ndarray of shape (n_ids,), float64
        Term that each centroid adds to the divisor of a distance.
    leaf_points : int, default=LEAF_POINTS
        Most centroids in a leaf.
    """
    n_leaves = next_power_of_two(len(ids) / leaf_points)
    first = 1
    while first < n_leaves:
        first *= FANOUT
    width = REGISTER_POINTS * ceil_div(ceil_div(len(ids), n_leaves), REGISTER_POINTS)
    d = centroids.shape[1]
    n_nodes, n_inner = first + n_leaves, ceil_div(first + n_leaves, FANOUT)
    middle, scale, error = _scaling(centroids, ids)
    tree = BoxTree(
        first=first,
        points=np.full((n_leaves * d, width), np.inf, dtype=np.float32),
        middle=middle,
        scale=scale,
        error=error,
        ids=np.full((n_leaves, width), -1, dtype=np.int64),
        inverse=np.ones((n_leaves, width), dtype=np.float32),
        groups=np.full((n_leaves, width), -1, dtype=np.int64),
        positions=np.full(len(centroids), -1, dtype=np.int64),
        lower=np.full((n_inner, d, FANOUT), np.inf),
        upper=np.full((n_inner, d, FANOUT), -np.inf),
        max_inverse=np.zeros(n_nodes + FANOUT),
        common_group=np.full(n_nodes + FANOUT, -1, dtype=np.int64),
    )
    _fill(tree, centroids, ids.copy(), inverse)
    return tree


def _scaling(centroids: Array, ids: Array) -> tuple[Array, float, float]:
    """Middle, scale and error of a tree: its points must not lose digits in float32 or leave its range."""
    lower, upper = centroids[ids].min(axis=0), centroids[ids].max(axis=0)
    middle = lower / 2 + upper / 2
    half = upper / 2 - lower / 2
    # the square of the scale is finite, and what float64 loses below its range is less than the error
    scale = float(np.exp2(-np.frexp(half.max())[1].clip(-400, 510)))
    moved = scale * (EPS32 * half + 4 * EPS64 * np.maximum(abs(lower), abs(upper)))
    return middle, scale, float(2 * np.linalg.norm(moved) + EPS32**2)


def _fill(tree: BoxTree, centroids: Array, order: Array, inverse: Array) -> None:
    """Write the centroids `order` into the leaves, and the boxes into the nodes."""
    (n_leaves, width), d = tree.ids.shape, centroids.shape[1]
    lower, upper = np.empty((2 * n_leaves, d)), np.empty((2 * n_leaves, d))
    starts = median_split(centroids, order, lower, upper)
    leaf = np.repeat(np.arange(n_leaves), np.diff(starts))
    place = np.arange(len(order)) - starts[leaf]
    tree.ids[leaf, place] = tree.groups[leaf, place] = order
    tree.inverse[leaf, place] = inverse[order]
    tree.positions[order] = leaf * width + place
    tree.points.reshape(n_leaves, d, width)[leaf, :, place] = (centroids[order] - tree.middle) * tree.scale
    tree.max_inverse[tree.first : tree.first + n_leaves] = np.maximum.reduceat(inverse[order], starts[:-1])
    for parents, children, binary_nodes in _levels(tree):
        shape = (parents.stop - parents.start, -1, d)
        some = slice(0, (children.stop - children.start) // shape[0])
        tree.lower[parents, :, some] = lower[binary_nodes].reshape(shape).transpose(0, 2, 1)
        tree.upper[parents, :, some] = upper[binary_nodes].reshape(shape).transpose(0, 2, 1)
        tree.max_inverse[parents] = tree.max_inverse[children].reshape(shape[:2]).max(axis=1)


def _levels(tree: BoxTree) -> Iterator[tuple[slice, slice, slice]]:
    """From the leaves upwards: the nodes of a level, their children, and the children's nodes in `median_split`."""
    node, count = tree.first, len(tree.ids)
    while node > 1:
        above, fewer = node // FANOUT, max(1, count // FANOUT)
        yield slice(above, above + fewer), slice(node, node + count), slice(count, 2 * count)
        node, count = above, fewer


def set_groups(tree: BoxTree, groups: Array) -> None:
    """Set the group of each centroid to `groups[id]`."""
    tree.groups[:] = np.where(tree.ids >= 0, groups[tree.ids], -1)
    least = np.where(tree.ids >= 0, tree.groups, len(groups)).min(axis=1)
    leaves = slice(tree.first, tree.first + len(tree.ids))
    tree.common_group[leaves] = np.where(least == tree.groups.max(axis=1), least, -1)
    for parents, children, _ in _levels(tree):
        below = tree.common_group[children].reshape(parents.stop - parents.start, -1)
        tree.common_group[parents] = np.where((below == below[:, :1]).all(axis=1), below[:, 0], -1)


@njit(nogil=True, cache=True)
def nearest(
    tree: BoxTree,
    centroids: Array,
    i: int,
    inverse: Array,
    group: int,
    found: int,
    best: float,
) -> tuple[int, float]:  # pragma: no cover
    """Find the nearest centroid of another group.

    It is the centroid with the least `squared distance / (own inverse + inverse of the other)`, and the lowest
    id among equals.

    Parameters
    ----------
    tree : BoxTree
    centroids : ndarray of shape (n_ids, n_features), float64
        Centroids that the tree was built over; squares of their differences are finite.
    i : int
        Id of the centroid whose neighbour is wanted; it is in the tree.
    inverse : ndarray of shape (n_ids,), float64
        Term that each centroid adds to the divisor of a distance.
    group : int
        Group of centroid `i`.
    found : int
        A candidate, or -1.
    best : float
        Distance of the candidate; without a candidate, the largest distance of interest.

    Returns
    -------
    found : int
        Nearest centroid; the candidate if no other is as near.
    best : float
        Distance of this centroid.

    Notes
    -----
    Floating-point rounding is monotone, and the bound of a box is computed by the same operations in the same
    order as a distance. So the bound holds for computed distances to the last bit, and the result does not
    depend on the shape of the tree. Nor does it depend on the rounded centroids: the bounds on their errors
    let every centroid that may be nearest through, and its distance is computed in float64.
    """
    x = centroids[i]
    shifted = ((x - tree.middle) * tree.scale).astype(np.float32)
    own, own32 = inverse[i], np.float32(inverse[i])
    # taken out of the tree once: it counts references to all arrays of the tree, which costs as much as a leaf
    first, scale, error = tree.first, tree.scale, tree.error
    points, ids, divisors, groups = tree.points, tree.ids, tree.inverse, tree.groups
    lower, upper, max_inverse, common_group = tree.lower, tree.upper, tree.max_inverse, tree.common_group
    squared, child_bounds = np.empty(ids.shape[1], dtype=np.float32), np.empty(FANOUT)
    stack, bounds = np.empty(STACK, dtype=np.int64), np.empty(STACK)
    rounding = 1 + (len(x) + 16) * EPS32
    own_leaf = first + tree.positions[i] // ids.shape[1]  # searched first
    stack[0], bounds[0], stack[1], bounds[1] = 1, 0.0, own_leaf, 0.0
    top = 1 if own_leaf == 1 else 2
    while top > 0:
        top -= 1
        node = stack[top]
        if bounds[top] > best:
            continue
        if node < first:
            _bound(lower, upper, max_inverse, node, x, own, child_bounds)
            lowest = top
            for c in range(FANOUT):
                child = FANOUT * node + c
                if (
                    child_bounds[c] <= best
                    and child_bounds[c] < np.inf
                    and child != own_leaf
                    and common_group[child] != group
                ):
                    k = top
                    while k > lowest and bounds[k - 1] < child_bounds[c]:  # the nearest child on top
                        stack[k], bounds[k] = stack[k - 1], bounds[k - 1]
                        k -= 1
                    stack[k], bounds[k] = child, child_bounds[c]
                    top += 1
            continue
        leaf = node - first
        _measure(points, leaf, shifted, squared)
        # only centroids that meet this can be as near as `best`: squared <= share * (own + divisor) + rest
        longest = scale * np.sqrt(best * (own + max_inverse[node]))
        share = np.float32(rounding * scale * scale * best)
        rest = np.float32(rounding * error * (2 * longest + error))
        any_near = 0
        for c in range(len(squared)):
            any_near |= squared[c] <= share * (own32 + divisors[leaf, c]) + rest
        for c in range(len(squared) if any_near else 0):
            if squared[c] <= share * (own32 + divisors[leaf, c]) + rest:
                other = ids[leaf, c]
                if other < 0 or groups[leaf, c] == group:
                    continue
                distance = squared_distance(centroids, i, centroids, other) / (own + inverse[other])
                if distance < best or (distance == best and (found < 0 or other < found)):
                    found, best = other, distance
    return found, best


@njit(nogil=True, cache=True)
def _bound(
    lower: Array, upper: Array, max_inverse: Array, node: int, x: Array, own: float, child_bounds: Array
) -> None:  # pragma: no cover
    """Write for each child of a node a lower bound of the distances from `x` to the centroids in its box."""
    for c in range(len(child_bounds)):
        child_bounds[c] = 0.0
    for j in range(len(x)):
        for c in range(len(child_bounds)):
            outside = max(lower[node, j, c] - x[j], x[j] - upper[node, j, c], 0.0)
            child_bounds[c] += outside * outside
    for c in range(len(child_bounds)):
        child_bounds[c] /= own + max_inverse[FANOUT * node + c]


@njit(nogil=True, cache=True)
def _measure(points: Array, leaf: int, x: Array, squared: Array) -> None:  # pragma: no cover
    """Write the squared distances, in float32, to the centroids of a leaf."""
    d = len(x)
    for c in range(len(squared)):
        squared[c] = 0
    for j in range(d):
        for c in range(len(squared)):
            difference = x[j] - points[leaf * d + j, c]
            squared[c] += difference * difference
