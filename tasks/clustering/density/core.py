"""The test for a core row of DBSCAN, and the result of DBSCAN."""

from typing import Any, NamedTuple

from numpy.typing import NDArray

Array = NDArray[Any]


class CoreCondition(NamedTuple):
    """Condition for core rows."""

    eps: float
    """Largest Euclidean distance of two neighbours."""
    min_weight: float
    """Least weight of the neighbours of a core row, itself included (`min_samples` of scikit-learn)."""
    nonnegative_weights: bool
    """Whether no weight is negative, so that a sum of weights that is large enough stays large enough."""


class DensityClustering(NamedTuple):
    """Clusters and core rows."""

    labels: Array
    """int64, shape (n_samples,): cluster of each row, or -1."""
    core: Array
    """bool, shape (n_samples,): whether each row is a core row."""
