"""A tree of bounding boxes over cluster centroids: what lies too far is passed over unseen."""

from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

from tasks.clustering.halving import halve

Array = NDArray[Any]
LEAF_POINTS = 128
FANOUT = 8  # children whose boxes are compared at once, in a vector register or two
EPS32, EPS64 = float(np.finfo(np.float32).eps), float(np.finfo(np.float64).eps)
STACK = 256  # nodes that wait in a search, at most: seven for each level of the tree


class BoxTree(NamedTuple):
    """Centroids in the leaves of a balanced tree.

    Node 1 is the root, the children of node i are FANOUT * i + 0, 1, 2, ..., and leaf k is node `first + k`,
    where `first` is a power of FANOUT. There are leaves up to a power of two, so the root may have fewer
    children than the other nodes.

    Leaves keep their centroids, and nodes their children's boxes, transposed, so that the innermost loop runs
    over them. Those centroids are rounded to float32, twice as many in a register and in the cache: they sort
    out what is too far to be worth an exact distance.
    """

    first: int

    points: Array
    """float32, shape (n_leaves * n_features, width): row `leaf * n_features + j` has feature j, less that of
    `middle` and times `scale`; inf where a place is empty."""
    middle: Array
    """float64, shape (n_features,)."""
    scale: float
    blur: float
    """By how much a distance between `points` may differ from the true one, times `scale`, beside the rounding
    of sums and products."""
    ids: Array
    """int64, shape (n_leaves, width): whose centroid stands there; -1 where a place is empty."""
    inverse: Array
    """float32, shape (n_leaves, width): what each adds to the divisor of a distance (Ward: 1 / size)."""
    groups: Array
    """int64, shape (n_leaves, width): the group each belongs to; only other groups are near."""
    places: Array
    """int64, shape (n_ids,): `leaf * width + offset` of each centroid."""
    lower: Array
    """float64, shape (n_inner_nodes, n_features, FANOUT): corner of the box of each child; inf where there is
    none."""
    upper: Array
    light: Array
    """float64, shape (n_nodes + FANOUT,): the greatest of `inverse` under each node."""
    whole: Array
    """int64, shape (n_nodes + FANOUT,): the group that a node lies in with all it has, or -1."""


