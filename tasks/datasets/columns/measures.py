"""Columns of numbers: measured numbers, and truth values as 1 and 0."""

from abc import abstractmethod
from collections.abc import Mapping
from typing import Literal, Self

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from infra.errors import DataError
from infra.readable import shortened
from tasks.datasets.columns.base import INFINITE, Column, TrainingColumn
from tasks.datasets.columns.remarks import Clause, Remarks
from tasks.datasets.columns.words import Words, refusal
from tasks.datasets.marks import NAMES
from tasks.datasets.missing import as_number, sentinel
from tasks.datasets.notes import warning
from tasks.datasets.number_style import NumberStyle
from tasks.datasets.numerals import NumberReading
from tasks.datasets.raw import RawColumn

UNIT_WEIGHT = 100  # characters of marks that tell less than one character of a unit


class Measure(Column):
    """Base class of columns of numbers; infinite numbers and numbers that mean "not measured" become missing.

    Parameters
    ----------
    not_measured : tuple of float
        The numbers that mean "not measured".
    """

    not_measured: tuple[float, ...] = ()

    @property
    def numeric(self) -> tuple[str, ...]:
        """Name of the prepared column, which is the name of the column."""
        return (self.name,)

    def apply(self, raw: RawColumn) -> Mapping[str, pd.Series]:
        """The numbers as float64; missing: NaN."""
        return {self.name: pd.Series(self.measured(raw))}

    def measured(self, raw: RawColumn) -> npt.NDArray[np.float64]:
        """The numbers as float64; missing: NaN."""
        if not (raw.holds_texts or raw.holds_numbers):
            raw.refuse_type("numbers")
        numbers = self.numbers_of(raw)
        missing = np.isinf(numbers) | np.isin(numbers, self.not_measured)
        return np.where(missing, np.nan, numbers) if missing.any() else numbers

    @abstractmethod
    def numbers_of(self, raw: RawColumn) -> npt.NDArray[np.float64]:
        """The numbers in the cells; a cell that holds no number is refused."""

    def told_in_training(self, column: TrainingColumn) -> list[str]:
        """No sentences besides the counts."""
        return []

    def counts(self, raw: RawColumn) -> dict[str, int]:
        """Numbers of missing, infinite and unmeasured values."""
        numbers = self.numbers_of(raw)
        unmeasured = {str(value): int((numbers == value).sum()) for value in self.not_measured}
        return {**super().counts(raw), INFINITE: int(np.isinf(numbers).sum()), **unmeasured}

    def notes_of_counts(self, counts: Mapping[str, int], rows: int) -> list[str]:
        """Sentences that tell the numbers of missing, infinite and unmeasured values."""
        notes = super().notes_of_counts(counts, rows)
        if counts[INFINITE]:
            notes.append(f"{self.name}: {counts[INFINITE]} infinite values, now missing")
        for value in self.not_measured:
            shown = "zeros" if value == 0 else f"values {value:g}"
            notes.append(f"{self.name}: {counts[str(value)]} {shown} are 'not measured', now missing")
        return notes


