"""The target of a large table: its values are counted over all rows, and each piece reads it alike."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from infra.errors import DataError
from tasks.datasets.columns import NumberColumn
from tasks.datasets.raw import RawColumn

MOST_VALUES = 100_000
"""Largest number of different values of a target whose rows are counted."""

Counts = Counter[Any]
"""Number of rows of each value of a target; None is the value of an empty cell."""


class TargetReader(Protocol):
    """Reads the target of each piece as the target of the whole table was learned."""

    def read(self, raw: RawColumn) -> tuple[npt.NDArray[Any], npt.NDArray[np.bool_]]:
        """Class codes (int64) or the quantity (float64) of all rows, and the mask of the rows that have a target."""
        ...


@dataclass(frozen=True)
class ClassReader:
    """Reads a column of classes.

    Parameters
    ----------
    values : pyarrow.Array
        The different values of the column.
    codes : numpy.ndarray of int64
        Code of the class of each value; -1 for a value that means that there is no class.
    """

    values: pa.Array
    codes: npt.NDArray[np.int64]

    def read(self, raw: RawColumn) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.bool_]]:
        found = pc.index_in(_cells(raw).cast(self.values.type), self.values)
        codes = np.append(self.codes, -1)[found.fill_null(len(self.values)).to_numpy()]
        return codes, codes >= 0


@dataclass(frozen=True)
class QuantityReader:
    """Reads a column of numbers.

    Parameters
    ----------
    step : NumberColumn
        The step that prepares the column.
    """

    step: NumberColumn

    def read(self, raw: RawColumn) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.bool_]]:
        values = self.step.apply(raw)[self.step.name].to_numpy()
        return values, np.isfinite(values)


def counts_of(raw: RawColumn) -> Counts | None:
    """Number of rows of each value of a column; None if there are too many different values, or values of no class."""
    if not (raw.holds_texts or raw.holds_numbers):
        return None
    found = _cells(raw).value_counts()
    if len(found) > MOST_VALUES:
        return None
    return Counter(
        dict(zip(found.field("values").to_pylist(), found.field("counts").to_pylist(), strict=True))
    )


def added(counts: Iterable[Counts | None]) -> Counts | None:
    """Counts of several pieces in one; None if the values of a piece were not counted, or are too many together."""
    total: Counts = Counter()
    for one in counts:
        if one is None:
            return None
        total.update(one)
        if len(total) > MOST_VALUES:
            return None
    return total


def counted(raw: RawColumn, counts: Counts) -> RawColumn:
    """The column with each of its different values once, with the number of its rows.

    Parameters
    ----------
    raw : RawColumn
        The column of a sample.
    counts : Counter
        Number of rows of each value in all rows.
    """
    kind = _cells(raw).type
    values = pa.chunked_array([pa.array(list(counts), kind)])
    weights = np.fromiter(counts.values(), np.int64, len(counts))
    return RawColumn(
        raw.name, values, raw.path, raw.place, raw.decimal_comma, raw.missing_words, raw.hints, weights
    )


def class_reader(raw: RawColumn, codes: npt.NDArray[np.int64]) -> ClassReader:
    """The reader of a counted column of classes.

    Parameters
    ----------
    raw : RawColumn
        The counted column.
    codes : numpy.ndarray of int64
        Code of the class of each of its cells; -1 for no class.
    """
    values = raw.values.combine_chunks()
    is_given = pc.is_valid(values)
    return ClassReader(values.filter(is_given), codes[is_given.to_numpy(zero_copy_only=False)])


def too_many(name: str | None, path: object) -> DataError:
    """The error of a target whose different values are too many for classes."""
    return DataError(
        f"target '{name}' of '{path}' has more than {MOST_VALUES:,} different values, and these are too many for "
        f"classes; if '{name}' is a quantity, name --task regression"
    )


def _cells(raw: RawColumn) -> pa.ChunkedArray:
    """The cells of a target as they are compared: trimmed texts, or numbers, of which NaN is empty."""
    if raw.holds_texts:
        return raw.written
    if pa.types.is_floating(raw.values.type):
        return pc.if_else(pc.is_nan(raw.values), None, raw.values)
    return raw.values