def build(centroids: Array, ids: Array, inverse: Array, leaf_points: int = LEAF_POINTS) -> BoxTree:
    """Tree over some centroids, each in a group of its own.

    Parameters
    ----------
    centroids : ndarray of shape (n_ids, n_features), float64
    ids : ndarray of shape (n_points,), int64
        Which of them.
    inverse : ndarray of shape (n_ids,), float64
    leaf_points : int
        At most so many in a leaf.
    """
    n_leaves = first = 1
    while len(ids) > n_leaves * leaf_points:
        n_leaves *= 2
    while first < n_leaves:
        first *= FANOUT
    width = -(-len(ids) // n_leaves)
    width += -width % 8  # whole vector registers
    d = centroids.shape[1]
    n_nodes, n_inner = first + n_leaves, -(-(first + n_leaves) // FANOUT)
    middle, scale, blur = _window(centroids, ids)
    tree = BoxTree(
        first,
        np.full((n_leaves * d, width), np.inf, dtype=np.float32),
        middle,
        scale,
        blur,
        np.full((n_leaves, width), -1, dtype=np.int64),
        np.ones((n_leaves, width), dtype=np.float32),
        np.full((n_leaves, width), -1, dtype=np.int64),
        np.full(len(centroids), -1, dtype=np.int64),
        np.full((n_inner, d, FANOUT), np.inf),
        np.full((n_inner, d, FANOUT), -np.inf),
        np.zeros(n_nodes + FANOUT),
        np.full(n_nodes + FANOUT, -1, dtype=np.int64),
    )
    _fill(tree, centroids, ids.copy(), inverse)
    return tree


def _window(centroids: Array, ids: Array) -> tuple[Array, float, float]:
    """Middle, scale and blur of a tree: in float32, its points shall neither lose digits nor leave the range."""
    lower, upper = centroids[ids].min(axis=0), centroids[ids].max(axis=0)
    middle = lower / 2 + upper / 2
    half = upper / 2 - lower / 2
    # the scale's square is a number still, and what float64 loses below its range is less than the blur
    scale = float(np.exp2(-np.frexp(half.max())[1].clip(-400, 510)))
    moved = scale * (EPS32 * half + 4 * EPS64 * np.maximum(abs(lower), abs(upper)))
    return middle, scale, float(2 * np.linalg.norm(moved) + EPS32**2)


def _fill(tree: BoxTree, centroids: Array, order: Array, inverse: Array) -> None:
    (n_leaves, width), d = tree.ids.shape, centroids.shape[1]
    lower, upper = np.empty((2 * n_leaves, d)), np.empty((2 * n_leaves, d))
    starts = halve(centroids, order, lower, upper)
    leaf = np.repeat(np.arange(n_leaves), np.diff(starts))
    offset = np.arange(len(order)) - starts[leaf]
    tree.ids[leaf, offset] = tree.groups[leaf, offset] = order
    tree.inverse[leaf, offset] = inverse[order]
    tree.places[order] = leaf * width + offset
    tree.points.reshape(n_leaves, d, width)[leaf, :, offset] = (centroids[order] - tree.middle) * tree.scale
    tree.light[tree.first : tree.first + n_leaves] = np.maximum.reduceat(inverse[order], starts[:-1])
    for parents, children, halved in _levels(tree):
        shape = (parents.stop - parents.start, -1, d)
        some = slice(0, (children.stop - children.start) // shape[0])
        tree.lower[parents, :, some] = lower[halved].reshape(shape).transpose(0, 2, 1)
        tree.upper[parents, :, some] = upper[halved].reshape(shape).transpose(0, 2, 1)
        tree.light[parents] = tree.light[children].reshape(shape[:2]).max(axis=1)


def _levels(tree: BoxTree) -> Iterator[tuple[slice, slice, slice]]:
    """Upwards from the leaves: the nodes of a level, their children, and these in a binary heap of all boxes."""
    node, count = tree.first, len(tree.ids)
    while node > 1:
        above, fewer = node // FANOUT, max(1, count // FANOUT)
        yield slice(above, above + fewer), slice(node, node + count), slice(count, 2 * count)
        node, count = above, fewer


def regroup(tree: BoxTree, groups: Array) -> None:
    """Put each centroid into a group: `groups[id]`."""
    tree.groups[:] = np.where(tree.ids >= 0, groups[tree.ids], -1)
    least = np.where(tree.ids >= 0, tree.groups, len(groups)).min(axis=1)
    leaves = slice(tree.first, tree.first + len(tree.ids))
    tree.whole[leaves] = np.where(least == tree.groups.max(axis=1), least, -1)
    for parents, children, _ in _levels(tree):
        below = tree.whole[children].reshape(parents.stop - parents.start, -1)
        tree.whole[parents] = np.where((below == below[:, :1]).all(axis=1), below[:, 0], -1)


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
    """Nearest centroid of another group: the least `squared distance / (own + inverse)`, then the lowest id.

    Parameters
    ----------
    tree
    centroids : ndarray of shape (n_ids, n_features), float64
        Those that the tree was built over; squares of their differences are finite.
    i : int
        Whose neighbour is wanted: one of those in the tree.
    inverse : ndarray of shape (n_ids,), float64
        What each adds to the divisor of a distance.
    group : int
        Group of `i`.
    found, best : int, float
        A candidate and its distance, if known; or -1 and a distance beyond which nothing is wanted.

    Returns
    -------
    The nearest and its distance; `found` and `best` if there is none as near.

    Notes
    -----
    Floating-point rounding is monotone, and a box's bound is computed by the same operations in the same
    order as a distance: so it holds for computed distances to the last bit, and the result does not depend
    on the shape of the tree. Nor does it depend on the rounded centroids: what they let through, with the
    bounds on their errors, is measured in float64.
    """
    x = centroids[i]
    around = ((x - tree.middle) * tree.scale).astype(np.float32)
    own, own32 = inverse[i], np.float32(inverse[i])
    # taken out of the tree once: to do so counts references to all of its arrays, which costs as much as a leaf
    first, scale, blur = tree.first, tree.scale, tree.blur
    points, ids, divisors, groups = tree.points, tree.ids, tree.inverse, tree.groups
    lower, upper, light, whole = tree.lower, tree.upper, tree.light, tree.whole
    squared, reach = np.empty(ids.shape[1], dtype=np.float32), np.empty(FANOUT)
    stack, bounds = np.empty(STACK, dtype=np.int64), np.empty(STACK)
    more = 1 + (len(x) + 16) * EPS32
    home = first + tree.places[i] // ids.shape[1]  # to be looked into first
    stack[0], bounds[0], stack[1], bounds[1] = 1, 0.0, home, 0.0
    top = 1 if home == 1 else 2
    while top > 0:
        top -= 1
        node = stack[top]
        if bounds[top] > best:
            continue
        if node < first:
            _bound(lower, upper, light, node, x, own, reach)
            lowest = top
            for c in range(FANOUT):
                child = FANOUT * node + c
                if reach[c] <= best and reach[c] < np.inf and child != home and whole[child] != group:
                    k = top
                    while k > lowest and bounds[k - 1] < reach[c]:  # the nearest on top
                        stack[k], bounds[k] = stack[k - 1], bounds[k - 1]
                        k -= 1
                    stack[k], bounds[k] = child, reach[c]
                    top += 1
            continue
        leaf = node - first
        _measure(points, leaf, around, squared)
        # as near as `best` are only centroids with squared <= share * (own + divisor) + rest
        longest = scale * np.sqrt(best * (own + light[node]))
        share = np.float32(more * scale * scale * best)
        rest = np.float32(more * blur * (2 * longest + blur))
        hit = 0
        for c in range(len(squared)):
            hit |= squared[c] <= share * (own32 + divisors[leaf, c]) + rest
        for c in range(len(squared) if hit else 0):
            if squared[c] <= share * (own32 + divisors[leaf, c]) + rest:
                other = ids[leaf, c]
                if other < 0 or groups[leaf, c] == group:
                    continue
                total = 0.0
                for j in range(len(x)):
                    difference = x[j] - centroids[other, j]
                    total += difference * difference
                distance = total / (own + inverse[other])
                if distance < best or (distance == best and (found < 0 or other < found)):
                    found, best = other, distance
    return found, best


@njit(nogil=True, cache=True)
def _bound(
    lower: Array, upper: Array, light: Array, node: int, x: Array, own: float, reach: Array
) -> None:  # pragma: no cover
    """Write, for each child of a node, a lower bound of the distances from `x` to the centroids in its box."""
    for c in range(len(reach)):
        reach[c] = 0.0
    for j in range(len(x)):
        for c in range(len(reach)):
            outside = max(lower[node, j, c] - x[j], x[j] - upper[node, j, c], 0.0)
            reach[c] += outside * outside
    for c in range(len(reach)):
        reach[c] /= own + light[FANOUT * node + c]


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