class NumberColumn(Measure):
    """A column of numbers.

    Parameters
    ----------
    style : NumberStyle
        The way in which the numbers of the training table are written.
    words : tuple of str
        Words of the training table that mean a missing value.
    """

    kind: Literal["number"] = "number"
    style: NumberStyle = NumberStyle()
    words: tuple[str, ...] = ()

    @classmethod
    def learn(cls, column: TrainingColumn) -> Self | None:
        """Learn from a column of numbers; a few words among many numbers are refused as mistakes."""
        if not column.holds_numbers:
            if column.raw.holds_texts and column.words.are_mistakes:
                column.words.refuse()
            return None
        reads = column.raw.holds_texts
        return cls(
            name=column.name,
            not_measured=_not_measured(column),
            style=column.raw.reading.style if reads else NumberStyle(),
            words=tuple(sorted(column.words.unknown)) if reads and column.raw.is_word.any() else (),
        )

    def numbers_of(self, raw: RawColumn) -> npt.NDArray[np.float64]:
        """The numbers in the cells; a word that does not mean a missing value is refused."""
        if not raw.holds_texts:
            return raw.numbers
        trained = raw.trained(self.style)
        if trained.is_word.any():
            self._refuse_new_words(trained)
        return trained.numbers

    def remarks(self, raw: RawColumn) -> Remarks:
        """Words that are taken for missing values, and how an ambiguous mark was read."""
        if not raw.holds_texts:
            return Remarks()
        trained = raw.trained(self.style)
        texts = {"marks": trained.reading.doubt, "units": self._clause_on_units(trained)}
        return Remarks(
            missing=Words.of(trained).cells if trained.is_word.any() else {},
            clauses={subject: Clause(text=text) for subject, text in texts.items() if text},
            manner=_manner(trained.reading),
        )

    def told_in_training(self, column: TrainingColumn) -> list[str]:
        """The way of writing if it is not plain, and words that became missing."""
        if not column.raw.holds_texts:
            return []
        return [*self._notes_of_style(column.raw), *self._notes_of_words(column)]

    def _notes_of_style(self, raw: RawColumn) -> list[str]:
        reading = raw.reading
        if reading.style == NumberStyle() and not reading.doubt:
            return []
        clauses = "; ".join(clause for clause in (_example(raw), reading.told, reading.doubt) if clause)
        return [warning(clauses, self.name) if reading.is_doubtful else f"{self.name}: {clauses}"]

    def _clause_on_units(self, raw: RawColumn) -> str:
        """How new rows are read whose numbers have a unit that the numbers of the training table do not have."""
        style = raw.reading.style
        if style.unit in ("", self.style.unit) and style.is_scaled <= self.style.is_scaled:
            return ""
        told = raw.reading.told or f"the numbers of the training table do not have the unit '{style.unit}'"
        return warning(f"{_example(raw)}; {told}")

    def _notes_of_words(self, column: TrainingColumn) -> list[str]:
        if not column.raw.is_word.any():
            return []
        return [f"{self.name}: {column.words.in_words}, now missing"]

    def _refuse_new_words(self, raw: RawColumn) -> None:
        unknown = Words.of(raw).unknown
        for word in self.words:
            unknown.pop(word, None)
        if unknown:
            raise DataError(refusal(raw, unknown))


def _not_measured(column: TrainingColumn) -> tuple[float, ...]:
    """Numbers that mean "not measured": those of the catalogue and of the user, or else a number such as -999."""
    named = [number for word in column.source.options.missing if (number := as_number(word)) is not None]
    known = column.source.not_measured.get(column.name)
    found = [*named, *([] if known is None else [known])]
    numbers = column.raw.numbers
    if not (column.is_kept or found) and (seen := sentinel(numbers)) is not None:
        found = [seen]
    return tuple(number for number in dict.fromkeys(found) if number == known or (numbers == number).any())


def _manner(reading: NumberReading) -> str:
    """The decimal mark in words, if the numbers show it."""
    shows = reading.shows_decimals or reading.style.thousands in (".", ",")
    return f"a decimal {NAMES[reading.style.decimal]}" if shows else ""


def _example(raw: RawColumn) -> str:
    row = _most_telling(raw)
    return f"'{shortened(raw.texts[row].as_py())}' is read as {raw.numbers[row]:.15g}"


def _most_telling(raw: RawColumn) -> int:
    """Row of the number whose text has most characters besides digits, and units before marks, for an example."""
    marks = pc.replace_substring_regex(raw.texts, r"\d", "")
    units = pc.replace_substring_regex(marks, r"[.,' +-]", "")
    lengths = pc.add(pc.utf8_length(marks), pc.multiply(pc.utf8_length(units), UNIT_WEIGHT))
    return int(np.where(np.isnan(raw.numbers), -1, lengths.fill_null(-1).to_numpy()).argmax())


class TruthColumn(Measure):
    """A Parquet column of truth values, which become the numbers 1 and 0; a CSV file may hold the words."""

    kind: Literal["true or false"] = "true or false"

    @classmethod
    def learn(cls, column: TrainingColumn) -> Self | None:
        """Learn from every column of type boolean."""
        return cls(name=column.name) if column.raw.holds_truths else None

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
