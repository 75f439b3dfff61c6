"""Tests whether a property of a text, for example an n-gram, is associated with the target."""

from abc import ABC, abstractmethod
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import stats

Array = NDArray[Any]


class Association(ABC):
    """Test of many properties of the rows against one target.

    Parameters
    ----------
    y : ndarray of shape (n_rows,)
        Target.

    Attributes
    ----------
    weights : ndarray of shape (n_rows, n_sums)
        Values that are summed over the rows that have a property.
    """

    weights: Array

    @abstractmethod
    def __init__(self, y: Array) -> None: ...

    @abstractmethod
    def p_values(self, rows: Array, sums: Array) -> tuple[Array, Array]:
        """Test properties.

        Parameters
        ----------
        rows : ndarray of shape (n_properties,), int64
            Number of rows that have each property.
        sums : ndarray of shape (n_properties, n_sums)
            Sums of the weights over these rows.

        Returns
        -------
        p_values : ndarray of shape (n_properties,), float64
            Probability of an association at least as strong if there is none.
        outcomes : ndarray of shape (n_properties,), int64
            Index of the outcome that each property tells most about.
        """


class ClassAssociation(Association):
    """Fisher's exact test of each class against the others, with Bonferroni's correction for the number of classes.

    The test is exact, so that a rare n-gram and a rare class need no rule of their own.

    Parameters
    ----------
    y : ndarray of shape (n_rows,)
        Classes.
    """

    def __init__(self, y: Array) -> None:
        classes, codes = np.unique(y, return_inverse=True)
        tested = range(1, 2) if len(classes) == 2 else range(len(classes))
        self.weights = (codes[:, None] == np.array(tested)).astype(np.int64)

    def p_values(self, rows: Array, sums: Array) -> tuple[Array, Array]:
        sizes = self.weights.sum(axis=0)
        each = np.column_stack([self._of_class(rows, *pair) for pair in zip(sums.T, sizes, strict=True)])
        return np.minimum(1.0, each.min(axis=1) * len(sizes)), each.argmin(axis=1)

    def _of_class(self, rows: Array, found: Array, size: int) -> Array:
        """Twice the smaller tail of the hypergeometric distribution; equal counts are computed once."""
        total = len(self.weights)
        distinct, place = np.unique(rows * (total + 1) + found, return_inverse=True)
        rows, found = np.divmod(distinct, total + 1)
        more = stats.hypergeom.sf(found - 1, total, size, rows)
        fewer = stats.hypergeom.cdf(found, total, size, rows)
        p: Array = 2 * np.minimum(more, fewer)
        return p[place]


class QuantityAssociation(Association):
    """Wilcoxon's rank-sum test; ranks, so that one extreme quantity does not make an n-gram look significant.

    Parameters
    ----------
    y : ndarray of shape (n_rows,)
        Quantities.
    """

    def __init__(self, y: Array) -> None:
        ranks = stats.rankdata(y)
        self.weights = (ranks - ranks.mean())[
            :, None
        ]  # multiples of one half: their sums are exact in any order

    def p_values(self, rows: Array, sums: Array) -> tuple[Array, Array]:
        total = len(self.weights)
        variance = rows * (total - rows) / (total - 1) * self.weights.var()
        p: Array = 2 * stats.norm.sf(np.abs(sums[:, 0]) / np.sqrt(variance))
        return p, np.zeros(len(p), dtype=np.int64)


def strongest(p_values: Array, outcomes: Array, level: float, most: int) -> Array:
    """Choose the significant properties; the outcomes take turns, so that no outcome takes all places.

    Parameters
    ----------
    p_values, outcomes : ndarray of shape (n_properties,)
        What `Association.p_values` gives.
    level : float
        Expected share of false discoveries (Benjamini and Hochberg, 1995).
    most : int
        Largest number of properties to choose.

    Returns
    -------
    ndarray of int64
        Indices of the chosen properties, the strongest first.
    """
    if not len(p_values):
        return np.zeros(0, dtype=np.int64)
    significant = np.flatnonzero(stats.false_discovery_control(p_values) <= level)
    order = significant[np.argsort(p_values[significant], kind="stable")]
    turn = np.zeros(len(order), dtype=np.int64)
    for outcome in np.unique(outcomes[order]):
        own = outcomes[order] == outcome
        turn[own] = np.arange(own.sum())
    chosen: Array = order[np.argsort(turn, kind="stable")][:most]
    return chosen
