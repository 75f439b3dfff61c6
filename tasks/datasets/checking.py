"""Checks of a training table: a table that is too small or has an unusable target is refused with the reason."""

import math
from collections import Counter
from collections.abc import Mapping

from infra.errors import DataError
from infra.readable import listed, shortened
from tasks.datasets.catalogue import Source
from tasks.datasets.raw import RawColumn, RawTable

MIN_ROWS = 10
HOLDOUT_SHARE = 149 / 768  # published work holds out 149 of the 768 rows of the diabetes table
HOLDOUT_PER_CLASS = 2


def check_size(table: RawTable) -> None:
    """Refuse a table with too few rows.

    Raises
    ------
    DataError
        If the table has fewer than 10 rows.
    """
    if table.rows < MIN_ROWS:
        raise DataError(f"'{table.path}' has {table.rows} rows; at least {MIN_ROWS} are needed")


def held_out(count: int) -> int:
    """Largest number of rows that are held out of a class with `count` rows."""
    return max(HOLDOUT_PER_CLASS, math.ceil(count * HOLDOUT_SHARE))


def target_column(table: RawTable, source: Source) -> RawColumn:
    """The target's column of a table.

    Raises
    ------
    DataError
        If the table has no such column.
    """
    if source.target not in table.names:
        raise DataError(
            f"'{source.path}' has no column '{source.target}' for the target; columns: {listed(table.names)}"
        )
    return table[str(source.target)]


def check_values(counts: Counter[str], rows: int, source: Source) -> None:
    """Refuse a target that is empty or has one value only.

    Parameters
    ----------
    counts : Counter of str
        Number of rows of each value.
    rows : int
        Number of rows of the table.
    source : Source
        The source of the table, for the message.

    Raises
    ------
    DataError
        If the target is empty or has one value only.
    """
    if not counts:
        raise DataError(f"target '{source.target}' of '{source.path}' is empty in all {rows} rows")
    if len(counts) == 1:
        raise DataError(
            f"target '{source.target}' of '{source.path}' has one value only, '{shortened(next(iter(counts)))}'; at "
            "least two are needed"
        )


def notes_of_empty(known: int, rows: int, source: Source) -> list[str]:
    """Sentence with the number of rows that have no target; an empty list if each row has a target.

    Parameters
    ----------
    known : int
        Number of rows that have a target.
    rows : int
        Number of all rows.
    source : Source
        The source of the table, with its target.
    """
    if known == rows:
        return []
    return [f"{rows - known} of {rows} rows left out: '{source.target}' is empty there"]


def rare_classes(counts: Mapping[str, int], folds: int) -> dict[str, int]:
    """Number of rows of the classes that do not reach every fold after the hold-out, the smallest class first.

    Parameters
    ----------
    counts : mapping of str to int
        Number of rows of each class.
    folds : int
        Number of folds of the cross-validation.
    """
    rare = {name: count for name, count in counts.items() if count - held_out(count) < folds}
    return dict(sorted(rare.items(), key=lambda item: item[1]))


def refuse_rare(rare: Mapping[str, int], source: Source, folds: int, remedy: str) -> None:
    """Refuse classes that are too small for a hold-out and folds.

    Parameters
    ----------
    rare : mapping of str to int
        Number of rows of each rare class; no class is refused if there is none.
    source : Source
        The source of the table, for the message.
    folds : int
        Number of folds of the cross-validation.
    remedy : str
        Clause that tells what the user can do.

    Raises
    ------
    DataError
        If there is a rare class.
    """
    for name, count in rare.items():
        needed = next(n for n in range(folds, 10**9) if n - held_out(n) >= folds)
        more = len(rare) - 1
        others = f" (and {more} other {'class has' if more == 1 else 'classes have'} too few)" if more else ""
        raise DataError(
            f"class '{shortened(name)}' of target '{source.target}' in '{source.path}' has {count} "
            f"row{'s' if count > 1 else ''}{others}; at least {needed} a class are needed for {folds} folds beside the "
            f"held-out rows; {remedy}"
        )
