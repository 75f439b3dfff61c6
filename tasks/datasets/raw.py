"""Columns of a file as they were read, before their types are inferred."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import NoReturn

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from infra.errors import DataError
from infra.readable import shortened
from tasks.datasets.marks import Hints
from tasks.datasets.missing import MISSING_WORDS
from tasks.datasets.number_style import NumberStyle
from tasks.datasets.numerals import PEEK, NumberReading, holds_words, plain_numbers, read_numbers


@dataclass(frozen=True)
class RawColumn:
    """A column of a file: texts of a CSV file, or typed values of a Parquet file.

    Parameters
    ----------
    name : str
        Name of the column.
    values : pyarrow.ChunkedArray
        The cells, one for each row.
    path : Path
        The file or folder that the column was read from.
    place : callable
        Function that gives the place of a row (counted from 0) in the file, for example "line 7".
    decimal_comma : bool
        Whether the separator of the file suggests that the text "1,5" stands for the number 1.5.
    missing_words : tuple of str
        Texts that mean that a cell has no value.
    hints : Hints
        What else is known of the decimal mark.
    weights : numpy.ndarray of int64, optional
        Number of rows that each cell stands for, where only the different cells are kept; None: one row each.
    """

    name: str
    values: pa.ChunkedArray
    path: Path
    place: Callable[[int], str]
    decimal_comma: bool = False
    missing_words: tuple[str, ...] = MISSING_WORDS
    hints: Hints = field(default_factory=Hints)
    weights: npt.NDArray[np.int64] | None = None

    @property
    def holds_texts(self) -> bool:
        """Whether the cells are texts, which may stand for numbers."""
        return is_text(self.values.type)

    @property
    def holds_truths(self) -> bool:
        """Whether the cells are true or false."""
        return bool(pa.types.is_boolean(self.values.type))

    @property
    def holds_numbers(self) -> bool:
        """Whether the cells are numbers, or true and false, which count as 1 and 0; or all are missing."""
        return self.holds_truths or is_number(self.values.type) or pa.types.is_null(self.values.type)

    @cached_property
    def written(self) -> pa.ChunkedArray:
        """The cells of a text column as trimmed texts; an empty cell is null."""
        text = pc.utf8_trim_whitespace(self.values.cast(pa.large_string()))
        return pc.if_else(pc.equal(text, ""), None, text)

    @cached_property
    def texts(self) -> pa.ChunkedArray:
        """The cells of a text column as trimmed texts; a cell without a value is null."""
        missing = pa.array(self.missing_words, pa.large_string())
        return pc.if_else(pc.is_in(self.written, missing), None, self.written)

    @cached_property
    def encoded(self) -> pa.DictionaryArray:
        """The texts, each different text once, with the place of each cell's text."""
        return self.texts.combine_chunks().dictionary_encode()

    @cached_property
    def reading(self) -> NumberReading:
        """The cells of a text column, read as numbers."""
        return self._plain or read_numbers(self.texts, self.hints)

    @property
    def cells(self) -> pa.ChunkedArray:
        """The cells for a reader: trimmed texts, or typed values; a cell without a value is null."""
        return self.texts if self.holds_texts and not self._plain else self.values

    @cached_property
    def _plain(self) -> NumberReading | None:
        """The cells as they stand in the file, if they all are plain numbers: the quickest way for most columns."""
        return plain_numbers(self.values)

    @cached_property
    def numbers(self) -> npt.NDArray[np.float64]:
        """The cells as numbers (float64); NaN for a cell without a value and for a text that is no number."""
        if self.holds_texts:
            return self.reading.numbers
        values: npt.NDArray[np.float64] = self.values.cast(pa.float64(), safe=False).to_numpy()
        return values

    @cached_property
    def is_word(self) -> npt.NDArray[np.bool_]:
        """Mask of the cells that hold a text which is no number."""
        return self.reading.is_word if self.holds_texts else np.zeros(len(self.values), bool)

    @cached_property
    def has_words(self) -> bool:
        """Whether a cell holds a text which is no number; the first cells often tell, which takes no time."""
        if not self.holds_texts or self._plain:
            return False
        return holds_words(self.texts[:PEEK]) or bool(self.is_word.any())

    @property
    def count(self) -> int:
        """Number of cells with a value."""
        if self.holds_texts and self._plain:
            return len(self.values) - self.missing
        cells = self.texts if self.holds_texts else self.values
        return len(cells) - int(cells.null_count)

    @property
    def missing(self) -> int:
        """Number of cells without a value."""
        if pa.types.is_floating(self.values.type) or (self.holds_texts and self._plain):
            return int(np.isnan(self.numbers).sum())
        return len(self.values) - self.count

    def taken(self, wanted: npt.NDArray[np.bool_]) -> "RawColumn":
        """The same column with the wanted rows only."""
        if wanted.all():
            return self
        rows = np.flatnonzero(wanted)
        return replace(
            self, values=self.values.filter(pa.array(wanted)), place=lambda row: self.place(int(rows[row]))
        )

    def with_texts(self, texts: pa.ChunkedArray) -> "RawColumn":
        """The same column with other texts in its cells."""
        return replace(self, values=texts)

    def trained(self, style: NumberStyle) -> "RawColumn":
        """The same column, whose marks are read as in the training table if they can be read in two ways."""
        if self.reading.style == style:
            return self  # nothing was read in another way, and the column has been read already
        return replace(self, hints=replace(self.hints, trained=style))

    def refuse_cell(self, row: int, fault: str) -> NoReturn:
        """Refuse the column because of one cell.

        Raises
        ------
        DataError
            Always; the message names the file, the line, the column, the cell's value and the fault.
        """
        shown = shortened(str(self.values[row].as_py()))
        raise DataError(f"'{self.path}', {self.place(row)}: column '{self.name}' holds '{shown}' {fault}")

    def refuse_type(self, wanted: str) -> NoReturn:
        """Refuse the column because its type cannot hold the wanted kind of values.

        Raises
        ------
        DataError
            Always; the message names the file, the column, its type and the wanted kind of values.
        """
        raise DataError(
            f"'{self.path}': column '{self.name}' holds values of type {self.values.type} where {wanted} belong"
        )


