"""What a reader of files gives: the columns of a table, the place of each row in the file, and what was done."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

import pyarrow as pa

from infra.errors import DataError
from tasks.datasets.files.opened import Opened

IsWanted = Callable[[str], bool]
"""Function that takes the name of a column and returns whether the column is read."""
Place = Callable[[int], str]
"""Function that gives the place of a row (counted from 0) in the file, for example "line 7"."""


class EmptyTableError(DataError):
    """A file of a table without rows."""


def all_columns(_name: str) -> bool:
    """Return True, because every column is read."""
    return True


@dataclass(frozen=True)
class Reading:
    """How the user wants a file to be read.

    Parameters
    ----------
    header : bool
        Whether the file names its columns; if False, the columns are called `column 1`, `column 2`, ...
    is_wanted : callable
        Function that takes the name of a column and returns whether the column is read.
    """

    header: bool = True
    is_wanted: IsWanted = all_columns


@dataclass(frozen=True)
class Content:
    """The content of a file: raw columns, before their types are inferred.

    Parameters
    ----------
    table : pyarrow.Table
        Columns of strings (text formats) or of typed values.
    place : callable
        Function that gives the place of a row (counted from 0) in the file, for example "line 7".
    notes : tuple of str
        Sentences on what the reader skipped, guessed or changed.
    decimal_comma : bool
        Whether the text "1,5" stands for the number 1.5.
    """

    table: pa.Table
    place: Place
    notes: tuple[str, ...] = ()
    decimal_comma: bool = False


class Format(Protocol):
    """A format of files.

    Parameters
    ----------
    name : str
        Name of the format, as messages show it.
    part_suffixes : tuple of str
        Endings of the names of the files by which a folder is known to hold parts of this format.
    parts_may_lack_columns : bool
        Whether programs write parts that lack columns of other parts.
    """

    @property
    def name(self) -> str: ...

    @property
    def part_suffixes(self) -> tuple[str, ...]: ...

    @property
    def parts_may_lack_columns(self) -> bool: ...

    def fits(self, file: Opened) -> bool:
        """Tell whether the first bytes or the name of a file show this format."""
        ...

    def read(self, file: Opened, reading: Reading) -> Content:
        """Read a file of this format."""
        ...


def row_place(row: int) -> str:
    """Place of a row in a file that has no lines."""
    return f"row {row + 1}"
