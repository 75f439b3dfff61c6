"""Columns of texts."""

import re
from abc import abstractmethod
from collections import Counter
from collections.abc import Mapping
from functools import cached_property
from typing import ClassVar, Literal

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from tasks.datasets.columns.base import Column, TrainingColumn
from tasks.datasets.columns.left_out import LeftOut
from tasks.datasets.raw import RawColumn, is_number

NUMBER = r"[+-]?((\d+\.?\d*|\.\d+)([eE][+-]?\d+)?|(?i:inf|infinity))"
MAY_MEAN = r"^([+-]?((\d+[.,]?\d*|[.,]\d+)([eE][+-]?\d+)?|(?i:inf|infinity))|(?i:true|false))$"
"""What a text looks like that means a number, true or false."""
DECIMAL_COMMA = r"^([+-]?\d*),(\d+([eE][+-]?\d+)?)$"
MOST_SPELLINGS = 1_000  # largest number of spellings that are kept, because a recipe is sent to every worker
MAX_CATEGORIES = 50  # largest number of different texts that each get a column of their own


class WrittenColumn(Column):
    """Base class of columns of texts.

    Parameters
    ----------
    spellings : tuple of str
        The texts of the training table that mean a number, true or false. Another file may spell these texts in
        another way: 1.0 or 01 for "1", true or TRUE for "True". Empty if there are too many texts.
    """

    becomes: ClassVar[str] = ""
    """Clause that tells what the texts become for the models; empty where a reader would expect it."""

    spellings: tuple[str, ...] = ()

    @classmethod
    def learn(cls, column: TrainingColumn) -> "Column | None":
        """Learn from texts; the column is left out if the models cannot use texts."""
        if not (column.raw.holds_texts and cls.suits(column)):
            return None
        if not column.uses_texts:
            return LeftOut(name=column.name, reason="it holds texts, and distances are taken between numbers")
        likely = column.texts.filter(pc.match_substring_regex(column.texts, MAY_MEAN))
        kept = likely.to_pylist() if len(likely) <= MOST_SPELLINGS else ()
        spellings = sorted(text for text in kept if meaning(text, column.raw.decimal_comma) is not None)
        return cls(name=column.name, spellings=tuple(spellings))

    @classmethod
    @abstractmethod
    def suits(cls, column: TrainingColumn) -> bool:
        """Whether a column of texts is of this kind."""

    def apply(self, raw: RawColumn) -> Mapping[str, pd.Series]:
        """The texts as a category, as the training table spells them; missing: NaN."""
        encoded = raw.encoded if raw.holds_texts else texts_of(raw).combine_chunks().dictionary_encode()
        spelled = self._spelled(encoded.dictionary, raw.decimal_comma)
        texts = spelled.unique()
        texts = texts.take(pc.array_sort_indices(texts))
        code_of = np.append(pc.index_in(spelled, texts).to_numpy(), -1)  # the last one for missing texts
        codes = code_of[encoded.indices.fill_null(len(spelled)).to_numpy(zero_copy_only=False)]
        category = pd.Categorical.from_codes(codes, pd.Index(texts.to_pylist(), dtype=object))
        return {self.name: pd.Series(category)}

    def told_in_training(self, column: TrainingColumn) -> list[str]:
        """What the texts become, numbers among the texts, and units that are mixed."""
        becomes = [f"{self.name}: {self.becomes}"] if self.becomes else []
        return [*becomes, *self._notes_of_numbers(column)]

    def _notes_of_numbers(self, column: TrainingColumn) -> list[str]:
        units = column.raw.reading.units
        if units:
            shown = ", ".join(f"'{unit}'" if unit else "no unit" for unit in units)
            return [f"{self.name}: read as texts, because its numbers have different units ({shown})"]
        numbers = int((~np.isnan(column.raw.numbers)).sum())
        if not numbers:
            return []
        return [f"{self.name}: read as texts, because {column.words.in_words} among {numbers} numbers"]

    def _spelled(self, texts: pa.Array, decimal_comma: bool) -> pa.Array:
        """The training table's spelling of texts."""
        if not self.spellings:
            return texts
        is_known = pc.is_in(texts, pa.array(self.spellings, texts.type))
        is_other = pc.and_not(pc.match_substring_regex(texts, MAY_MEAN), is_known)
        found = [
            self._spelling_by_meaning.get(meaning(text, decimal_comma), text)
            for text in texts.filter(is_other).to_pylist()
        ]
        return pc.replace_with_mask(texts, is_other, pa.array(found, texts.type))

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

    becomes: ClassVar[str] = (
        "each text becomes the mean target of its rows, and words and groups of letters that go with the target, "
        "learned inside the folds"
    )
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

    becomes: ClassVar[str] = (
        "texts become the words and groups of letters that go with the target, learned inside the folds"
    )
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


def texts_of(raw: RawColumn) -> pa.ChunkedArray:
    """The cells as texts: whole numbers have no decimal point, and infinite numbers are missing."""
    if raw.holds_texts:
        return raw.texts
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
