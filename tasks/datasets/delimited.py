"""Separated text (CSV): from bytes to columns of text, with the exact line number of every fault."""

import csv
import io
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import pyarrow as pa
import pyarrow.csv as arrow_csv

from infra.errors import DataError

SEPARATORS = (",", ";", "\t")
HEAD = 1 << 20  # number of characters in which the header and the first row are looked for
BLOCK_BYTES = 1 << 26  # a record must fit in one block


@dataclass(frozen=True)
class Delimited:
    """A parsed text file, whose cells are all texts.

    Parameters
    ----------
    table : pyarrow.Table
        Columns of strings, one for each field of the header.
    text : str
        The whole file, in which the line of a wrong cell is looked up.
    separator : str
        Separator of the fields: comma, semicolon or tab.
    path : Path
        The file.
    """

    table: pa.Table
    text: str
    separator: str
    path: Path

    def line(self, row: int) -> int:
        """Number of the line (from 1) on which a row (from 0) begins; blank lines and quoted line breaks count."""
        records = _records(self.text, self.separator, self.path)
        line, _ = next(islice(records, row + 1, None))
        return line


def read_delimited(path: Path) -> Delimited:
    """Read a comma-, semicolon- or tab-separated file in UTF-8, with or without a byte order mark.

    Raises
    ------
    DataError
        If the file is empty, is no UTF-8 text, has an open quote, or has rows of different lengths; the message names
        the line.
    """
    data = path.read_bytes().removeprefix(b"\xef\xbb\xbf")
    text = _decoded(data, path)
    separator, header = _layout(text, path)
    if data.count(b'"') % 2:
        _refuse_open_quote(text, separator, path)
    try:
        table = arrow_csv.read_csv(
            pa.BufferReader(data),
            read_options=arrow_csv.ReadOptions(block_size=BLOCK_BYTES),
            parse_options=arrow_csv.ParseOptions(delimiter=separator, newlines_in_values=True),
            convert_options=arrow_csv.ConvertOptions(
                column_types=dict.fromkeys(header, pa.string()), strings_can_be_null=False
            ),
        )
    except pa.ArrowException as error:
        _refuse_ragged(text, separator, len(header), path)
        raise DataError(f"'{path}' cannot be read as CSV: {str(error).splitlines()[0]}") from None
    return Delimited(table, text, separator, path)


def _decoded(data: bytes, path: Path) -> str:
    if not data or data.isspace():
        raise DataError(f"'{path}' is empty; it needs a header and rows")
    if b"\0" in data and not data.startswith((b"\xff\xfe", b"\xfe\xff")):
        line = _line_at(data, data.index(b"\0"))
        raise DataError(
            f"'{path}', line {line}: the file holds a NUL byte, so it is no text; give a CSV or Parquet file"
        )
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError as error:
        line = _line_at(data, error.start)
        raise DataError(
            f"'{path}', line {line}: byte 0x{data[error.start]:02x} is not UTF-8; save the file in UTF-8"
        ) from None


def _line_at(data: bytes, position: int) -> int:
    return len((data[:position] + b"x").splitlines())


def _layout(text: str, path: Path) -> tuple[str, list[str]]:
    """Separator that gives header and first row the same, largest number of fields; and the header's fields."""
    head = text[:HEAD]
    starts = {mark: [fields for _, fields in islice(_records(head, mark, path), 2)] for mark in SEPARATORS}
    widths = {mark: [len(fields) for fields in start] for mark, start in starts.items()}
    separator = max(
        SEPARATORS, key=lambda mark: (1 < min(widths[mark]) == max(widths[mark]), widths[mark][0])
    )
    header, *rows = starts[separator]
    if not rows:
        raise DataError(f"'{path}' has a header but no rows")
    return separator, header


def _records(text: str, separator: str, path: Path) -> Iterator[tuple[int, list[str]]]:
    """Each record that is not blank, with the line on which the record begins."""
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=separator)
    line = 1
    try:
        for fields in reader:
            if fields:
                yield line, fields
            line = reader.line_num + 1
    except csv.Error as error:
        raise DataError(f"'{path}', line {line}: cannot be read as CSV ({error})") from None


def _refuse_open_quote(text: str, separator: str, path: Path) -> None:
    """Refuse an open quote, because it would make the rest of the file one cell."""
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=separator, strict=True)
    line = 1
    try:
        for _ in reader:
            line = reader.line_num + 1
    except csv.Error as error:
        raise DataError(f"'{path}', line {line}: a quote is wrong or never closed ({error})") from None


def _refuse_ragged(text: str, separator: str, width: int, path: Path) -> None:
    shown = {",": "comma", ";": "semicolon", "\t": "tab"}[separator]
    for line, fields in _records(text, separator, path):
        if len(fields) != width:
            raise DataError(
                f"'{path}', line {line}: {len(fields)} fields where the header has {width}; "
                f"look for a missing or extra {shown}"
            )
