"""What a sample suggests of a column but cannot prove: the rows that contradict it are looked for in all pieces.

A column may be constant, empty, a copy of another column, or count the rows, in the rows of the sample only. The rows
that contradict the sample are added to it, so that the columns are learned as from all rows.
"""

from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from infra.engines import Engine
from tasks.datasets.catalogue import Source
from tasks.datasets.large.sampling import Sample, joined
from tasks.datasets.pieces import Piece
from tasks.datasets.raw import RawColumn, RawTable

MOST_ADDED = 100
"""Largest number of rows of one piece that are added to a sample because they contradict it."""

HEAD = 1_000
"""Number of first rows that are looked at before all rows."""

Mask = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class Doubt(ABC):
    """A property that a column has in a sample."""

    name: str

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the columns by which the property is checked."""
        return (self.name,)

    @abstractmethod
    def contradicted(self, table: RawTable, start: int) -> Mask:
        """Mask of the rows that do not have the property.

        Parameters
        ----------
        table : RawTable
            Consecutive rows.
        start : int
            Number of rows above them.
        """


@dataclass(frozen=True)
class Constant(Doubt):
    """Each cell of the column has the same value; None: each cell is empty."""

    value: Any

    def contradicted(self, table: RawTable, start: int) -> Mask:
        cells = _cells(table[self.name])
        if self.value is None:
            return _numpy(pc.is_valid(cells))
        return _numpy(pc.not_equal(cells, pa.scalar(self.value, cells.type)).fill_null(True))


@dataclass(frozen=True)
class Counting(Doubt):
    """The column is the number of the row, from a first number on."""

    first: float

    def contradicted(self, table: RawTable, start: int) -> Mask:
        numbers = np.arange(start, start + table.rows) + self.first
        return np.asarray(table[self.name].numbers != numbers)


@dataclass(frozen=True)
class Copy(Doubt):
    """The column has the cells of another column."""

    original: str

    @property
    def names(self) -> tuple[str, ...]:
        return (self.name, self.original)

    def contradicted(self, table: RawTable, start: int) -> Mask:
        return _differ(table[self.name], table[self.original])


def without_doubts(sample: Sample, source: Source, missing_words: tuple[str, ...], engine: Engine) -> Sample:
    """The sample, with rows that contradict what its rows suggest.

    Parameters
    ----------
    sample : Sample
        The sample.
    source : Source
        The source of the table.
    missing_words : tuple of str
        Texts that mean that a cell has no value.
    engine : Engine
        An engine whose workers are threads of this process.
    """
    doubts = list(_doubts(sample.table))
    if not doubts:
        return sample
    wanted = (doubts, missing_words)
    items = list(zip(sample.pieces, sample.starts, strict=True))
    found = dict(engine.run(_contradictions, items, wanted))
    runs = [found[place] for place in range(len(items)) if found[place].rows]
    if not runs:
        return sample
    return _with_rows(sample, runs, source)


def _with_rows(sample: Sample, runs: Sequence[RawTable], source: Source) -> Sample:
    known = set(() if sample.table.at is None else sample.table.at.tolist())
    new = []
    for table in runs:
        assert table.at is not None  # noqa: S101 (the rows were chosen by their numbers)
        is_new = np.array([row not in known for row in table.at.tolist()])
        if is_new.any():
            new.append(table.taken(is_new))
    tables = [sample.table, *new]
    whole = joined([(0, table) for table in tables], source)
    at = np.concatenate([table.at for table in tables if table.at is not None])
    return replace(sample, table=replace(whole, at=at))


def _contradictions(item: tuple[Piece, int], wanted: tuple[list[Doubt], tuple[str, ...]]) -> RawTable:
    """The first rows of a piece that contradict one of the doubts, with all columns and their numbers."""
    (piece, start), (doubts, missing_words) = item, wanted
    table = piece.read({name for doubt in doubts for name in doubt.names}, missing_words)
    chosen = np.zeros(table.rows, bool)
    for doubt in doubts:
        chosen[np.flatnonzero(doubt.contradicted(table, start))[:MOST_ADDED]] = True
    if not chosen.any():
        return table.taken(chosen)
    numbers = start + np.flatnonzero(chosen)
    return replace(piece.read(None, missing_words).taken(chosen), at=numbers)


def _doubts(table: RawTable) -> Iterator[Doubt]:
    """The doubts about the columns; the first rows show cheaply that most columns give none."""
    head = table.first(HEAD)
    firsts: dict[str, list[RawColumn]] = {}
    for raw, first in zip(table.columns, head.columns, strict=True):
        if pa.types.is_nested(raw.values.type):
            continue
        constant = Constant(raw.name, next(iter(_cells(first)[:1].to_pylist()), None))
        if not any(constant.contradicted(rows, 0).any() for rows in (head, table)):
            yield constant
            continue
        number = _first_number(first, head.at)
        if number is not None and _first_number(raw, table.at) == number:
            yield Counting(raw.name, number)
        alike = firsts.setdefault(f"{_cells(first).type} {_cells(first).to_pylist()}", [])
        original = next((one for one in alike if not _differ(raw, one).any()), None)
        if original is None:
            alike.append(raw)
        else:
            yield Copy(raw.name, original.name)


def _first_number(raw: RawColumn, at: npt.NDArray[np.int64] | None) -> float | None:
    """The first number of a column that counts the rows; None for another column."""
    if at is None or not (raw.holds_numbers or (raw.holds_texts and not raw.has_words)):
        return None
    first = float(raw.numbers[0] - at[0])
    return first if np.array_equal(raw.numbers, at + first) else None


def _differ(one: RawColumn, other: RawColumn) -> Mask:
    """Mask of the rows in which two columns of the same type differ."""
    left, right = _cells(one), _cells(other)
    same = pc.equal(left, right)
    return ~_numpy(pc.or_(same.fill_null(False), pc.and_(pc.is_null(left), pc.is_null(right))))


def _cells(raw: RawColumn) -> pa.ChunkedArray:
    """The cells as they are compared: trimmed texts, or values, of which NaN is empty."""
    if raw.holds_texts:
        return raw.texts
    return (
        pc.if_else(pc.is_nan(raw.values), None, raw.values)
        if pa.types.is_floating(raw.values.type)
        else raw.values
    )


def _numpy(mask: pa.ChunkedArray) -> Mask:
    return np.asarray(mask.fill_null(False).to_numpy())
