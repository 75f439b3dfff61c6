"""Columns of a table that are carried along into the predictions, with their values as they stand in the source."""

from collections.abc import Callable, Sequence
from pathlib import Path

import pyarrow as pa

from infra.errors import DataError
from infra.readable import listed
from tasks.datasets.raw import RawTable
from tasks.datasets.targets import TargetColumn


def require_free(keep: Sequence[str], target: TargetColumn) -> None:
    """Refuse columns that have the name of a column of the predictions.

    Raises
    ------
    DataError
        If there is such a column.
    """
    taken = [name for name in keep if name in target.outputs]
    if taken:
        raise DataError(
            f"--keep {taken[0]}: the predictions have a column '{taken[0]}' too; rename the column of the table"
        )


def require_kept(
    keep: Sequence[str], found: Sequence[str], path: Path, known: Callable[[], list[str]]
) -> None:
    """Refuse columns that the table does not have.

    Parameters
    ----------
    keep : sequence of str
        Names of the columns that are carried along.
    found : sequence of str
        Names of the columns that were read.
    path : Path
        The file or folder, as messages name it.
    known : callable
        Function that returns the names of all columns.

    Raises
    ------
    DataError
        If a column does not exist; the message lists the columns that exist.
    """
    missing = [name for name in keep if name not in set(found)]
    if missing:
        raise DataError(
            f"'{path}' has no column '{missing[0]}', which --keep names; columns: {listed(known())}"
        )


def kept_columns(table: RawTable, keep: Sequence[str]) -> pa.Table:
    """The columns that are carried along, with the values and types of the file."""
    return pa.table({name: table[name].values for name in keep})


def collapsed(keep: Sequence[str]) -> list[str]:
    """Names of columns as tables have them: each once, with a single blank for several."""
    return list(dict.fromkeys(" ".join(name.split()) for name in keep))
