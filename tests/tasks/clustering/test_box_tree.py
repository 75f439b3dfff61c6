"""The tree of bounding boxes, beside all distances."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tasks.clustering import box_tree

WAYS = {
    "normal": lambda r, n, d: r.normal(size=(n, d)),
    "clouds": lambda r, n, d: r.normal(size=(n, d)) * 1e-3 + 9 * r.normal(size=(7, d))[r.integers(0, 7, n)],
    "far from zero": lambda r, n, d: r.normal(size=(n, d)) + 1e8,
    "sides of 1e150": lambda r, n, d: r.normal(size=(n, d)) + 5e149 * (np.arange(n) % 2)[:, None],
    "squares vanish": lambda r, n, d: 1e-200 * r.normal(size=(n, d)),
    "squares hardly vanish": lambda r, n, d: 1e-158 * r.integers(0, 9, (n, d)),
    "tiny": lambda r, n, d: 1e-140 * r.normal(size=(n, d)),
    "huge": lambda r, n, d: 1e140 * r.normal(size=(n, d)),
    "unequal sides": lambda r, n, d: r.normal(size=(n, d)) * 10.0 ** r.integers(-9, 9, d),
    "lattice": lambda r, n, d: r.integers(0, 3, (n, d)).astype(float),
    "all equal": lambda r, n, d: np.full((n, d), 0.1),
    "one far away": lambda r, n, d: np.vstack([np.full((1, d), 1e12), r.normal(size=(n - 1, d))]),
}


def nearest_of_all(X: Any, inverse: Any, groups: Any, ids: Any, i: int) -> tuple[int, float]:
    """By every distance, summed feature by feature as the tree does."""
    others = ids[groups[ids] != groups[i]]
    squared = np.zeros(len(others))
    for j in range(X.shape[1]):
        squared += (X[i, j] - X[others, j]) ** 2
    distances = squared / (inverse[i] + inverse[others])
    best = distances.min()
    return int(others[distances == best].min()), float(best)


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize(("leaf_points", "n"), [(1, 70), (3, 500), (8, 333), (128, 1000), (1000, 200)])
def test_the_nearest_to_the_last_bit(way: str, leaf_points: int, n: int) -> None:
    random = np.random.default_rng(n)
    for d in (1, 2, 5, 10, 17):
        X = WAYS[way](random, n, d)
        inverse = 1 / random.integers(1, 40, n)
        ids = np.sort(random.choice(n, n - n // 5, replace=False))
        tree = box_tree.build(X, ids, inverse, leaf_points)
        for i in ids[::7]:
            found = box_tree.nearest(tree, X, i, inverse, i, -1, np.inf)
            assert found == nearest_of_all(X, inverse, np.arange(n), ids, i)
            # a candidate changes nothing, nor does a limit that is the distance itself
            assert box_tree.nearest(tree, X, i, inverse, i, *found) == found
            assert box_tree.nearest(tree, X, i, inverse, i, -1, found[1]) == found


@given(st.integers(1, 300), st.integers(1, 12), st.integers(1, 40), st.integers(0, 2**32 - 1))
def test_groups(n: int, count: int, leaf_points: int, seed: int) -> None:
    random = np.random.default_rng(seed)
    X = random.integers(0, 6, (n, 3)).astype(float)
    halves, ids = np.full(n, 0.5), np.arange(n)
    tree = box_tree.build(X, ids, halves, leaf_points)
    # neighbours often share a group, so that whole leaves and nodes do
    groups = np.sort(random.integers(0, count, n))[np.argsort(np.argsort(X[:, 0], kind="stable"))]
    box_tree.set_groups(tree, groups)
    for i in ids[::11]:
        found = box_tree.nearest(tree, X, i, halves, groups[i], -1, np.inf)
        if (groups == groups[i]).all():
            assert found == (-1, np.inf)
        else:
            assert found == nearest_of_all(X, halves, groups, ids, i)


def test_nothing_is_found_beyond_the_limit() -> None:
    X, inverse, ids = np.arange(40.0)[:, None], np.full(40, 0.5), np.arange(40)
    tree = box_tree.build(X, ids, inverse, 4)
    assert box_tree.nearest(tree, X, 7, inverse, 7, -1, 0.5) == (-1, 0.5)
