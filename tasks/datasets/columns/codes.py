"""Columns of codes with leading zeros, such as postal codes, which are names and no numbers."""

import shlex
from collections.abc import Mapping
from typing import Annotated, Literal

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
from pydantic import Field

from tasks.datasets.columns.base import Column, TrainingColumn
from tasks.datasets.columns.categories import CategoryColumn, ManyValuedColumn, TextColumn, texts_of
from tasks.datasets.columns.left_out import LeftOut
from tasks.datasets.missing import is_missing_among_numbers
from tasks.datasets.raw import RawColumn
from tasks.datasets.suspects import row_numbers

HEAD = 1_000  # number of cells that show cheaply that a column holds no codes
LEAST_WIDTH = 2
DIGITS = r"^\d+$"
WHOLE = r"^(\d+)\.0*$"
ZERO_AHEAD = r"^\s*0+[1-9]"

Written = Annotated[CategoryColumn | ManyValuedColumn | TextColumn, Field(discriminator="kind")]


class CodeColumn(Column):
    """A column of codes: digits of one width, some with a zero ahead, so that they are names and no numbers.

    Parameters
    ----------
    width : int
        Number of digits of each code.
    written : CategoryColumn, ManyValuedColumn or TextColumn
        The step that prepares the codes as texts.
    example : str
        A code with a zero ahead.
    words : tuple of str
        Words of the training table that mean a missing value.
    """

    kind: Literal["codes"] = "codes"
    width: int
    written: Written
    example: str
    words: tuple[str, ...] = ()

    @classmethod
    def learn(cls, column: TrainingColumn) -> "Column | None":
        """Learn from texts of digits of one width; numbers of rows are no codes."""
        codes = None if column.is_kept else _codes(column)
        if codes is None or _counts_rows(column):
            return None
        if not column.uses_texts:
            reason = "it holds codes, and distances are taken between numbers"
            return LeftOut(name=column.name, reason=f"{reason}; {_remedy(column.name)}")
        kind = next(kind for kind in (CategoryColumn, ManyValuedColumn, TextColumn) if kind.suits(column))
        example = codes.filter(pc.match_substring_regex(codes, ZERO_AHEAD))[0].as_py()
        return cls(
            name=column.name,
            width=len(example),
            written=kind(name=column.name),
            example=example,
            words=tuple(sorted(column.words.unknown)) if column.raw.is_word.any() else (),
        )

    @property
    def categorical(self) -> tuple[str, ...]:
        """Name of the prepared column, if it has a few different codes."""
        return self.written.categorical

    @property
    def many_valued(self) -> tuple[str, ...]:
        """Name of the prepared column, if it has many different codes that repeat."""
        return self.written.many_valued

    @property
    def texts(self) -> tuple[str, ...]:
        """Name of the prepared column, if its codes hardly repeat."""
        return self.written.texts

    def apply(self, raw: RawColumn) -> Mapping[str, pd.Series]:
        """The codes as a category, with the zeros ahead that another program may have left out; missing: NaN."""
        texts = pc.replace_substring_regex(texts_of(raw), WHOLE, r"\1")
        is_missing = pc.or_(
            is_missing_among_numbers(texts), pc.is_in(texts, pa.array(self.words, texts.type))
        )
        texts = pc.if_else(is_missing, None, texts)
        padded = pc.if_else(
            pc.match_substring_regex(texts, DIGITS), pc.utf8_lpad(texts, self.width, "0"), texts
        )
        return self.written.apply(raw.with_texts(padded))

    def told_in_training(self, column: TrainingColumn) -> list[str]:
        """How the column was read, and its words that mean a missing value."""
        told = (
            f"{self.name}: read as codes and not as numbers, because all values have {self.width} digits and some "
            f"begin with 0 ('{self.example}'); {_remedy(self.name)}"
        )
        words = [f"{self.name}: {column.words.in_words}, now missing"] if column.raw.is_word.any() else []
        return [told, *words]


def _remedy(name: str) -> str:
    return f"--keep-column {shlex.quote(name)} reads numbers"


def _codes(column: TrainingColumn) -> pa.ChunkedArray | None:
    """The cells that hold digits, if all have one width and some begin with a zero; otherwise None."""
    raw = column.raw
    if not raw.holds_texts:
        return None
    head = pc.utf8_trim_whitespace(raw.values[:HEAD].cast(pa.large_string()))
    if _width(head.filter(pc.match_substring_regex(head, DIGITS))) < LEAST_WIDTH:
        return None
    if not (pc.any(pc.match_substring_regex(raw.values, ZERO_AHEAD)).as_py() and column.holds_numbers):
        return None
    codes = raw.texts.filter(pa.array(~raw.is_word)).drop_null()
    are_digits = pc.all(pc.match_substring_regex(codes, DIGITS)).as_py()
    return codes if are_digits and _width(codes) >= LEAST_WIDTH else None


def _width(texts: pa.ChunkedArray) -> int:
    """Number of characters that all texts have; 0 if they differ or there are none."""
    found = pc.min_max(pc.utf8_length(texts)).as_py()
    return found["min"] if found["min"] and found["min"] == found["max"] else 0


def _counts_rows(column: TrainingColumn) -> bool:
    numbers = column.raw.numbers
    return bool(np.isfinite(numbers).all() and row_numbers(pd.DataFrame({column.name: numbers}), column.at))
