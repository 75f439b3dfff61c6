"""The learning sample of a large table: rows of every piece, and counts of the target over all rows."""

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import accumulate

import numpy as np
import pyarrow as pa

from infra.engines import Engine
from infra.errors import DataError
from infra.progress import Progress
from tasks.datasets.catalogue import Source
from tasks.datasets.files import EmptyTableError
from tasks.datasets.files.widening import widened
from tasks.datasets.large.targets import Counts, added, counts_of
from tasks.datasets.pieces import Piece, Pieces
from tasks.datasets.raw import RawTable

SAMPLE_ROWS = 200_000
"""Largest number of rows of a learning sample."""
SAMPLE_CELLS = 10_000_000
"""Largest number of cells of a learning sample, which one process holds."""
LEAST_RUN = 10  # least number of rows of a run


@dataclass(frozen=True)
class Sample:
    """What is known of a large table before its columns are learned.

    Parameters
    ----------
    table : RawTable
        Rows of every piece, each with its number in the table.
    pieces : tuple of Piece
        The pieces that have rows.
    starts : tuple of int
        Number of rows above each piece.
    rows : int
        Number of rows of the table.
    counts : Counter, optional
        Number of rows of each value of the target; None where the values were not counted.
    """

    table: RawTable
    pieces: tuple[Piece, ...]
    starts: tuple[int, ...]
    rows: int
    counts: Counts | None


@dataclass(frozen=True)
class _Wanted:
    run: int
    targets: tuple[str, ...]
    missing_words: tuple[str, ...]


@dataclass(frozen=True)
class _Glance:
    """What one piece adds to a sample."""

    rows: int
    runs: tuple[tuple[int, RawTable], ...]
    counts: Counts | None


def take_sample(
    pieces: Pieces,
    source: Source,
    missing_words: tuple[str, ...],
    engine: Engine,
    progress: Progress | None = None,
) -> Sample:
    """Take the first rows and rows of the middle of every piece, and count the target's values over all rows.

    Parameters
    ----------
    pieces : Pieces
        The pieces of the table.
    source : Source
        The source of the table, with its target.
    missing_words : tuple of str
        Texts that mean that a cell has no value.
    engine : Engine
        An engine whose workers are threads of this process, because the rows stay in this process.
    progress : callable, optional
        Function that is called with the number of pieces that were looked at, and of all pieces.

    Raises
    ------
    DataError
        If a piece cannot be read, or has other types of columns than the others.
    """
    targets = () if source.target is None else (source.target,)
    wanted = _Wanted(_run(pieces, missing_words), targets, missing_words)
    glances: dict[int, _Glance] = {}
    for place, found in engine.run(_glance, list(pieces), wanted):
        glances[place] = found
        if progress:
            progress(len(glances), len(pieces))
    pa.default_memory_pool().release_unused()
    filled = [place for place in range(len(pieces)) if glances[place].rows]
    if not filled:
        raise EmptyTableError(f"'{source.path}' has no rows")
    starts = tuple(accumulate((glances[place].rows for place in filled), initial=0))
    runs = [
        (start + first, table)
        for start, place in zip(starts, filled, strict=False)
        for first, table in glances[place].runs
    ]
    return Sample(
        joined(runs, source),
        tuple(pieces[place] for place in filled),
        starts[:-1],
        starts[-1],
        None if source.target is None else added(glances[place].counts for place in filled),
    )


def joined(runs: Sequence[tuple[int, RawTable]], source: Source) -> RawTable:
    """Runs of rows, one below the other, as one table that knows the number of each row.

    Parameters
    ----------
    runs : sequence of (int, RawTable)
        Consecutive rows, each run with the number of its first row in the table.
    source : Source
        The source of the table.
    """
    tables = [table for _, table in runs]
    ends = list(accumulate(table.rows for table in tables))

    def place(row: int) -> str:
        run = bisect_right(ends, row)
        table = tables[run]
        where = table.columns[0].place(row - (ends[run] - table.rows))
        return where if table.path == source.path else f"{where} of '{table.path.name}'"

    names = list(dict.fromkeys(name for table in tables for name in table.names))
    firsts = {column.name: column for table in reversed(tables) for column in table.columns}
    columns = tuple(
        replace(firsts[name], values=_values(tables, name, source), path=source.path, place=place)
        for name in names
    )
    at = np.concatenate([np.arange(start, start + table.rows) for start, table in runs])
    notes = tuple(dict.fromkeys(note for table in tables for note in table.notes))
    return RawTable(source.path, columns, len(at), notes, at)


def _run(pieces: Pieces, missing_words: tuple[str, ...]) -> int:
    """Number of rows of one run: each piece gives two."""
    first = pieces[0]
    columns = len(pieces.names or first.sampled(1, (), missing_words).runs[0][1].columns)
    rows = min(SAMPLE_ROWS, SAMPLE_CELLS // max(columns, 1))
    return max(rows // (2 * len(pieces)), LEAST_RUN)


def _glance(piece: Piece, wanted: _Wanted) -> _Glance:
    try:
        sampled = piece.sampled(wanted.run, wanted.targets, wanted.missing_words)
    except EmptyTableError:
        return _Glance(0, (), None)
    counts = counts_of(sampled.whole.columns[0]) if sampled.whole.columns else None
    return _Glance(sampled.rows, sampled.runs, counts)


def _values(tables: Sequence[RawTable], name: str, source: Source) -> pa.ChunkedArray:
    """The cells of a column of all tables, under a type that holds the values of all."""
    kind: pa.DataType | None = None
    for table in tables:
        found = table[name].values.type if name in table.names else pa.null()
        common = found if kind is None else widened(kind, found)
        if common is None:
            raise DataError(
                f"the parts of '{source.path}' have differing columns: '{name}' is {kind} and {found}"
            )
        kind = common
    chunks = [
        chunk.cast(kind)
        for table in tables
        for chunk in (table[name].values.chunks if name in table.names else [pa.nulls(table.rows)])
    ]
    return pa.chunked_array(chunks, kind)
