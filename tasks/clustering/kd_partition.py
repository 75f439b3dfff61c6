"""Space cut into boxes with nearly equal numbers of rows by a k-d tree from a sample of the rows."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from infra.engines import Blocks, Engine

Array = NDArray[Any]
SAMPLE_ROWS = 1024  # of each block


@dataclass(frozen=True)
class KDPartition:
    """Space cut into regions, the leaves of a balanced k-d tree.

    The nodes are ordered as in a heap: node i has the children 2i + 1 (coordinates up to the cut, inclusive)
    and 2i + 2 (coordinates above it).
    """

    axes: Array
    """int64, shape (n_regions - 1,): column that each node cuts."""
    cuts: Array
    """float64, shape (n_regions - 1,): coordinate at which each node cuts."""
    lows: Array
    """float64, shape (n_regions, n_features): lower ends of the regions, exclusive; -inf: no end."""
    highs: Array
    """float64, shape (n_regions, n_features): upper ends of the regions, inclusive; inf: no end."""

    def __len__(self) -> int:
        return len(self.lows)

    def region_of(self, X: Array) -> Array:
        """Region of each row; int64, shape (n_rows,)."""
        node = np.zeros(len(X), dtype=np.int64)
        rows = np.arange(len(X))
        while len(self.axes) and node[0] < len(self.axes):  # all rows reach the leaves in the same step
            node = 2 * node + 1 + (X[rows, self.axes[node]] > self.cuts[node])
        return node - len(self.axes)

    def is_near(self, X: Array, region: int, distance: float) -> Array:
        """Whether each row lies in a region or within a distance of one of its faces.

        Parameters
        ----------
        X : ndarray of shape (n_rows, n_features)
        region : int
            Number of the region.
        distance : float
            Largest distance along an axis.

        Returns
        -------
        ndarray of shape (n_rows,), bool
        """
        # one floating-point number further than rounding can reach
        lows = np.nextafter(self.lows[region] - distance * (1 + 1e-9), -np.inf)
        highs = np.nextafter(self.highs[region] + distance * (1 + 1e-9), np.inf)
        inside: Array = np.ones(len(X), dtype=bool)
        for j in range(X.shape[1]):
            inside &= (lows[j] <= X[:, j]) & (X[:, j] <= highs[j])
        return inside

    def copies_of_a_row(self, sample: Array, distance: float) -> float:
        """Mean number of regions that a row of the sample lies in or within `distance` of."""
        return sum(float(self.is_near(sample, region, distance).mean()) for region in range(len(self)))


def sample_of_blocks(engine: Engine, blocks: Blocks) -> Array:
    """Sample of the rows of every block, evenly spaced: float64, shape (m, n_features)."""
    return np.concatenate(engine.map(_sample, blocks))


def _sample(X: Array, _weights: Array) -> Array:
    return X[:: max(1, len(X) // SAMPLE_ROWS)].astype(np.float64)


def kd_partition(sample: Array, count: int) -> KDPartition:
    """Cut space into `count` regions (a power of two), each at the median of the longest side of its sample."""
    axes = np.zeros(count - 1, dtype=np.int64)
    cuts = np.zeros(count - 1)
    d = sample.shape[1]
    lows, highs = np.full((2 * count - 1, d), -np.inf), np.full((2 * count - 1, d), np.inf)
    rows_of = {0: sample}
    for node in range(count - 1):
        rows = rows_of.pop(node)
        axes[node], cuts[node] = _cut(rows)
        below = rows[:, axes[node]] <= cuts[node]
        for child, part in ((2 * node + 1, rows[below]), (2 * node + 2, rows[~below])):
            lows[child], highs[child], rows_of[child] = lows[node], highs[node], part
        highs[2 * node + 1, axes[node]] = lows[2 * node + 2, axes[node]] = cuts[node]
    return KDPartition(axes, cuts, lows[count - 1 :], highs[count - 1 :])


def _cut(rows: Array) -> tuple[int, float]:
    """Column and coordinate at which some rows of the sample are cut."""
    if not len(rows):
        return 0, 0.0
    axis = int((rows.max(axis=0) - rows.min(axis=0)).argmax())
    middle = (len(rows) - 1) // 2
    return axis, float(np.partition(rows[:, axis], middle)[middle])
