"""Checks of a training table: what nothing honest can be learned from is refused with the reason."""

import math
from collections import Counter
from dataclasses import replace

import pandas as pd

from infra.errors import DataError
from tasks.datasets.catalogue import Source
from tasks.datasets.inference import is_category, is_numeric, is_row_number, labels

MIN_ROWS = 10
HOLDOUT_SHARE = 149 / 768  # published work holds out 149 of the 768 rows of the diabetes table
HOLDOUT_PER_CLASS = 2


def check(frame: pd.DataFrame, source: Source, folds: int = 2) -> None:
    """Refuse a table from which nothing honest can be learned.

    Parameters
    ----------
    frame : pandas.DataFrame
        The columns with their types, as `infer` gives them.
    source : Source
        The source of the table, with its task and target.
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
            f"column {list(frame).index('') + 1} of '{source.path}' has no name; give every column one"
        )
    features = frame.drop(columns=[*source.identifiers, source.target, ""], errors="ignore")
    if source.task == "clustering" and not any(is_numeric(features[name]) for name in features):
        raise DataError(
            f"'{source.path}' has no numeric column, and clustering needs at least one; "
            f"columns: {_listed(frame)}. For classification name the target"
        )
    if source.target is not None:
        _check_target(frame, source, folds)


def settled(source: Source, frame: pd.DataFrame) -> Source:
    """The source with its task, which is regression where the values of the target say so."""
    if not source.by_values or source.target not in frame:
        return source
    column = frame[source.target]
    distinct = column.nunique()
    measured = is_numeric(column) and distinct > 1 and _is_measured(column, distinct)
    return replace(source, task="regression" if measured else "classification", by_values=False)


def held_out(count: int) -> int:
    """Largest number of rows that are held out of a class with `count` rows."""
    return max(HOLDOUT_PER_CLASS, math.ceil(count * HOLDOUT_SHARE))


def _check_target(frame: pd.DataFrame, source: Source, folds: int) -> None:
    name, path = source.target, source.path
    if name not in frame:
        raise DataError(f"'{path}' has no column '{name}' for the target; columns: {_listed(frame)}")
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
    if source.task == "regression":
        if not is_numeric(column):
            raise DataError(f"target '{name}' of '{path}' holds texts, and regression needs numbers")
        return
    small, count = min(counts.items(), key=lambda item: item[1])
    if count - held_out(count) < folds:
        needed = next(n for n in range(folds, 10**9) if n - held_out(n) >= folds)
        raise DataError(
            f"class '{small}' of target '{name}' in '{path}' has {count} rows; at least {needed} a class are "
            f"needed for {folds} folds beside the held-out rows"
        )


def _is_measured(column: pd.Series, distinct: int) -> bool:
    """Whether numbers look like a quantity and not like class numbers."""
    rows = int(column.notna().sum())
    fractional = bool((column.dropna() % 1 != 0).any())
    return distinct > min(20, rows / 2) and (fractional or rows < 50 * distinct)


def _listed(frame: pd.DataFrame, most: int = 20) -> str:
    more = f" and {frame.shape[1] - most} more" if frame.shape[1] > most else ""
    return ", ".join(str(name) for name in list(frame)[:most]) + more
