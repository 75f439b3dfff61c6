"""A tree of bounding boxes over cluster centroids: what lies too far is passed over unseen."""

from typing import Any, NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

from tasks.clustering.halving import halve

Array = NDArray[Any]
LEAF_POINTS = 64
MAX_DEPTH = 64


class BoxTree(NamedTuple):
    """Centroids in the leaves of a balanced binary tree; node 1 is the root, node i has children 2i, 2i + 1.

    A leaf keeps its centroids transposed, so that the innermost loop runs over centroids and every one's
    sum of squares is added in the order of the features, vectorised or not.
    """

    points: Array
    """float64, shape (n_leaves * n_features, width): row `leaf * n_features + j` has feature j; inf where
    a place is empty."""
    ids: Array
    """int64, shape (n_leaves, width): whose centroid stands there; -1 where a place is empty."""
    inverse: Array
    """float64, shape (n_leaves, width): what each adds to the divisor of a distance (Ward: 1 / size)."""
    groups: Array
    """int64, shape (n_leaves, width): the group each belongs to; only other groups are near."""
    places: Array
    """int64, shape (n_ids,): `leaf * width + offset` of each centroid."""
    lower: Array
    """float64, shape (2 * n_leaves, n_features): corner of each node's box."""
    upper: Array
    light: Array
    """float64, shape (2 * n_leaves,): the greatest of `inverse` under each node."""
    whole: Array
    """int64, shape (2 * n_leaves,): the group that a node lies in with all it has, or -1."""


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
    n_leaves = 1
    while len(ids) > n_leaves * leaf_points:
        n_leaves *= 2
    width = -(-len(ids) // n_leaves)
    width += -width % 4  # whole vector registers
    d = centroids.shape[1]
    tree = BoxTree(
        np.full((n_leaves * d, width), np.inf),
        np.full((n_leaves, width), -1, dtype=np.int64),
        np.ones((n_leaves, width)),
        np.full((n_leaves, width), -1, dtype=np.int64),
        np.full(len(centroids), -1, dtype=np.int64),
        np.full((2 * n_leaves, d), np.inf),  # node 0 is none
        np.full((2 * n_leaves, d), -np.inf),
        np.zeros(2 * n_leaves),
        np.full(2 * n_leaves, -1, dtype=np.int64),
    )
    _fill(tree, centroids, ids.copy(), inverse)
    return tree


@njit(nogil=True, cache=True)
def _fill(tree: BoxTree, centroids: Array, order: Array, inverse: Array) -> None:  # pragma: no cover
    starts = halve(centroids, order, tree.lower, tree.upper)
    n_leaves = len(tree.ids)
    for leaf in range(n_leaves):
        _settle(tree, leaf, centroids, order[starts[leaf] : starts[leaf + 1]], inverse)
    for node in range(n_leaves - 1, 0, -1):
        tree.light[node] = max(tree.light[2 * node], tree.light[2 * node + 1])


@njit(nogil=True, cache=True)
def _settle(
    tree: BoxTree, leaf: int, centroids: Array, ids: Array, inverse: Array
) -> None:  # pragma: no cover
    n_leaves, d = len(tree.ids), centroids.shape[1]
    for offset, i in enumerate(ids):
        tree.ids[leaf, offset] = tree.groups[leaf, offset] = i
        tree.inverse[leaf, offset] = inverse[i]
        tree.light[n_leaves + leaf] = max(tree.light[n_leaves + leaf], inverse[i])
        tree.places[i] = leaf * tree.ids.shape[1] + offset
        for j in range(d):
            tree.points[leaf * d + j, offset] = centroids[i, j]


@njit(nogil=True, cache=True)
def regroup(tree: BoxTree, groups: Array) -> None:  # pragma: no cover
    """Put each centroid into a group: `groups[id]`."""
    n_leaves = len(tree.ids)
    for leaf in range(n_leaves):
        shared = np.int64(-2)
        for offset in range(tree.ids.shape[1]):
            if tree.ids[leaf, offset] >= 0:
                group = groups[tree.ids[leaf, offset]]
                tree.groups[leaf, offset] = group
                shared = group if shared in (-2, group) else np.int64(-1)
        tree.whole[n_leaves + leaf] = shared
    for node in range(n_leaves - 1, 0, -1):
        left, right = tree.whole[2 * node], tree.whole[2 * node + 1]
        tree.whole[node] = left if left == right else -1


@njit(nogil=True, cache=True)
def nearest(
    tree: BoxTree,
    x: Array,
    own: float,
    group: int,
    home: int,
    found: int,
    best: float,
    squared: Array,
    stack: Array,
    bounds: Array,
) -> tuple[int, float]:  # pragma: no cover
    """Nearest centroid of another group: the least `squared distance / (own + inverse)`, then the lowest id.

    Parameters
    ----------
    tree
    x : ndarray of shape (n_features,)
    own : float
        The part that `x` itself adds to the divisor.
    group : int
        Group of `x`.
    home : int
        Leaf to look into first, the one of `x`.
    found, best : int, float
        A candidate and its distance, if known; or -1 and a distance beyond which nothing is wanted.
    squared, stack, bounds
        Memory to work in: float64 of a leaf's width, int64 and float64 of `MAX_DEPTH`. The function that
        calls allocates it, by itself: only then does the compiler know that it overlaps nothing, which
        makes a search a third shorter.

    Returns
    -------
    The nearest and its distance; `found` and `best` if there is none as near.

    Notes
    -----
    Floating-point rounding is monotone, and a box's bound is computed by the same operations in the same
    order as a distance: so it holds for computed distances to the last bit, and the result does not depend
    on the shape of the tree.
    """
    n_leaves, width = tree.ids.shape
    home += n_leaves
    node = home
    stack[0], bounds[0], top = 1, 0.0, 1
    while True:
        if node >= n_leaves:
            leaf = node - n_leaves
            _measure(tree, leaf, x, squared)
            # a product in place of a quotient, rounded up by more than its error, sorts nearly all out; as a
            # pass of its own it is vectorised
            limit = best * (1 + 1e-15)
            hit = 0
            for c in range(width):
                hit |= squared[c] <= limit * (own + tree.inverse[leaf, c])
            for c in range(width if hit else 0):
                if squared[c] <= limit * (own + tree.inverse[leaf, c]):
                    other = tree.ids[leaf, c]
                    if other < 0 or tree.groups[leaf, c] == group:
                        continue
                    distance = squared[c] / (own + tree.inverse[leaf, c])
                    if distance < best or (distance == best and (found < 0 or other < found)):
                        found, best = other, distance
                        limit = best * (1 + 1e-15)
        if top == 0:
            return found, best
        top -= 1
        node = stack[top]
        if bounds[top] > best or node == home:
            node = 0
        while 0 < node < n_leaves:
            near, far = 2 * node, 2 * node + 1
            a = _bound(x, tree.lower[near], tree.upper[near], own + tree.light[near])
            b = _bound(x, tree.lower[far], tree.upper[far], own + tree.light[far])
            if tree.whole[near] == group:
                a = np.inf
            if tree.whole[far] == group:
                b = np.inf
            if b < a:
                near, far = far, near
                a, b = b, a
            if b <= best:
                stack[top], bounds[top] = far, b
                top += 1
            node = 0 if a > best or near == home else near


@njit(nogil=True, cache=True, inline="always")
def _bound(x: Array, lower: Array, upper: Array, divisor: float) -> float:  # pragma: no cover
    """Lower bound of the distances from `x` to the centroids in a box."""
    total = 0.0
    for j in range(len(x)):
        outside = max(lower[j] - x[j], x[j] - upper[j], 0.0)
        total += outside * outside
    return total / divisor


@njit(nogil=True, cache=True, inline="always")
def _measure(tree: BoxTree, leaf: int, x: Array, squared: Array) -> None:  # pragma: no cover
    """Write the squared distances from `x` to the centroids of a leaf."""
    d = len(x)
    squared[:] = 0.0
    for j in range(d):
        row = tree.points[leaf * d + j]
        value = x[j]
        for c in range(len(squared)):
            difference = value - row[c]
            squared[c] += difference * difference
