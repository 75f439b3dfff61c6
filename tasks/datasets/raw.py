"""Columns of a file as they were read, before their types are inferred."""

import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import NoReturn

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from infra.errors import DataError

MISSING_WORDS = ("", "?", "NA", "N/A", "#N/A", "n/a", "NaN", "nan", "null", "NULL")
"""Texts that mean that a cell has no value."""
NUMBER = r"[+-]?((\d+\.?\d*|\.\d+)([eE][+-]?\d+)?|(?i:inf|infinity))"
DECIMAL_COMMA = r"^([+-]?\d*),(\d+([eE][+-]?\d+)?)$"
LONGEST_SHOWN = 40  # largest number of characters of a cell that a message shows


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
        Whether the text "1,5" stands for the number 1.5.
    missing_words : tuple of str
        Texts that mean that a cell has no value.
    """

    name: str
    values: pa.ChunkedArray
    path: Path
    place: Callable[[int], str]
    decimal_comma: bool = False
    missing_words: tuple[str, ...] = MISSING_WORDS

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
    def texts(self) -> pa.ChunkedArray:
        """The cells of a text column as trimmed texts; a cell without a value is null."""
        text = pc.utf8_trim_whitespace(self.values.cast(pa.large_string()))
        return pc.if_else(pc.is_in(text, pa.array(self.missing_words, pa.large_string())), None, text)

    @cached_property
    def numbers(self) -> npt.NDArray[np.float64]:
        """The cells as numbers (float64); NaN for a cell without a value and for a text that is no number."""
        numbers = pc.if_else(self._is_numeral, self._numerals, None) if self.holds_texts else self.values
        values: npt.NDArray[np.float64] = numbers.cast(pa.float64(), safe=False).to_numpy()
        return values

    @cached_property
    def is_word(self) -> npt.NDArray[np.bool_]:
        """Mask of the cells that hold a text which is no number."""
        if not self.holds_texts:
            return np.zeros(len(self.values), bool)
        word: npt.NDArray[np.bool_] = pc.invert(self._is_numeral).fill_null(False).to_numpy()
        return word

    @property
    def is_mixed(self) -> bool:
        """Whether some cells are words although at least half of the cells with a value are numbers."""
        words = int(self.is_word.sum())
        return 0 < words <= self.count - words

    @property
    def count(self) -> int:
        """Number of cells with a value."""
        cells = self.texts if self.holds_texts else self.values
        return len(cells) - int(cells.null_count)

    def with_texts(self, texts: pa.ChunkedArray) -> "RawColumn":
        """The same column with other texts in its cells."""
        return replace(self, values=texts)

    def refuse_word(self) -> NoReturn:
        """Refuse the column because of its first word.

        Raises
        ------
        DataError
            Always; the message names the file, the line, the column and the word.
        """
        words = np.flatnonzero(self.is_word)
        self.refuse_cell(
            int(words[0]),
            f"where numbers belong ({len(words)} of {self.count} values are text); "
            "put a number there or leave it empty",
        )

    def refuse_cell(self, row: int, fault: str) -> NoReturn:
        """Refuse the column because of one cell.

        Raises
        ------
        DataError
            Always; the message names the file, the line, the column, the cell's value and the fault.
        """
        value = re.sub(r"\s+", " ", str(self.values[row].as_py()).strip())
        shown = f"{value[:LONGEST_SHOWN]}..." if len(value) > LONGEST_SHOWN else value
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

    @cached_property
    def _numerals(self) -> pa.ChunkedArray:
        """The texts with a point in the place of a decimal comma."""
        if not self.decimal_comma:
            return self.texts
        return pc.replace_substring_regex(self.texts, DECIMAL_COMMA, r"\1.\2")

    @cached_property
    def _is_numeral(self) -> pa.ChunkedArray:
        return pc.match_substring_regex(self._numerals, f"^{NUMBER}$")


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
    """

    path: Path
    columns: tuple[RawColumn, ...]
    rows: int
    notes: tuple[str, ...] = ()

    @property
    def names(self) -> list[str]:
        """Names of the columns."""
        return [column.name for column in self.columns]

    def __getitem__(self, name: str) -> RawColumn:
        return next(column for column in self.columns if column.name == name)


def is_text(kind: pa.DataType) -> bool:
    """Whether values of an Arrow type are texts."""
    return bool(pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_string_view(kind))


def is_number(kind: pa.DataType) -> bool:
    """Whether values of an Arrow type are numbers."""
    return bool(pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_decimal(kind))