@dataclass(frozen=True)
class RawTable:
    """A table of a file, whose columns have no inferred types yet.

    Parameters
    ----------
    path : Path
        The file or folder.
    columns : tuple of RawColumn
        The columns in the order of the file.
    rows : int
        Number of rows.
    notes : tuple of str
        Sentences on what the reader skipped, guessed or changed.
    at : numpy.ndarray of int64, optional
        Number of each row in the source, where the rows are a sample; None: 0, 1, 2, ...
    """

    path: Path
    columns: tuple[RawColumn, ...]
    rows: int
    notes: tuple[str, ...] = ()
    at: npt.NDArray[np.int64] | None = None

    @property
    def names(self) -> list[str]:
        """Names of the columns."""
        return [column.name for column in self.columns]

    def taken(self, wanted: npt.NDArray[np.bool_]) -> "RawTable":
        """The same table with the wanted rows only."""
        columns = tuple(column.taken(wanted) for column in self.columns)
        at = None if self.at is None else self.at[wanted]
        return replace(self, columns=columns, rows=int(wanted.sum()), at=at)

    def first(self, rows: int) -> "RawTable":
        """The same table with its first rows only."""
        columns = tuple(replace(column, values=column.values[:rows]) for column in self.columns)
        at = None if self.at is None else self.at[:rows]
        return replace(self, columns=columns, rows=min(rows, self.rows), at=at)

    def copied(self) -> "RawTable":
        """The same table with cells of its own, so that the larger table from which it was cut can be forgotten."""
        rows = pa.array(np.arange(self.rows))
        columns = tuple(replace(column, values=column.values.take(rows)) for column in self.columns)
        return replace(self, columns=columns)

    def __getitem__(self, name: str) -> RawColumn:
        return self._by_name[name]

    @cached_property
    def _by_name(self) -> Mapping[str, RawColumn]:
        return {column.name: column for column in self.columns}


def is_text(kind: pa.DataType) -> bool:
    """Whether values of an Arrow type are texts."""
    return bool(pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_string_view(kind))


def is_number(kind: pa.DataType) -> bool:
    """Whether values of an Arrow type are numbers."""
    return bool(pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_decimal(kind))
