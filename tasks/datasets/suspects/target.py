"""Columns that are the target, or that tell the target in every row."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy.special import gammaln

from tasks.datasets.frames import is_numeric
from tasks.datasets.suspects.finding import HEAD, Suspect, codes

CHANCE = 1e-6
"""Largest probability that chance alone puts one or more columns of a table under suspicion."""
ROWS_PER_VALUE = 10
"""Least number of rows for each value, on average, in a column of few values."""
FEW_VALUES = 1_000
"""Largest number of different values in a column of few values."""
UNEXPLAINED = 1e-9
"""Largest share of the variance of a linear function of the target that rounding of its digits may leave."""

TargetValues = npt.NDArray[np.generic]


def target_copies(frame: pd.DataFrame, target: TargetValues) -> list[Suspect]:
    """Find the columns that are the target itself, under other names or on another scale.

    A column is found if its values and the values of the target correspond one to one (a missing value is a value),
    or if the target is a quantity and the column is a linear function of it up to rounding. A column of a small
    table may be so by chance: see `target_tellers`.

    Parameters
    ----------
    frame : pandas.DataFrame of shape (rows, n_features)
        The features.
    target : numpy.ndarray of shape (rows,)
        Class codes (int64), or the quantity (float64).
    """
    table = _Labelled(frame, target)

    def reason(column: pd.Series) -> str | None:
        if table.is_quantity and is_numeric(column) and (why := _linear_reason(column.to_numpy(), table)):
            return why
        if table.is_told_by(column) and table.count_values(column) == table.kinds:
            return _ONE_TO_ONE if table.excludes_chance(gammaln(table.kinds + 1)) else None
        return None

    return _found(frame, reason)


_ONE_TO_ONE = "it is the target under other names: its values and those of the target correspond one to one"


def target_tellers(frame: pd.DataFrame, target: TargetValues) -> list[Suspect]:
    """Find the columns of few values in which every value stands in rows of one class only.

    Columns that `target_copies` finds are left out. A missing value is a value, and a column is also found if it is
    missing in all rows of one of two classes and in no other row.

    Such a column may come about by chance. Among the n!/(n_1! ... n_K!) ways to distribute the target's values over the
    rows, at most K^V leave each of the V values of the column with one class: one for each map from values to classes.
    If column and target are independent, the probability of such a column is thus at most K^V n_1! ... n_K!/n!, and a
    column is found only if this bound, times the number of columns, is below `CHANCE`. The bound is above 1 for a
    column whose values are all different, which is never found. A column needs ten rows for each value on average, and
    at most 1,000 values, so that columns of measurements need not be read in full.

    Parameters
    ----------
    frame : pandas.DataFrame of shape (rows, n_features)
        The features.
    target : numpy.ndarray of shape (rows,)
        Class codes (int64), or the quantity (float64).
    """
    table = _Labelled(frame, target)

    def reason(column: pd.Series) -> str | None:
        if table.is_told_by_absence(column):
            return "it tells the target: it is missing in all rows of one class, and in no other row"
        if not table.is_told_by(column):
            return None
        values = table.count_values(column)
        if values == table.kinds or not table.excludes_chance(values * np.log(table.kinds)):
            return None
        return f"it tells the target: each of its {values:,} values stands in rows of one class only"

    return _found(frame, reason)


def threshold_tellers(frame: pd.DataFrame, target: TargetValues) -> list[Suspect]:
    """Find the columns of many numbers whose ranges hold one class each, so that thresholds separate the classes.

    A strong feature may do this, so a column that is found deserves a warning and not more. If column and target are
    independent, the probability is at most K! n_1! ... n_K!/n! (one order of the rows for each order of the
    classes), and a column is found only if this, times the number of columns, is below `CHANCE`. Columns of few values
    are left to `target_tellers`.

    Parameters
    ----------
    frame : pandas.DataFrame of shape (rows, n_features)
        The features.
    target : numpy.ndarray of shape (rows,)
        Class codes (int64); nothing is found for a quantity.
    """
    table = _Labelled(frame, target)
    if table.is_quantity or not table.excludes_chance(gammaln(table.kinds + 1)):
        return []

    def reason(column: pd.Series) -> str | None:
        if not is_numeric(column) or not table.is_separated_by(column.to_numpy()):
            return None
        if table.has_few_values(column):
            return None
        return f"it separates the classes by thresholds, without an error in {len(column):,} rows"

    return _found(frame, reason)


def _found(frame: pd.DataFrame, reason: Callable[[pd.Series], str | None]) -> list[Suspect]:
    return [Suspect(str(name), why) for name, column in frame.items() if (why := reason(column))]


@dataclass(frozen=True)
class _Labelled:
    """The features with the target; a quantity is treated by its different values, as if they were classes."""

    frame: pd.DataFrame
    target: TargetValues

    @property
    def is_quantity(self) -> bool:
        return not np.issubdtype(self.target.dtype, np.integer)

    @cached_property
    def labels(self) -> npt.NDArray[np.intp]:
        return np.unique(self.target, return_inverse=True)[1]

    @cached_property
    def counts(self) -> npt.NDArray[np.intp]:
        return np.bincount(self.labels)

    @property
    def kinds(self) -> int:
        """Number of different values of the target."""
        return len(self.counts)

    @cached_property
    def _by_label(self) -> tuple[npt.NDArray[np.intp], npt.NDArray[np.intp]]:
        """Rows in the order of their labels, and the place of the first row of each label."""
        return np.argsort(self.labels, kind="stable"), np.cumsum(self.counts) - self.counts

    def excludes_chance(self, log_ways: float) -> bool:
        """Whether so many ways (their logarithm) among all distributions of the target are too few for chance."""
        log_all = gammaln(len(self.labels) + 1) - gammaln(self.counts + 1).sum()
        columns = max(self.frame.shape[1], 1)
        return bool(self.kinds > 1 and log_ways - log_all + np.log(columns) < np.log(CHANCE))

    def count_values(self, column: pd.Series) -> int:
        """Number of different values, of which a missing value is one."""
        return len(np.unique(codes(column)))

    def has_few_values(self, column: pd.Series) -> bool:
        return self._are_few(codes(column.iloc[:HEAD])) and self._are_few(codes(column))

    def _are_few(self, values: npt.NDArray[np.int64]) -> bool:
        return len(pd.unique(values)) <= min(FEW_VALUES, len(self.labels) // ROWS_PER_VALUE)

    def is_told_by(self, column: pd.Series) -> bool:
        """Whether a column has few values, and each stands in rows of one label only."""
        head = codes(column.iloc[:HEAD])
        if not (self._are_few(head) and self._is_pure(head)):
            return False
        values = codes(column)
        return self._are_few(values) and self._is_pure(values)

    def _is_pure(self, values: npt.NDArray[np.int64]) -> bool:
        pairs = values * self.kinds + self.labels[: len(values)]
        return len(pd.unique(pairs)) == len(pd.unique(values))

    def is_told_by_absence(self, column: pd.Series) -> bool:
        """Whether a column of more than one value is missing in the rows of one of two labels."""
        absent = column.isna().to_numpy()
        if self.kinds != 2 or absent.all() or not absent.any() or not self._is_pure(absent.astype(np.int64)):
            return False
        return self.count_values(column) > self.kinds and self.excludes_chance(float(np.log(2)))

    def is_separated_by(self, values: npt.NDArray[np.float64]) -> bool:
        """Whether the ranges of the values of the labels do not touch; a missing value belongs to no range."""
        if not self._are_ordered(values[:HEAD], self.labels[:HEAD]) or np.isnan(values).any():
            return False
        order, starts = self._by_label
        low, high = np.minimum.reduceat(values[order], starts), np.maximum.reduceat(values[order], starts)
        ranks = np.argsort(low)
        return bool((high[ranks][:-1] < low[ranks][1:]).all())

    def _are_ordered(self, values: npt.NDArray[np.float64], labels: npt.NDArray[np.intp]) -> bool:
        """Whether the labels change as seldom as possible along the sorted values."""
        changes = np.count_nonzero(np.diff(labels[np.argsort(values, kind="stable")]))
        return bool(changes == len(np.unique(labels)) - 1)


def _linear_reason(values: npt.NDArray[np.float64], table: _Labelled) -> str | None:
    given = np.isfinite(values)
    known, quantity = values[given], np.asarray(table.target[given], dtype=np.float64)
    # of all distributions of the quantities over the rows, one rises with the column and one falls
    if not _are_linear(known, quantity) or not _Labelled(table.frame, quantity).excludes_chance(np.log(2)):
        return None
    return "it is the target" if np.array_equal(known, quantity) else "it is a linear function of the target"


def _are_linear(one: npt.NDArray[np.float64], other: npt.NDArray[np.float64]) -> bool:
    """Whether the squared correlation is 1 up to the rounding of digits."""
    if not len(one):
        return False
    one, other = one - one.mean(), other - other.mean()
    squares = float(one @ one) * float(other @ other)
    return squares > 0 and 1 - float(one @ other) ** 2 / squares <= UNEXPLAINED
