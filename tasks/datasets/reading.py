"""Readers that turn a source's file or folder into a table of raw columns, or refuse it with the reason."""

from collections import Counter
from collections.abc import Collection
from dataclasses import replace
from pathlib import Path

from infra.errors import DataError
from infra.readable import listed, shortened
from infra.store_errors import reason_of
from tasks.datasets.catalogue import Source
from tasks.datasets.files import Content, Reading, read_path
from tasks.datasets.missing import MISSING_WORDS
from tasks.datasets.raw import RawColumn, RawTable


def read(
    source: Source,
    names: Collection[str] | None = None,
    missing_words: tuple[str, ...] = MISSING_WORDS,
) -> RawTable:
    """Read a source's table.

    Parameters
    ----------
    source : Source
        The table to read.
    names : collection of str, optional
        Names of the wanted columns; columns that the table does not have are left out. None: all columns.
    missing_words : tuple of str
        Texts that mean that a cell has no value.

    Returns
    -------
    RawTable
        The columns in the order of the file; repeated blanks inside a name are replaced by a single blank.

    Raises
    ------
    DataError
        If the table cannot be read completely, or two columns have the same name; the message names the file and the
        columns.
    """
    try:
        content = read_path(source.path, reading_of(names, header=not source.options.no_header))
    except OSError as error:
        raise DataError(f"'{source.path}' cannot be read: {reason_of(error)}") from None
    table = raw_table(content, source.path, missing_words)
    return replace(table, notes=(*source.notes, *table.notes))


def reading_of(names: Collection[str] | None, *, header: bool) -> Reading:
    """How the wanted columns of a file are read.

    Parameters
    ----------
    names : collection of str, optional
        Names of the wanted columns; None: all columns.
    header : bool
        Whether the file names its columns.
    """

    def is_wanted(name: str) -> bool:
        return names is None or _collapsed(name) in names

    return Reading(header, is_wanted)


def raw_table(content: Content, path: Path, missing_words: tuple[str, ...]) -> RawTable:
    """The content of a file as raw columns.

    Parameters
    ----------
    content : Content
        The content of a file, or of some rows of a file.
    path : Path
        The file or folder, as messages name it.
    missing_words : tuple of str
        Texts that mean that a cell has no value.

    Raises
    ------
    DataError
        If two columns have the same name; the message names the file and the columns.
    """
    table = content.table
    _require_distinct([_collapsed(name) for name in table.column_names], path)
    columns = tuple(
        RawColumn(_collapsed(name), values, path, content.place, content.decimal_comma, missing_words)
        for name, values in zip(table.column_names, table.columns, strict=True)
    )
    return RawTable(path, columns, table.num_rows, content.notes)


def _collapsed(name: str) -> str:
    return " ".join(name.split())


def _require_distinct(names: list[str], path: Path) -> None:
    for name, count in Counter(names).items():
        if count > 1:
            at = listed([str(index + 1) for index, other in enumerate(names) if other == name])
            called = f"are all called '{shortened(name)}'" if name else "have no name"
            raise DataError(f"columns {at} of '{path}' {called}; give every column a name of its own")
