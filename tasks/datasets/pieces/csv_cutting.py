"""Where a CSV file can be cut, and how all of its ranges are read: found at its head, its end and its quotes."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import pyarrow as pa

from tasks.datasets.files.base import all_columns
from tasks.datasets.files.opened import Opened
from tasks.datasets.files.text.edges import end_of_rows, head_of, separated
from tasks.datasets.files.text.encodings import MARKS, as_utf8, first_fault
from tasks.datasets.files.text.escapes import ESCAPED
from tasks.datasets.files.text.layout import TextLayout, find_layout
from tasks.datasets.files.text.records import Record
from tasks.datasets.files.text.separators import Separator
from tasks.datasets.files.unnamed import named

RANGE_BYTES = 1 << 26
"""Number of bytes of a range, from which a worker's memory follows."""
HEAD_BYTES = 1 << 22  # bytes that are read to find separator and header
CHUNK = 1 << 24  # bytes in which the lines above a range are counted


@dataclass(frozen=True)
class Dialect:
    """How the rows of a CSV file are read.

    Parameters
    ----------
    separator : Separator
        The separator of the fields.
    layout : TextLayout
        The fields of a row; no record above the rows belongs to a range.
    names : tuple of str
        Names of the columns that are read.
    kept : tuple of int
        Places of these columns among the fields of a row.
    blank : tuple of int
        Places of fields that have neither a name nor a value.
    """

    separator: Separator
    layout: TextLayout
    names: tuple[str, ...]
    kept: tuple[int, ...]
    blank: tuple[int, ...]


@dataclass(frozen=True)
class CsvRanges:
    """The ranges of a CSV file.

    Parameters
    ----------
    dialect : Dialect
        How the rows are read.
    ranges : tuple of (int, int)
        Positions of the first byte of each range, and of the byte after its last one.
    notes : tuple of str
        Sentences on what was skipped or guessed.
    """

    dialect: Dialect
    ranges: tuple[tuple[int, int], ...]
    notes: tuple[str, ...]


def cut(file: Opened, *, header: bool) -> CsvRanges | None:
    r"""Cut a CSV file into ranges of about the same size.

    A file is not cut if it is small or compressed, is not in UTF-8, escapes quotes with a backslash, has fields that
    blanks or pairs of colons separate, or has a quote that is never closed.

    Parameters
    ----------
    file : Opened
        The file.
    header : bool
        Whether the file names its columns.

    Raises
    ------
    DataError
        If the file has no header or no rows.
    """
    if file.unpack is not None or file.path.stat().st_size <= RANGE_BYTES:
        return None
    found = _beginning(file, header=header)
    if found is None:
        return None
    start, dialect, notes = found
    ranges = _ranges(file.path, start)
    if ranges is None:
        return None
    (first, stop), told = _without_footer(file.path, ranges[-1], dialect)
    return CsvRanges(dialect, (*ranges[:-1], (first, stop)), (*file.notes, *notes, *told))


def end_of_record(data: bytes, start: int, position: int) -> int:
    """Position after the end of the record that holds a position; a line end between quotes ends no record.

    Parameters
    ----------
    data : bytes
        Whole records.
    start : int
        Position of the first byte of a record.
    position : int
        Position from which the end is looked for.
    """
    quotes = data.count(b'"', start, position)
    while True:
        end = data.find(b"\n", position) + 1 or len(data)
        quotes += data.count(b'"', position, end)
        position = end
        if quotes % 2 == 0 or end == len(data):
            return end


def lines_above(path: Path, position: int) -> int:
    """Number of lines of a file that end above a position."""
    return sum(chunk.count(b"\n") for chunk in _chunks(path, position))


def _chunks(path: Path, stop: int) -> Iterator[bytes]:
    with path.open("rb") as file:
        for start in range(0, stop, CHUNK):
            yield file.read(min(CHUNK, stop - start))


def _beginning(file: Opened, *, header: bool) -> tuple[int, Dialect, tuple[str, ...]] | None:
    """Position of the first row, and how rows are read; None if the file cannot be read range by range."""
    with file.path.open("rb") as stream:
        data = stream.read(HEAD_BYTES)
    if any(data.startswith(mark) for mark, _ in MARKS) or b"\0" in data:
        return None
    head = head_of(data[: data.rfind(b"\n") + 1])
    if not head or first_fault(head) is not None:
        return None
    text, notes = as_utf8(head, str(file.path))
    found, parsed = separated(text)
    if notes or found.separator.normalized is not bytes:
        return None
    layout = find_layout(found.records, found.width, str(file.path), header=header)
    # the text may be shorter or longer than the head at its beginning: a mark of the encoding, a directive of Excel
    above = found.records[layout.first - 1].end if layout.first else 0
    start = above + len(head) - len(parsed)
    rows = [one for one in found.records[layout.first :] if len(one.fields) == len(layout.names)]
    dialect, unnamed = _dialect(found.separator, layout, rows)
    told = [found.separator.note] if found.separator.note else []
    return start, dialect, (*told, *layout.notes, *unnamed)


def _dialect(separator: Separator, layout: TextLayout, rows: list[Record]) -> tuple[Dialect, list[str]]:
    columns = [
        pa.chunked_array([[one.fields[place] for one in rows]], pa.string())
        for place in range(len(layout.names))
    ]
    blank = tuple(
        place
        for place, name in enumerate(layout.names)
        if not name and not any(cell.strip() for cell in columns[place].to_pylist())
    )
    kept = tuple(place for place in range(len(layout.names)) if place not in blank)
    names, notes = named(layout.names, kept, lambda place: columns[place], all_columns)
    if blank:
        at = ", ".join(str(place + 1) for place in blank)
        notes.append(f"column {at} left out, because it has neither a name nor a value")
    called = tuple(names[place] for place in kept)
    return Dialect(separator, replace(layout, first=0), called, kept, blank), notes


def _ranges(path: Path, start: int) -> list[tuple[int, int]] | None:
    """Ranges that end with a record; None if the file's text is none that can be cut."""
    found = []
    with path.open("rb") as file:
        size = file.seek(0, 2)
        while start < size:
            file.seek(start)
            data = file.read(RANGE_BYTES if size - start > RANGE_BYTES * 1.5 else size - start)
            quotes = data.count(b'"')
            extended = [data]
            while start + sum(map(len, extended)) < size and (quotes % 2 or not extended[-1].endswith(b"\n")):
                line = file.readline()
                quotes += line.count(b'"')
                extended.append(line)
                if sum(map(len, extended)) > 2 * RANGE_BYTES:
                    return None
            data = b"".join(extended)
            if quotes % 2 or not _can_be_cut(data, quotes):
                return None
            found.append((start, start + len(data)))
            start += len(data)
    return found


def _can_be_cut(data: bytes, quotes: int) -> bool:
    return b"\0" not in data and not (quotes and ESCAPED in data) and first_fault(data) is None


def _without_footer(path: Path, last: tuple[int, int], dialect: Dialect) -> tuple[tuple[int, int], list[str]]:
    """The last range without totals and remarks below the rows, and notes on them."""
    start, stop = last
    with path.open("rb") as file:
        file.seek(start)
        data, notes = as_utf8(file.read(stop - start), str(path))
    end, below = end_of_rows(data, 0, dialect.separator, dialect.layout)
    if below:
        above = lines_above(path, start)
        below = end_of_rows(b"\n" * above + data, above, dialect.separator, dialect.layout)[1]
    return (start, start + end), [*notes, *below]
