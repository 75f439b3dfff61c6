"""Pieces of Parquet files: row groups that are joined, or cut, to pieces of about the same size."""

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from infra.arithmetic import ceil_div
from infra.errors import DataError
from tasks.datasets.catalogue import Source
from tasks.datasets.files import Content, Format, Parts, Reading, opened_part
from tasks.datasets.files.hive import with_partition_columns
from tasks.datasets.files.nesting import flat
from tasks.datasets.files.opened import open_file
from tasks.datasets.files.parquet import Parquet, RowRange, opened_parquet
from tasks.datasets.files.parts import merged
from tasks.datasets.files.widening import Schema, common_schema, with_types
from tasks.datasets.missing import MISSING_WORDS
from tasks.datasets.pieces.base import Piece, Pieces, Sampled
from tasks.datasets.raw import RawTable

MOST_ROWS = 1_000_000
"""Largest number of rows of a piece."""
MOST_BYTES = 1 << 27
"""Largest number of bytes of a piece's rows in the file, before compression, from which a worker's memory follows."""


@dataclass(frozen=True)
class ParquetPiece(Piece):
    """Consecutive rows of a Parquet file.

    Parameters
    ----------
    rows : RowRange
        The rows.
    types : mapping of str to pyarrow.DataType, optional
        Types of the table's columns, if those of the file differ; None: the types of the file.
    """

    rows: RowRange
    types: Mapping[str, pa.DataType] | None = None

    @property
    def name(self) -> str:
        first = self.rows.first + 1
        return f"rows {first:,} to {self.rows.first + self.rows.rows:,} of '{self.below}'"

    def content(self, reading: Reading) -> Content:
        content = Parquet().read_range(open_file(self.path), reading, self.rows)
        table = with_partition_columns(content.table, self.path, self.folder)
        if self.types is not None:
            table = self._widened(table, reading)
        kept = [index for index, name in enumerate(table.column_names) if reading.is_wanted(name)]
        return Content(
            table.select(kept), content.place
        )  # the notes are those of all rows, which the table has

    def sampled(
        self,
        run: int,
        names: Collection[str] = (),
        missing_words: tuple[str, ...] = MISSING_WORDS,
    ) -> Sampled:
        rows = self.rows.rows
        starts = {0: run, rows // 2: run} if rows > 2 * run else {0: rows}
        runs = (
            (start, self._within(start, count).read(None, missing_words).copied())
            for start, count in starts.items()
        )
        whole = self.read(names, missing_words) if names else RawTable(self.path, (), rows)
        return Sampled(rows, tuple(runs), whole)

    def _within(self, start: int, rows: int) -> "ParquetPiece":
        """Some of the rows."""
        whole = self.rows
        return replace(
            self, rows=replace(whole, first=whole.first + start, rows=rows, skipped=whole.skipped + start)
        )

    def _widened(self, table: pa.Table, reading: Reading) -> pa.Table:
        wanted = {name: kind for name, kind in (self.types or {}).items() if reading.is_wanted(name)}
        try:
            return with_types(table, wanted)
        except pa.ArrowInvalid as error:
            raise DataError(
                f"{self.name} cannot be joined with the other parts of '{self.folder}': {str(error).splitlines()[0]}"
            ) from None


def parquet_pieces(source: Source, parts: Parts, chosen: Format) -> Pieces:
    """Cut Parquet files into pieces; only the descriptions of the files are read.

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
        If a file is no whole Parquet file, or the columns of two files cannot be joined.
    """
    pieces: list[ParquetPiece] = []
    schemas: dict[Path, pa.Table] = {}
    notes: list[tuple[Path, tuple[str, ...]]] = []
    for path in parts.paths:
        file = opened_part(path, parts.folder, chosen)
        with opened_parquet(file) as parquet:
            empty, told = flat(parquet.schema_arrow.empty_table())
            pieces += [
                ParquetPiece(path, parts.folder, not source.options.no_header, rows)
                for rows in ranges(parquet.metadata)
            ]
        schemas[path] = with_partition_columns(empty, path, parts.folder)
        notes.append((path, (*file.notes, *told)))
    schema = common_schema(schemas, parts.folder, may_lack=chosen.parts_may_lack_columns)
    return Pieces(
        tuple(_typed(piece, schemas[piece.path], schema) for piece in pieces),
        parts.paths,
        tuple(schema.fields),
        _told(parts, schema.notes, notes),
    )


def ranges(metadata: pq.FileMetaData) -> Iterator[RowRange]:
    """The rows of a file in pieces: small row groups are joined, and large ones are cut into equal pieces."""
    held: list[int] = []
    first = rows = size = 0
    for group in range(metadata.num_row_groups):
        found = metadata.row_group(group)
        if held and (rows + found.num_rows > MOST_ROWS or size + found.total_byte_size > MOST_BYTES):
            yield RowRange(first, rows, tuple(held))
            first, rows, size, held = first + rows, 0, 0, []
        count = max(ceil_div(found.num_rows, MOST_ROWS), ceil_div(found.total_byte_size, MOST_BYTES))
        if count > 1 and found.num_rows > 1:
            yield from _slices(group, first, found.num_rows, min(count, found.num_rows))
            first += found.num_rows
        elif found.num_rows:
            held.append(group)
            rows, size = rows + found.num_rows, size + found.total_byte_size
    if held:
        yield RowRange(first, rows, tuple(held))


def _slices(group: int, first: int, rows: int, count: int) -> Iterator[RowRange]:
    length = ceil_div(rows, count)
    for start in range(0, rows, length):
        yield RowRange(first + start, min(length, rows - start), (group,), start)


def _typed(piece: ParquetPiece, table: pa.Table, schema: Schema) -> ParquetPiece:
    own = dict(zip(table.schema.names, table.schema.types, strict=True))
    return piece if own == schema.fields else replace(piece, types=schema.fields)


def _told(
    parts: Parts, widenings: tuple[str, ...], notes: list[tuple[Path, tuple[str, ...]]]
) -> tuple[str, ...]:
    if len(notes) == 1:
        return (*parts.notes, *notes[0][1])
    return (f"{len(notes)} parts were joined", *parts.notes, *widenings, *merged(notes))
