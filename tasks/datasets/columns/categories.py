"""Columns of texts."""

import re
from abc import abstractmethod
from collections import Counter
from collections.abc import Mapping
from functools import cached_property
from typing import Literal

import numpy as np
import pandas as pd
import pyarrow as pa

from tasks.datasets.columns.base import Column, TrainingColumn, notes_of_missing
from tasks.datasets.columns.left_out import LeftOut
from tasks.datasets.raw import RawColumn, is_number

NUMBER = r"[+-]?((\d+\.?\d*|\.\d+)([eE][+-]?\d+)?|(?i:inf|infinity))"
DECIMAL_COMMA = r"^([+-]?\d*),(\d+([eE][+-]?\d+)?)$"
MOST_SPELLINGS = 1_000  # largest number of spellings that are kept, because a recipe is sent to every worker
SHOWN_UNITS = 3
MAX_CATEGORIES = 50  # largest number of different texts that each get a column of their own


class WrittenColumn(Column):
    """Base class of columns of texts.

    Parameters
    ----------
    spellings : tuple of str
        The texts of the training table that mean a number, true or false. Another file may spell these texts in
        another way: 1.0 or 01 for "1", true or TRUE for "True". Empty if there are too many texts.
    """

    spellings: tuple[str, ...] = ()

    @classmethod
    def learn(cls, column: TrainingColumn) -> "Column | None":
        """Learn from texts; the column is left out if the models cannot use texts."""
        if not (column.raw.holds_texts and cls.suits(column)):
            return None
        if not column.uses_texts:
            return LeftOut(name=column.name, reason="it holds texts, and distances are taken between numbers")
        texts = column.texts
        spellings = sorted(text for text in texts if meaning(text, column.raw.decimal_comma) is not None)
        kept = spellings if len(spellings) <= MOST_SPELLINGS else ()
        return cls(name=column.name, spellings=tuple(kept))

    @classmethod
    @abstractmethod
    def suits(cls, column: TrainingColumn) -> bool:
        """Whether a column of texts is of this kind."""

    def apply(self, raw: RawColumn) -> Mapping[str, pd.Series]:
        """The texts as a category, as the training table spells them; missing: NaN."""
        encoded = raw.encoded if raw.holds_texts else _as_texts(raw).combine_chunks().dictionary_encode()
        spelled = [self._spelled(text, raw.decimal_comma) for text in encoded.dictionary.to_pylist()]
        texts = sorted(set(spelled))
        places = {text: place for place, text in enumerate(texts)}
        code_of = np.array([*(places[text] for text in spelled), -1])  # the last one for missing texts
        codes = code_of[encoded.indices.fill_null(len(spelled)).to_numpy(zero_copy_only=False)]
        category = pd.Categorical.from_codes(codes, pd.Index(texts, dtype=object))
        return {self.name: pd.Series(category)}

    def notes(self, column: TrainingColumn) -> list[str]:
        """Numbers among the texts, units that are mixed, and the count of missing values."""
        return [*self._notes_of_numbers(column), *notes_of_missing(column)]

    def _notes_of_numbers(self, column: TrainingColumn) -> list[str]:
        units = column.raw.reading.units
        if units:
            shown = ", ".join(f"'{unit}'" for unit in units[:SHOWN_UNITS])
            return [f"{self.name}: read as texts, because its numbers have different units ({shown})"]
        numbers = int((~np.isnan(column.raw.numbers)).sum())
        if not numbers:
            return []
        return [f"{self.name}: read as texts, because {column.words.in_words} among {numbers} numbers"]

    def _spelled(self, text: str, decimal_comma: bool) -> str:
        """The training table's spelling of a text."""
        if text in self._known:
            return text
        return self._spelling_by_meaning.get(meaning(text, decimal_comma), text)

    @cached_property
    def _known(self) -> frozenset[str]:
        return frozenset(self.spellings)

    @cached_property
    def _spelling_by_meaning(self) -> Mapping[float | str | None, str]:
        """Spelling of each number and truth value; a meaning with several spellings is left out."""
        meanings = {text: meaning(text, decimal_comma=True) for text in self.spellings}
        counts = Counter(meanings.values())
        return {meant: text for text, meant in meanings.items() if counts[meant] == 1}


class CategoryColumn(WrittenColumn):
    """A column of a few different texts."""

    kind: Literal["category"] = "category"

    @classmethod
    def suits(cls, column: TrainingColumn) -> bool:
        """Whether the texts are few."""
        return len(column.texts) <= MAX_CATEGORIES

    @property
    def categorical(self) -> tuple[str, ...]:
        """Name of the prepared column, which is the name of the column."""
        return (self.name,)


class ManyValuedColumn(WrittenColumn):
    """A column of many different texts that repeat."""

    kind: Literal["many values"] = "many values"

    @classmethod
    def suits(cls, column: TrainingColumn) -> bool:
        """Whether a text stands in two rows on average."""
        return len(column.texts) * 2 <= column.raw.count

    @property
    def many_valued(self) -> tuple[str, ...]:
        """Name of the prepared column, which is the name of the column."""
        return (self.name,)


class TextColumn(WrittenColumn):
    """A column of texts that hardly repeat."""

    kind: Literal["text"] = "text"

    @classmethod
    def suits(cls, column: TrainingColumn) -> bool:
        """Return True, because every other column of texts is of this kind."""
        return True

    @property
    def texts(self) -> tuple[str, ...]:
        """Name of the prepared column, which is the name of the column."""
        return (self.name,)


def meaning(text: str, decimal_comma: bool) -> float | str | None:
    """The finite number, or "true" or "false", that a text means; None: the text has no such meaning."""
    if text.lower() in ("true", "false"):
        return text.lower()
    numeral = re.sub(DECIMAL_COMMA, r"\1.\2", text) if decimal_comma else text
    if not re.fullmatch(NUMBER, numeral, re.ASCII):
        return None
    number = float(numeral)
    return number if np.isfinite(number) else None


def _as_texts(raw: RawColumn) -> pa.ChunkedArray:
    """Typed cells as texts: whole numbers have no decimal point, and infinite numbers are missing."""
    if raw.holds_truths or pa.types.is_null(raw.values.type) or pa.types.is_integer(raw.values.type):
        return raw.values.cast(pa.large_string())
    if not is_number(raw.values.type):
        raw.refuse_type("texts")
    numbers = pd.Series(raw.numbers)
    texts = {
        n: str(int(n)) if n == int(n) else repr(float(n)) for n in numbers[np.isfinite(numbers)].unique()
    }
    return pa.chunked_array(
        [pa.array(numbers.map(texts).astype(object), pa.large_string(), from_pandas=True)]
    )
