"""Rows regrouped by where they lie: boxes of nearly equal numbers of rows, from medians of a sample."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from infra.engines import Blocks, Engine

Array = NDArray[Any]
SAMPLE_ROWS = 1024  # of each block


@dataclass(frozen=True)
class Regions:
    """A balanced k-d tree of cuts, heap-ordered: node i has children 2i + 1 (at most the cut) and 2i + 2."""

    axes: Array
    """int64, shape (n_regions - 1,): column each node cuts."""
    cuts: Array
    """float64, shape (n_regions - 1,)."""
    lows: Array
    """float64, shape (n_regions, n_features): open lower ends of the boxes, -inf at the outside."""
    highs: Array
    """float64, shape (n_regions, n_features): closed upper ends."""

    def __len__(self) -> int:
        return len(self.lows)

    def of(self, X: Array) -> Array:
        """Region of each row; int64, shape (n_rows,)."""
        node = np.zeros(len(X), dtype=np.int64)
        rows = np.arange(len(X))
        while len(self.axes) and node[0] < len(self.axes):  # the tree is perfect: all rows go down together
            node = 2 * node + 1 + (X[rows, self.axes[node]] > self.cuts[node])
        return node - len(self.axes)

    def near(self, X: Array, region: int, distance: float) -> Array:
        """Whether each row lies in a region's box or within `distance` of its faces; bool, shape (n_rows,)."""
        # one step further than rounding takes
        lows = np.nextafter(self.lows[region] - distance * (1 + 1e-9), -np.inf)
        highs = np.nextafter(self.highs[region] + distance * (1 + 1e-9), np.inf)
        inside: Array = np.ones(len(X), dtype=bool)
        for j in range(X.shape[1]):
            inside &= (lows[j] <= X[:, j]) & (X[:, j] <= highs[j])
        return inside

    def copies(self, sample: Array, distance: float) -> float:
        """Copies of a row that all regions together would hold, each with the rows within `distance`."""
        return sum(float(self.near(sample, r, distance).mean()) for r in range(len(self)))


def sampled(engine: Engine, blocks: Blocks) -> Array:
    """A sample of rows of every block, evenly spaced: float64, shape (m, n_features)."""
    return np.concatenate(engine.map(_sample, blocks))


def _sample(X: Array, *_rest: Any) -> Array:
    return X[:: max(1, len(X) // SAMPLE_ROWS)].astype(np.float64)


def cut_regions(sample: Array, count: int) -> Regions:
    """Cut space into `count` boxes (a power of two), each box at its median along its longest side."""
    axes = np.zeros(count - 1, dtype=np.int64)
    cuts = np.zeros(count - 1)
    d = sample.shape[1]
    lows, highs = np.full((2 * count - 1, d), -np.inf), np.full((2 * count - 1, d), np.inf)
    members = {0: sample}
    for node in range(count - 1):
        rows = members.pop(node)
        axis = int((rows.max(axis=0) - rows.min(axis=0)).argmax()) if len(rows) else 0
        middle = (len(rows) - 1) // 2
        cut = float(np.partition(rows[:, axis], middle)[middle]) if len(rows) else 0.0
        below = rows[:, axis] <= cut
        axes[node], cuts[node] = axis, cut
        for child, part in ((2 * node + 1, rows[below]), (2 * node + 2, rows[~below])):
            lows[child], highs[child], members[child] = lows[node], highs[node], part
        highs[2 * node + 1, axis] = lows[2 * node + 2, axis] = cut
    return Regions(axes, cuts, lows[count - 1 :], highs[count - 1 :])


def power_of_two(least: float) -> int:
    """The smallest power of two that is at least `least`."""
    return 1 << max(0, int(np.ceil(np.log2(max(least, 1)))))
