"""The kinds of columns: how each is learned from a training table, and what is done to its values ever after.

Each kind is one class. A new kind is a class like these and its place in `AnyKind`.
"""

import re
from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Annotated, Literal, Self, get_args

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
from pydantic import BaseModel, ConfigDict, Field

from tasks.datasets.catalogue import Source
from tasks.datasets.inference import is_category, is_numeric, is_row_number
from tasks.datasets.raw import DECIMAL_COMMA, NUMBER, RawColumn, is_number

ISO_DATE = r"\d{4}-\d{2}-\d{2}([T ].*)?"
UNNAMED = r"(Unnamed: \d+|__index_level_\d+__)?"  # what table programs call a column of row numbers
DATES = "it holds dates; turn them into numbers (for example days) to use them"
MOST_SPELLINGS = 1_000  # kept of a column: a recipe travels to every worker
LONGEST_EXAMPLE = 40  # characters


@dataclass(frozen=True)
class TrainingColumn:
    """A column of a training table, from which a kind of column learns.

    Parameters
    ----------
    raw : RawColumn
        The column as it stands in the file.
    inferred : pandas.Series
        The column with the type that `infer` gave it.
    is_known : numpy.ndarray of bool, shape (rows,)
        Which rows have a target, so that they are trained on.
    source : Source
        The source of the table.
    """

    raw: RawColumn
    inferred: pd.Series
    is_known: npt.NDArray[np.bool_]
    source: Source

    @property
    def name(self) -> str:
        """Name of the column."""
        return self.raw.name

    @cached_property
    def values(self) -> pd.Series:
        """Values of the rows that are trained on."""
        return self.inferred[self.is_known]

    @cached_property
    def texts(self) -> list[str]:
        """The different texts of the rows that are trained on; empty for other columns than texts."""
        return list(self.values.cat.remove_unused_categories().cat.categories) if self.is_category else []

    @property
    def is_category(self) -> bool:
        """Whether the column holds texts."""
        return is_category(self.inferred)


class Column(BaseModel, ABC):
    """What is done to a column of a table, in training and in use alike.

    Parameters
    ----------
    name : str
        Name of the column in the table.
    """

    model_config = ConfigDict(frozen=True)

    name: str

    @classmethod
    @abstractmethod
    def learn(cls, column: TrainingColumn) -> "Column | None":
        """What is to be done to a column of a training table; None: the column is of another kind."""

    @property
    def numeric(self) -> tuple[str, ...]:
        """Names of the prepared columns of numbers (float64) that this column gives."""
        return ()

    @property
    def categorical(self) -> tuple[str, ...]:
        """Names of the prepared columns of texts (category) that this column gives."""
        return ()

    @property
    def is_used(self) -> bool:
        """Whether a model needs this column."""
        return bool(self.numeric or self.categorical)

    @abstractmethod
    def apply(self, raw: RawColumn) -> Mapping[str, pd.Series]:
        """Prepared columns by name, one value for each row of the column in a file.

        Raises
        ------
        DataError
            If a cell holds what a column of this kind cannot hold; names the file, the line and the value.
        """

    @abstractmethod
    def notes(self, values: pd.Series) -> list[str]:
        """Sentences that tell with counts what is changed or left out of the training values."""


class LeftOut(Column):
    """A column that no model uses.

    Parameters
    ----------
    reason : str
        Why the column is not used; the sentence's subject is "it".
    """

    kind: Literal["left out"] = "left out"
    reason: str

    @classmethod
    def learn(cls, column: TrainingColumn) -> Self | None:
        """Leave out row numbers, identifiers, empty columns and dates."""
        reason = cls._reason(column)
        return cls(name=column.name, reason=reason) if reason else None

    @staticmethod
    def _reason(column: TrainingColumn) -> str | None:
        if re.fullmatch(UNNAMED, column.name) and is_row_number(column.inferred):
            return "it only counts the rows"
        if column.name in column.source.identifiers:
            return "it names the rows"
        if _is_empty(column.values):
            return "it is empty"
        is_date = pd.api.types.is_datetime64_any_dtype(column.inferred)
        return DATES if is_date or _are_dates(column.texts) else None

    def apply(self, raw: RawColumn) -> Mapping[str, pd.Series]:
        """No prepared column."""
        return {}

    def notes(self, values: pd.Series) -> list[str]:
        """The reason why the column is not used."""
        return [f"{self.name or 'a column without a name'}: left out, {self.reason}"]


class Measure(Column):
    """What columns of numbers have in common: infinite numbers, and a number that means "not measured", are missing.

    Parameters
    ----------
    not_measured : float, optional
        The number that means that nothing was measured.
    """

    not_measured: float | None = None

    @property
    def numeric(self) -> tuple[str, ...]:
        """The column under its own name."""
        return (self.name,)

    def apply(self, raw: RawColumn) -> Mapping[str, pd.Series]:
        """The numbers as float64; missing: NaN."""
        if not (raw.holds_texts or raw.holds_numbers):
            raw.refuse_type("numbers")
        numbers = pd.Series(self.numbers_of(raw))
        return {self.name: numbers.mask(np.isinf(numbers) | (numbers == self.not_measured))}

    @abstractmethod
    def numbers_of(self, raw: RawColumn) -> npt.NDArray[np.float64]:
        """The numbers that the cells stand for; a cell that stands for none is refused."""

    def notes(self, values: pd.Series) -> list[str]:
        """Counts of missing, infinite and unmeasured values."""
        notes = _notes_of_missing(self.name, values)
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
        """Take every column of numbers."""
        if not is_numeric(column.inferred):
            return None
        return cls(name=column.name, not_measured=column.source.not_measured.get(column.name))

    def numbers_of(self, raw: RawColumn) -> npt.NDArray[np.float64]:
        """The numbers that the cells stand for; a word is refused."""
        if raw.is_word.any():
            raw.refuse_word()
        return raw.numbers


