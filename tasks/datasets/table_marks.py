"""The decimal mark of a table, seen in its clear columns, which decides about columns that can be read in two ways."""

from collections.abc import Mapping
from dataclasses import replace
from functools import cache

from tasks.datasets.marks import Hints
from tasks.datasets.number_style import Mark
from tasks.datasets.numerals import read_numbers
from tasks.datasets.options import DecimalMark
from tasks.datasets.raw import RawColumn, RawTable

SAMPLE = 2_000  # number of rows in which the decimal mark of a column is looked for
CHOSEN: Mapping[DecimalMark, Mark | None] = {"auto": None, "point": ".", "comma": ","}


def with_hints(table: RawTable, decimal_mark: DecimalMark) -> RawTable:
    """The same table, whose columns know the user's decimal mark and the decimal mark of the other columns."""
    hints = Hints(chosen=CHOSEN[decimal_mark], table=cache(lambda: _mark(table)))
    return replace(table, columns=tuple(replace(column, hints=hints) for column in table.columns))


def _mark(table: RawTable) -> Mark | None:
    """The only decimal mark of the clear columns; without a clear column the mark that the separator suggests."""
    marks = {mark for column in table.columns if (mark := _clear_mark(column))}
    if not marks and any(column.decimal_comma for column in table.columns):
        return ","
    return marks.pop() if len(marks) == 1 else None


def _clear_mark(column: RawColumn) -> Mark | None:
    if not column.holds_texts:
        return None
    reading = read_numbers(column.texts[:SAMPLE])
    is_clear = reading.shows_decimals and not reading.doubt and reading.is_word.mean() < 0.5
    return reading.style.decimal if is_clear else None
