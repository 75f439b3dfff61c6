"""Columns of numbers: measured numbers, and truth values as 1 and 0."""

from abc import abstractmethod
from collections.abc import Mapping
from typing import Literal, Self

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from tasks.datasets.columns.base import Column, TrainingColumn, notes_of_missing
from tasks.datasets.inference import is_numeric
from tasks.datasets.raw import RawColumn


class Measure(Column):
    """Base class of columns of numbers; infinite numbers and the number that means "not measured" become missing.

    Parameters
    ----------
    not_measured : float, optional
        The number that means "not measured".
    """

    not_measured: float | None = None

    @property
    def numeric(self) -> tuple[str, ...]:
        """Name of the prepared column, which is the name of the column."""
        return (self.name,)

    def apply(self, raw: RawColumn) -> Mapping[str, pd.Series]:
        """The numbers as float64; missing: NaN."""
        if not (raw.holds_texts or raw.holds_numbers):
            raw.refuse_type("numbers")
        numbers = pd.Series(self.numbers_of(raw))
        return {self.name: numbers.mask(np.isinf(numbers) | (numbers == self.not_measured))}

    @abstractmethod
    def numbers_of(self, raw: RawColumn) -> npt.NDArray[np.float64]:
        """The numbers in the cells; a cell that holds no number is refused."""

    def notes(self, values: pd.Series) -> list[str]:
        """Counts of missing, infinite and unmeasured values."""
        notes = notes_of_missing(self.name, values)
        infinite = int(np.isinf(values).sum())
        if infinite:
            notes.append(f"{self.name}: {infinite} infinite values, now missing")
        if self.not_measured is not None:
            unmeasured = int((values == self.not_measured).sum())
            shown = "zeros" if self.not_measured == 0 else f"values {self.not_measured:g}"
            notes.append(f"{self.name}: {unmeasured} {shown} are 'not measured', now missing")
        return notes


class NumberColumn(Measure):
    """A column of numbers, in a CSV file with a decimal point or comma."""

    kind: Literal["number"] = "number"

    @classmethod
    def learn(cls, column: TrainingColumn) -> Self | None:
        """Learn from every column of numbers."""
        if not is_numeric(column.inferred):
            return None
        return cls(name=column.name, not_measured=column.source.not_measured.get(column.name))

    def numbers_of(self, raw: RawColumn) -> npt.NDArray[np.float64]:
        """The numbers in the cells; a word is refused."""
        if raw.is_word.any():
            raw.refuse_word()
        return raw.numbers


class TruthColumn(Measure):
    """A Parquet column of truth values, which become the numbers 1 and 0; a CSV file may hold the words."""

    kind: Literal["true or false"] = "true or false"

    @classmethod
    def learn(cls, column: TrainingColumn) -> Self | None:
        """Learn from every column of type boolean."""
        if not column.raw.holds_truths:
            return None
        return cls(name=column.name, not_measured=column.source.not_measured.get(column.name))

    def numbers_of(self, raw: RawColumn) -> npt.NDArray[np.float64]:
        """1 for true and 0 for false; all other words and numbers are refused."""
        digits = raw.with_texts(_digits_for_truths(raw.texts)) if raw.holds_texts else raw
        numbers = digits.numbers
        strange = digits.is_word | ~(np.isnan(numbers) | np.isin(numbers, (0.0, 1.0)))
        if strange.any():
            raw.refuse_cell(int(strange.argmax()), "where true or false belongs")
        return numbers


def _digits_for_truths(texts: pa.ChunkedArray) -> pa.ChunkedArray:
    lower = pc.utf8_lower(texts)
    return pc.if_else(pc.equal(lower, "true"), "1", pc.if_else(pc.equal(lower, "false"), "0", texts))