class TruthColumn(Measure):
    """A column of true and false in Parquet, which are the numbers 1 and 0; a CSV file has them as words."""

    kind: Literal["true or false"] = "true or false"

    @classmethod
    def learn(cls, column: TrainingColumn) -> Self | None:
        """Take every column whose type is boolean."""
        if not column.raw.holds_truths:
            return None
        return cls(name=column.name, not_measured=column.source.not_measured.get(column.name))

    def numbers_of(self, raw: RawColumn) -> npt.NDArray[np.float64]:
        """1 for true, 0 for false; anything else than these words and numbers is refused."""
        digits = raw.with_texts(_digits_for_truths(raw.texts)) if raw.holds_texts else raw
        numbers = digits.numbers
        strange = digits.is_word | ~(np.isnan(numbers) | np.isin(numbers, (0.0, 1.0)))
        if strange.any():
            raw.refuse_cell(int(strange.argmax()), "where true or false belongs")
        return numbers


class CategoryColumn(Column):
    """A column of texts.

    Parameters
    ----------
    spellings : tuple of str
        The texts of the training table that stand for a number or for true or false. Another file may spell
        them in another way: 1.0 or 01 for "1", true or TRUE for "True". Empty where there are too many.
    """

    kind: Literal["category"] = "category"
    spellings: tuple[str, ...] = ()

    @classmethod
    def learn(cls, column: TrainingColumn) -> "Column | None":
        """Take texts, unless a model of this kind cannot use them or they are different in most rows."""
        if not column.is_category:
            return None
        reason = cls._reason_against(column)
        if reason:
            return LeftOut(name=column.name, reason=reason)
        texts = column.texts
        spellings = sorted(text for text in texts if meaning(text, column.raw.decimal_comma) is not None)
        kept = spellings if len(spellings) <= MOST_SPELLINGS else ()
        return cls(name=column.name, spellings=tuple(kept))

    @staticmethod
    def _reason_against(column: TrainingColumn) -> str | None:
        if column.source.task == "clustering":
            return "it holds texts, and distances are taken between numbers"
        texts, present = column.texts, int(column.values.notna().sum())
        if len(texts) * 2 <= present:
            return None
        example = texts[0][:LONGEST_EXAMPLE]
        return f"it names the rows: {len(texts)} texts in {present} rows, for example '{example}'"

    @property
    def categorical(self) -> tuple[str, ...]:
        """The column under its own name."""
        return (self.name,)

    def apply(self, raw: RawColumn) -> Mapping[str, pd.Series]:
        """The texts as a category, as the training table spells them; missing: NaN."""
        encoded = _texts_of(raw).combine_chunks().dictionary_encode()
        spelled = [self._spelled(text, raw.decimal_comma) for text in encoded.dictionary.to_pylist()]
        texts = sorted(set(spelled))
        places = {text: place for place, text in enumerate(texts)}
        code_of = np.array([*(places[text] for text in spelled), -1])  # the last one for missing texts
        codes = code_of[encoded.indices.fill_null(len(spelled)).to_numpy(zero_copy_only=False)]
        category = pd.Categorical.from_codes(codes, pd.Index(texts, dtype=object))
        return {self.name: pd.Series(category)}

    def notes(self, values: pd.Series) -> list[str]:
        """Count of missing values."""
        return _notes_of_missing(self.name, values)

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
        """The only spelling of each number and truth value; there is none where several have one meaning."""
        meanings = {text: meaning(text, decimal_comma=True) for text in self.spellings}
        counts = Counter(meanings.values())
        return {meant: text for text, meant in meanings.items() if counts[meant] == 1}


AnyKind = LeftOut | TruthColumn | NumberColumn | CategoryColumn
"""The kinds in the order in which they are tried on a column of a training table."""
AnyColumn = Annotated[AnyKind, Field(discriminator="kind")]


def learn_column(column: TrainingColumn) -> AnyKind:
    """What is to be done to a column of a training table."""
    for kind in get_args(AnyKind):
        learned: AnyKind | None = kind.learn(column)
        if learned is not None:
            return learned
    return LeftOut(name=column.name, reason="it holds neither numbers nor texts")


def meaning(text: str, decimal_comma: bool) -> float | str | None:
    """The finite number, or "true" or "false", that a text stands for; None: it is only a text."""
    if text.lower() in ("true", "false"):
        return text.lower()
    numeral = re.sub(DECIMAL_COMMA, r"\1.\2", text) if decimal_comma else text
    if not re.fullmatch(NUMBER, numeral, re.ASCII):
        return None
    number = float(numeral)
    return number if np.isfinite(number) else None


def _texts_of(raw: RawColumn) -> pa.ChunkedArray:
    """The cells as texts; whole numbers without a decimal point, infinite ones missing."""
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


def _digits_for_truths(texts: pa.ChunkedArray) -> pa.ChunkedArray:
    lower = pc.utf8_lower(texts)
    return pc.if_else(pc.equal(lower, "true"), "1", pc.if_else(pc.equal(lower, "false"), "0", texts))


def _is_empty(values: pd.Series) -> bool:
    return bool(values.isna().all()) or (is_numeric(values) and not bool(np.isfinite(values).any()))


def _are_dates(texts: list[str]) -> bool:
    return bool(texts) and all(re.fullmatch(ISO_DATE, text) for text in texts)


def _notes_of_missing(name: str, values: pd.Series) -> list[str]:
    missing = int(values.isna().sum())
    return [f"{name}: {missing} of {len(values)} cells are missing"] if missing else []
