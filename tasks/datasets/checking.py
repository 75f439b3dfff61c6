"""Checks of a training table: a table that is too small or has an unusable target is refused with the reason."""

import math
from collections import Counter

import pandas as pd

from infra.errors import DataError
from tasks.datasets.catalogue import Source
from tasks.datasets.inference import is_category, is_numeric, is_row_number, labels
from tasks.datasets.table_rules import TableRules

MIN_ROWS = 10
HOLDOUT_SHARE = 149 / 768  # published work holds out 149 of the 768 rows of the diabetes table
HOLDOUT_PER_CLASS = 2


def check(frame: pd.DataFrame, source: Source, rules: TableRules, folds: int = 2) -> None:
    """Refuse a table that is too small, has a column without a name, or does not meet the demands of the problem.

    Parameters
    ----------
    frame : pandas.DataFrame
        The columns with their types, as `infer` gives them.
    source : Source
        The source of the table, with its target.
    rules : TableRules
        The demands of the problem.
    folds : int
        Number of folds of the cross-validation; every class must reach each fold after the hold-out.

    Raises
    ------
    DataError
        If rows or columns are too few, a column has no name, or the target is missing, empty, of one value,
        has a class that is too small, or is text where a quantity is to be predicted.
    """
    if len(frame) < MIN_ROWS:
        raise DataError(f"'{source.path}' has {len(frame)} rows; at least {MIN_ROWS} are needed")
    if "" in frame and not is_row_number(frame[""]):
        raise DataError(
            f"column {list(frame).index('') + 1} of '{source.path}' has no name; give every column a name"
        )
    rules.check(frame, source, folds)


def held_out(count: int) -> int:
    """Largest number of rows that are held out of a class with `count` rows."""
    return max(HOLDOUT_PER_CLASS, math.ceil(count * HOLDOUT_SHARE))


def target_counts(frame: pd.DataFrame, source: Source) -> Counter[str]:
    """Count the values of a target, which must have at least two different values.

    Raises
    ------
    DataError
        If the target is missing, neither texts nor numbers, empty, or of one value.
    """
    name, path = source.target, source.path
    if name not in frame:
        raise DataError(f"'{path}' has no column '{name}' for the target; columns: {listed(frame)}")
    column = frame[name]
    if not (is_numeric(column) or is_category(column)) and not column.isna().all():
        raise DataError(f"target '{name}' of '{path}' is {column.dtype}; classes are texts or numbers")
    counts = Counter(labels(column).dropna())
    if not counts:
        raise DataError(f"target '{name}' of '{path}' is empty in all {len(frame)} rows")
    if len(counts) == 1:
        raise DataError(
            f"target '{name}' of '{path}' has one value only, '{next(iter(counts))}'; at least two are needed"
        )
    return counts


def check_class_sizes(counts: Counter[str], source: Source, folds: int, *, numeric: bool = False) -> None:
    """Refuse a class that is too small for a hold-out and folds.

    Parameters
    ----------
    counts : Counter of str
        Number of rows of each class.
    source : Source
        The source of the table, for the message.
    folds : int
        Number of folds of the cross-validation.
    numeric : bool
        Whether the target holds numbers, which may be a quantity instead of classes.

    Raises
    ------
    DataError
        If the smallest class does not reach every fold after the hold-out.
    """
    small, count = min(counts.items(), key=lambda item: item[1])
    if count - held_out(count) < folds:
        needed = next(n for n in range(folds, 10**9) if n - held_out(n) >= folds)
        remedy = "; give --task regression if the numbers are a quantity and no classes" if numeric else ""
        raise DataError(
            f"class '{small}' of target '{source.target}' in '{source.path}' has {count} rows; at least {needed} a "
            f"class are needed for {folds} folds beside the held-out rows{remedy}"
        )


def listed(frame: pd.DataFrame, most: int = 20) -> str:
    """Names of the first columns, and how many more there are."""
    more = f" and {frame.shape[1] - most} more" if frame.shape[1] > most else ""
    return ", ".join(str(name) for name in list(frame)[:most]) + more
