"""Tables in files of many styles for the tests of the readers."""

import csv
import io
from collections.abc import Sequence
from pathlib import Path

import pytest

from infra.errors import DataError
from tasks.datasets.catalogue import resolve
from tasks.datasets.options import ReadingOptions
from tasks.datasets.raw import RawTable
from tasks.datasets.reading import read

NAMES = ["len", "wid", "col", "y"]
ROWS = [
    [f"{i * 0.37 - 2:.3f}", f"{i * 1.13:.2f}", ("red", "green", "blue")[i % 3], "no" if i % 2 else "yes"]
    for i in range(40)
]


def separated(rows: Sequence[Sequence[str]], delimiter: str = ",", end: str = "\n") -> str:
    """The rows as Python's csv writes them."""
    text = io.StringIO()
    csv.writer(text, delimiter=delimiter, lineterminator=end).writerows(rows)
    return text.getvalue()


def table(folder: Path, content: str | bytes, name: str = "table.csv", *, header: bool = True) -> RawTable:
    """The table that is read from a file with a content."""
    path = folder / name
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return read(resolve(str(path), options=ReadingOptions(no_header=not header)))


def rows_of(read_back: RawTable) -> list[list[object]]:
    """The cells of a table, row by row."""
    return [
        list(row) for row in zip(*(column.values.to_pylist() for column in read_back.columns), strict=True)
    ]


def refusal(folder: Path, content: str | bytes, name: str = "table.csv") -> str:
    """The sentence with which a file is refused."""
    with pytest.raises(DataError) as caught:
        table(folder, content, name)
    assert "\n" not in str(caught.value)
    assert str(folder / name) in str(caught.value)
    return str(caught.value)


def assert_whole(read_back: RawTable, names: Sequence[str] = NAMES, rows: object = ROWS) -> None:
    """Require the names and the rows of the usual table."""
    assert read_back.names == list(names)
    assert rows_of(read_back) == rows
