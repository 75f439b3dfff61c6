"""Pieces of CSV files: ranges of bytes that begin and end between two rows, so that each is read by itself."""

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import NoReturn

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from infra.errors import DataError
from tasks.datasets.catalogue import Source
from tasks.datasets.files import Content, Format, Parts, Reading, opened_part
from tasks.datasets.files.hive import with_partition_columns
from tasks.datasets.files.parts import merged
from tasks.datasets.files.text.faults import lines_of_headers, lines_of_rows
from tasks.datasets.files.text.joined import without_headers
from tasks.datasets.files.text.reader import SeparatedText
from tasks.datasets.files.widening import common_schema
from tasks.datasets.missing import MISSING_WORDS
from tasks.datasets.pieces import whole
from tasks.datasets.pieces.base import Piece, Pieces, Sampled
from tasks.datasets.pieces.csv_cutting import Dialect, cut, end_of_record, lines_above
from tasks.datasets.raw import RawTable
from tasks.datasets.reading import raw_table, reading_of


@dataclass(frozen=True)
class CsvRange(Piece):
    """Rows of a CSV file that stand one below the other.

    Parameters
    ----------
    dialect : Dialect
        How the rows of the file are read.
    start, stop : int
        Positions of the first byte and of the byte after the last one.
    """

    dialect: Dialect
    start: int
    stop: int

    @property
    def name(self) -> str:
        return f"bytes {self.start + 1:,} to {self.stop:,} of '{self.below}'"

    def content(self, reading: Reading) -> Content:
        return _WholeRows(self, self._bytes(), self.start).content(reading)

    def sampled(
        self,
        run: int,
        names: Collection[str] = (),
        missing_words: tuple[str, ...] = MISSING_WORDS,
    ) -> Sampled:
        data = self._bytes()
        middle = end_of_record(data, 0, len(data) // 2)
        counted = set(names) or {self.dialect.names[0]}
        halves = (
            _WholeRows(self, data[:middle], self.start),
            _WholeRows(self, data[middle:], self.start + middle),
        )
        wholes = [
            raw_table(half.content(reading_of(counted, header=self.header)), self.path, missing_words)
            for half in halves
            if half.data
        ]
        rows = [table.rows for table in wholes]
        runs = [
            (start, raw_table(half.first(run).content(Reading(self.header)), self.path, missing_words))
            for half, start in zip(halves, (0, rows[0]), strict=True)
            if half.data
        ]
        columns = tuple(
            replace(
                one,
                values=pa.chunked_array([c for t in wholes for c in t[one.name].values.chunks], pa.string()),
            )
            for one in wholes[0].columns
            if one.name in names
        )
        return Sampled(sum(rows), tuple(runs), RawTable(self.path, columns, sum(rows)))

    def _bytes(self) -> bytes:
        with self.path.open("rb") as file:
            file.seek(self.start)
            return file.read(self.stop - self.start)


@dataclass(frozen=True)
class _WholeRows:
    """Bytes that hold whole rows of a file.

    Parameters
    ----------
    piece : CsvRange
        The range that they belong to.
    data : bytes
        The bytes.
    start : int
        Position of the first byte in the file.
    """

    piece: CsvRange
    data: bytes
    start: int

    def first(self, rows: int) -> "_WholeRows":
        """The first rows."""
        end = 0
        for _ in range(rows):
            end = self.data.find(b"\n", end) + 1 or len(self.data)
        return replace(self, data=self.data[: end_of_record(self.data, 0, max(end - 1, 0))])

    def content(self, reading: Reading) -> Content:
        """Read columns of the rows."""
        dialect, piece = self.piece.dialect, self.piece
        wanted = {
            place: name
            for place, name in zip(dialect.kept, dialect.names, strict=True)
            if reading.is_wanted(name)
        }
        table, notes = self._parsed(sorted({*wanted, *dialect.blank, len(dialect.layout.names) - 1}))
        self._require_blank(table)
        table = table.select([str(place) for place in wanted]).rename_columns(list(wanted.values()))
        table = with_partition_columns(table, piece.path, piece.folder)
        kept = [index for index, name in enumerate(table.column_names) if reading.is_wanted(name)]
        return Content(
            table.select(kept),
            lambda row: f"line {self._lines[row]}",
            notes,
            dialect.separator.decimal_comma,
        )

    def _parsed(self, places: Sequence[int]) -> tuple[pa.Table, tuple[str, ...]]:
        text = self._text
        try:
            table, notes = text.parsed(places)
            if not self._may_repeat_header(table):
                return table, tuple(notes)
            everything, notes = text.parsed()
        except DataError:
            self._refuse()
        everything, headers = without_headers(everything, text.layout, self._lines_of_headers)
        return everything, (*notes, *headers)

    def _may_repeat_header(self, table: pa.Table) -> bool:
        layout = self.piece.dialect.layout
        if not layout.header:
            return False
        last = pc.utf8_trim_whitespace(table.column(str(len(layout.names) - 1)))
        return bool(pc.any(pc.equal(last, layout.header[-1])).as_py())

    def _require_blank(self, table: pa.Table) -> None:
        """Refuse a value in a column that has no name, and no value in the first rows."""
        for place in self.piece.dialect.blank:
            is_filled = pc.not_equal(pc.utf8_trim_whitespace(table.column(str(place))), "")
            row = pc.index(is_filled, True).as_py()
            if row >= 0:
                raise DataError(
                    f"'{self.piece.path}', line {self._lines[row]}: field {place + 1} holds a value, and the header "
                    "has no name for it; give the column a name"
                )

    @property
    def _text(self) -> SeparatedText:
        dialect = self.piece.dialect
        data = self.data
        return SeparatedText(str(self.piece.path), data, dialect.separator, dialect.layout, 0, len(data), ())

    @cached_property
    def _with_lines(self) -> SeparatedText:
        """The same text below as many blank lines as the file has lines above, so that lines are counted right."""
        above = lines_above(self.piece.path, self.start)
        data = b"\n" * above + self.data
        return replace(self._text, data=data, start=above, end=len(data))

    @cached_property
    def _lines(self) -> npt.NDArray[np.int64]:
        text = self._with_lines
        return lines_of_rows(text.data.decode(), text.separator, text.layout, text.place)

    def _lines_of_headers(self) -> Iterator[int]:
        text = self._with_lines
        return lines_of_headers(text.data.decode(), text.separator, text.layout, text.place)

    def _refuse(self) -> NoReturn:
        """Refuse rows that cannot be parsed, with the number of their line in the file."""
        self._with_lines.parsed()
        raise AssertionError("rows that could not be parsed can be parsed now")


def csv_pieces(source: Source, parts: Parts, chosen: Format) -> Pieces:
    """Cut CSV files into ranges of bytes; a file that cannot be cut is one piece.

    Parameters
    ----------
    source : Source
        The table.
    parts : Parts
        The files of the table.
    chosen : Format
        The format that all files have.

    Raises
    ------
    DataError
        If a file has another format, or no header, or other columns than the other files.
    """
    pieces: list[Piece] = []
    schemas: dict[Path, pa.Table] = {}
    notes: list[tuple[Path, tuple[str, ...]]] = []
    uncut = []
    for path in parts.paths:
        header = not source.options.no_header
        found = cut(opened_part(path, parts.folder, chosen), header=header)
        if found is None:
            pieces.append(whole.WholeFile(path, parts.folder, header))
            uncut += [path.name] if path.stat().st_size >= whole.LARGE else []
            continue
        ranges = found.ranges
        pieces += [CsvRange(path, parts.folder, header, found.dialect, start, stop) for start, stop in ranges]
        empty = pa.table({name: pa.array([], pa.string()) for name in found.dialect.names})
        schemas[path] = with_partition_columns(empty, path, parts.folder)
        notes.append((path, found.notes))
    names = None
    if schemas:
        common_schema(schemas, parts.folder, may_lack=chosen.parts_may_lack_columns)
        names = tuple(next(iter(schemas.values())).column_names)
    joined = [f"{len(parts.paths)} parts were joined"] if len(parts.paths) > 1 else []
    told = merged(notes) if len(notes) > 1 else [note for _, found_notes in notes for note in found_notes]
    return Pieces(tuple(pieces), parts.paths, names, (*joined, *parts.notes, *whole.told_whole(uncut), *told))
