"""Readers that turn a source's file or folder into a table of raw columns, or refuse it with the reason."""

from collections import Counter
from collections.abc import Callable, Collection

import pyarrow as pa

from infra.errors import DataError
from tasks.datasets.catalogue import Source
from tasks.datasets.delimited import read_delimited
from tasks.datasets.missing import MISSING_WORDS
from tasks.datasets.parquet import read_folder, read_parquet
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

    def is_wanted(name: str) -> bool:
        return names is None or _collapsed(name) in names

    try:
        table, place, decimal_comma = _arrow_table(source, is_wanted)
    except OSError as error:
        raise DataError(f"'{source.path}' cannot be read: {error.strerror or error}") from None
    _require_distinct([_collapsed(name) for name in table.column_names], source, is_wanted)
    columns = tuple(
        RawColumn(_collapsed(name), values, source.path, place, decimal_comma, missing_words)
        for name, values in zip(table.column_names, table.columns, strict=True)
        if is_wanted(name)
    )
    return RawTable(source.path, columns, table.num_rows)


def _collapsed(name: str) -> str:
    return " ".join(name.split())


def _arrow_table(
    source: Source, is_wanted: Callable[[str], bool]
) -> tuple[pa.Table, Callable[[int], str], bool]:
    """Return the columns, the function that gives a row's place in the file, and whether decimal commas are used."""
    if source.kind == "text":
        parsed = read_delimited(source.path)
        return parsed.table, lambda row: f"line {parsed.line(row)}", parsed.separator == ";"
    read_columns = read_folder if source.kind == "folder" else read_parquet
    return read_columns(source.path, is_wanted), lambda row: f"row {row + 1}", False


def _require_distinct(names: list[str], source: Source, is_wanted: Callable[[str], bool]) -> None:
    for name, count in Counter(names).items():
        if count > 1 and is_wanted(name):
            at = ", ".join(str(index + 1) for index, other in enumerate(names) if other == name)
            called = f"are all called '{name}'" if name else "have no name"
            raise DataError(f"columns {at} of '{source.path}' {called}; give every column a name of its own")
