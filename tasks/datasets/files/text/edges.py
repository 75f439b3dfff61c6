"""The beginning and the end of a text file: its separator, and where its rows end."""

import re

from tasks.datasets.files.text.encodings import line_at
from tasks.datasets.files.text.footers import MOST_FOOTERS, footers
from tasks.datasets.files.text.layout import TextLayout
from tasks.datasets.files.text.records import Record, RecordError, records
from tasks.datasets.files.text.separators import (
    SEPARATORS,
    Separator,
    SeparatorTrial,
    candidate,
    find_separator,
)

HEAD_BYTES = 1 << 20  # bytes in which separator and header are looked for
HEAD_LINES = 20  # least number of lines in the head
DIRECTIVE = re.compile(rb'"?sep=(.)"?\r?\n', re.I)
"""First line by which Excel is told the separator."""


def separated(data: bytes) -> tuple[SeparatorTrial, bytes]:
    """The separator with the first records, and the text with the delimiter of the separator."""
    directive = DIRECTIVE.match(data)
    if directive is not None:
        data = b"\n" + data[directive.end() :]  # a blank line keeps the numbers of the lines
    head = head_of(data)
    is_whole = len(head) == len(data)
    named = [one for one in SEPARATORS if directive and one.delimiter.encode() == directive[1]]
    found = candidate(named[0], head, is_whole=is_whole) if named else find_separator(head, is_whole=is_whole)
    return found, found.separator.normalized(data)


def head_of(data: bytes) -> bytes:
    """The first lines."""
    end = data.find(b"\n", HEAD_BYTES) + 1 or len(data)
    for _ in range(HEAD_LINES - data.count(b"\n", 0, end)):
        end = data.find(b"\n", end) + 1 or len(data)
    return data[:end]


def end_of_rows(data: bytes, start: int, separator: Separator, layout: TextLayout) -> tuple[int, list[str]]:
    """The position after the last row, and a note on the lines below the last row.

    Parameters
    ----------
    data : bytes
        The text in UTF-8.
    start : int
        Position of the first row.
    separator : Separator
        The separator of the fields.
    layout : TextLayout
        The layout of the rows.
    """
    last = _last_records(data, start, separator)
    count = footers([record for _, record in last], layout)
    if not count:
        return len(data), []
    below = last[-count:]
    position = below[0][0]
    filled = [(at, record) for at, record in below if record.filled]
    if not filled:
        return position, [f"{count} rows without any value left out at the end of the file"]
    shown = ", ".join(cell.strip() for cell in filled[0][1].fields if cell.strip())[:60]
    numbers = ", ".join(str(line_at(data, at)) for at, _ in filled)
    return position, [f"line {numbers} at the end of the file left out, because it is no row ({shown})"]


def _last_records(data: bytes, start: int, separator: Separator) -> list[tuple[int, Record]]:
    """The last lines of a text as records, each with its position; a line with quotes that are not closed ends them."""
    found: list[tuple[int, Record]] = []
    end = len(data.rstrip(b"\r\n"))
    while end > start and len(found) < MOST_FOOTERS:
        begin = max(data.rfind(b"\n", start, end) + 1, start)
        line = data[begin:end]
        if line.count(b'"') % 2:
            break
        try:
            found += [(begin, one) for one in records(line.decode(), separator.delimiter)]
        except RecordError:
            break
        end = begin - 1
    return found[::-1]
