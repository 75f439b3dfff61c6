"""Separated text (CSV): from bytes to columns of text, with the exact line number of every fault."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as arrow_csv

from infra.errors import DataError
from tasks.datasets.files.base import Content, IsWanted, Reading
from tasks.datasets.files.opened import Opened
from tasks.datasets.files.text.edges import end_of_rows, separated
from tasks.datasets.files.text.encodings import as_utf8
from tasks.datasets.files.text.escapes import with_doubled_quotes
from tasks.datasets.files.text.faults import (
    lines_of_headers,
    lines_of_rows,
    refuse_open_quote,
    refuse_ragged,
    refuse_width,
)
from tasks.datasets.files.text.joined import without_headers
from tasks.datasets.files.text.layout import TextLayout, find_layout
from tasks.datasets.files.text.records import COMMENT
from tasks.datasets.files.text.separators import Separator
from tasks.datasets.files.unnamed import named

BLOCK_BYTES = 1 << 22  # bytes that one thread parses at a time; a record must fit in
QUOTED_BLOCK_BYTES = 1 << 26  # the same in a file with quotes, whose records can hold many lines


class DelimitedText:
    """Text whose fields are separated by commas, semicolons, tabs, vertical bars, blanks or a rarer mark."""

    name = "CSV"
    part_suffixes = (".csv", ".tsv", ".tab", ".psv")
    parts_may_lack_columns = False

    def fits(self, _file: Opened) -> bool:
        """Return True, because what no other format fits is read as text."""
        return True

    def read(self, file: Opened, reading: Reading) -> Content:
        """Read a text file.

        Raises
        ------
        DataError
            If the file is empty, is no text, has no header, has an open quote, or has rows of different lengths; the
            message names the line.
        """
        text = SeparatedText.opened(file, header=reading.header)
        parsed, comments = text.parsed()
        parsed, headers = without_headers(parsed, text.layout, text.lines_of_headers)
        table, blank = _named(text, parsed, reading.is_wanted)
        table = table.select(
            [index for index, name in enumerate(table.column_names) if reading.is_wanted(name)]
        )
        lines = _RowLines(file, reading.header)
        return Content(
            table, lines.place, (*text.notes, *comments, *headers, *blank), text.separator.decimal_comma
        )


@dataclass(frozen=True)
class _RowLines:
    """The line of each row, which is looked up in the file when it is first asked for."""

    file: Opened
    header: bool

    @cached_property
    def _lines(self) -> Any:
        text = SeparatedText.opened(self.file, header=self.header)
        return lines_of_rows(text.data.decode(), text.separator, text.layout, str(self.file.path))

    def place(self, row: int) -> str:
        return f"line {self._lines[row]}"


@dataclass(frozen=True)
class SeparatedText:
    """A text file, of which the layout is known.

    Parameters
    ----------
    place : str
        The file, as messages name it.
    data : bytes
        The text in UTF-8.
    separator : Separator
        The separator of the fields.
    layout : TextLayout
        The rows of the table inside the file.
    start, end : int
        Positions of the first byte of the rows and of the byte after the rows.
    notes : tuple of str
        Sentences on what was skipped or guessed.
    """

    place: str
    data: bytes = field(repr=False)
    separator: Separator
    layout: TextLayout
    start: int
    end: int
    notes: tuple[str, ...]

    @classmethod
    def opened(cls, file: Opened, *, header: bool) -> "SeparatedText":
        """Find separator and layout of a file."""
        place = str(file.path)
        data, notes = as_utf8(file.content(), place)
        data, escapes = with_doubled_quotes(data)
        found, data = separated(data)
        layout = find_layout(found.records, found.width, place, header=header)
        start = found.records[layout.first - 1].end if layout.first else 0
        end, below = end_of_rows(data, start, found.separator, layout)
        if found.separator.note:
            notes.append(found.separator.note)
        return cls(
            place,
            data,
            found.separator,
            layout,
            start,
            end,
            (*file.notes, *notes, *escapes, *layout.notes, *below),
        )

    def parsed(self, wanted: Sequence[int] | None = None) -> tuple[pa.Table, list[str]]:
        """The rows as columns of strings, which are called "0", "1", ..., and notes on comments among the rows.

        Parameters
        ----------
        wanted : sequence of int, optional
            Places of the columns that are read; None: all columns.
        """
        comments: list[str] = []

        def skip_comment(row: Any) -> str:
            if not row.text.lstrip().startswith(COMMENT):
                return "error"
            comments.append(row.text)
            return "skip"

        has_quotes = b'"' in self.data
        if has_quotes and self.data.count(b'"') % 2:
            refuse_open_quote(self.data.decode(), self.separator, self.place)
        names = [str(index) for index in range(len(self.layout.names))]
        parsing = arrow_csv.ParseOptions(
            delimiter=self.separator.delimiter,
            newlines_in_values=has_quotes,
            invalid_row_handler=skip_comment if COMMENT.encode() in self.data else None,
        )
        try:
            table = arrow_csv.read_csv(
                pa.BufferReader(pa.py_buffer(self.data).slice(self.start, self.end - self.start)),
                read_options=arrow_csv.ReadOptions(
                    column_names=names, block_size=self._block_size(has_quotes)
                ),
                parse_options=parsing,
                convert_options=arrow_csv.ConvertOptions(
                    column_types=dict.fromkeys(names, pa.string()),
                    include_columns=None if wanted is None else [names[place] for place in wanted],
                    strings_can_be_null=False,
                    check_utf8=False,  # `as_utf8` has checked all bytes
                ),
            )
        except pa.ArrowException as error:
            refuse_ragged(self.data[: self.end].decode(), self.separator, self.layout, self.place)
            raise DataError(f"'{self.place}' cannot be read as CSV: {str(error).splitlines()[0]}") from None
        told = f"comments among the rows left out: {len(comments)} lines that begin with '#'"
        return table, [told] if comments else []

    def lines_of_headers(self) -> Iterator[int]:
        """Number of the line of each row that repeats the header."""
        return lines_of_headers(self.data.decode(), self.separator, self.layout, self.place)

    def _block_size(self, has_quotes: bool) -> int:
        """Number of bytes that are parsed at a time, in which long rows fit too."""
        longest = max((sum(map(len, row)) for row in self.layout.sample), default=0)
        return max(QUOTED_BLOCK_BYTES if has_quotes else BLOCK_BYTES, min(50 * longest, len(self.data)))


def _named(text: SeparatedText, table: pa.Table, is_wanted: IsWanted) -> tuple[pa.Table, list[str]]:
    """The table with the names of its columns, without columns that have neither a name nor a value."""
    names = text.layout.names
    blank = {index for index, name in enumerate(names) if not name and _is_blank(table.column(index))}
    if text.layout.trailing and len(names) - 1 not in blank:
        _refuse_trailing(text, table)
    kept = [index for index in range(len(names)) if index not in blank]
    called, notes = named(names, kept, table.column, is_wanted)
    if blank:
        at = ", ".join(str(index + 1) for index in sorted(blank))
        notes.append(f"column {at} left out, because it has neither a name nor a value")
    return table.select(kept).rename_columns([called[index] for index in kept]), notes


def _is_blank(column: pa.ChunkedArray) -> bool:
    longest = pc.max(pc.binary_length(pc.utf8_trim_whitespace(column))).as_py()
    return not longest


def _refuse_trailing(text: SeparatedText, table: pa.Table) -> None:
    filled = pc.index(pc.equal(table.column(len(text.layout.names) - 1), ""), False).as_py()
    lines = lines_of_rows(text.data.decode(), text.separator, text.layout, text.place)
    wanted = len(text.layout.names) - 1
    refuse_width(int(lines[filled]), wanted + 1, wanted, text.separator, text.place)
