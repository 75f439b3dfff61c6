"""Base class of all kinds of columns."""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa
from pydantic import BaseModel, ConfigDict

from tasks.datasets.catalogue import Source
from tasks.datasets.columns.remarks import Remarks
from tasks.datasets.columns.words import Words
from tasks.datasets.raw import RawColumn

MISSING, INFINITE = "missing", "infinite"
"""Names of the counts of cells."""


@dataclass(frozen=True)
class TrainingColumn:
    """A column of a training table, from which a kind of column learns.

    Parameters
    ----------
    whole : RawColumn
        The column of the file, with all rows.
    is_known : numpy.ndarray of bool, shape (rows,)
        Mask of the training rows, which are the rows with a target.
    source : Source
        The source of the table.
    uses_texts : bool
        Whether the models that are to be trained can use columns of texts.
    row_numbers : numpy.ndarray of int64, optional
        Number of each row in its table, where the rows are a sample; None: 0, 1, 2, ...
    """

    whole: RawColumn
    is_known: npt.NDArray[np.bool_]
    source: Source
    uses_texts: bool = True
    row_numbers: npt.NDArray[np.int64] | None = None

    @property
    def name(self) -> str:
        """Name of the column."""
        return self.whole.name

    @cached_property
    def raw(self) -> RawColumn:
        """The column with the training rows only."""
        return self.whole.taken(self.is_known)

    @property
    def at(self) -> npt.NDArray[np.int64] | None:
        """Number of each training row in its table, where the rows are a sample; None: 0, 1, 2, ..."""
        return None if self.row_numbers is None else self.row_numbers[self.is_known]

    @cached_property
    def texts(self) -> pa.Array:
        """The different texts of the training rows; empty for a column that holds no texts."""
        return (
            self.raw.texts.unique().drop_null() if self.raw.holds_texts else pa.array([], pa.large_string())
        )

    @cached_property
    def words(self) -> Words:
        """The words of the training rows, beside their numbers."""
        return Words.of(self.raw)

    @property
    def is_kept(self) -> bool:
        """Whether the user says that the column is to be used as it is."""
        return self.name in self.source.options.keep_column

    @cached_property
    def holds_numbers(self) -> bool:
        """Whether the training rows hold numbers, perhaps with some words that mean a missing value."""
        if not self.raw.holds_texts:
            return self.raw.holds_numbers
        return not self.raw.has_words or self.words.are_missing


class Column(BaseModel, ABC):
    """The step that prepares one column of a table, in training and in prediction.

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
        """Learn the step for a column of a training table; None: the column is of another kind."""

    @property
    def numeric(self) -> tuple[str, ...]:
        """Names of the prepared columns of numbers (float64) that this column gives."""
        return ()

    @property
    def categorical(self) -> tuple[str, ...]:
        """Names of the prepared columns of a few different texts (category) that this column gives."""
        return ()

    @property
    def many_valued(self) -> tuple[str, ...]:
        """Names of the prepared columns of many different texts that repeat (category) that this column gives."""
        return ()

    @property
    def texts(self) -> tuple[str, ...]:
        """Names of the prepared columns of texts that hardly repeat (category) that this column gives."""
        return ()

    @property
    def outputs(self) -> tuple[str, ...]:
        """Names of all prepared columns that this column gives."""
        return (*self.numeric, *self.categorical, *self.many_valued, *self.texts)

    @property
    def is_used(self) -> bool:
        """Whether a model needs this column."""
        return bool(self.outputs)

    @abstractmethod
    def apply(self, raw: RawColumn) -> Mapping[str, pd.Series]:
        """Prepared columns by name, one value for each row of the column in a file.

        Raises
        ------
        DataError
            If a cell holds a value that a column of this kind cannot hold; the message names the file, the line and
            the value.
        """

    def measured(self, raw: RawColumn) -> npt.NDArray[Any] | None:
        """Values of all rows as float64 or datetime64 (missing: NaN, NaT); None for a column of other values."""
        return None

    def remarks(self, raw: RawColumn) -> Remarks:
        """What is guessed about new rows, or is new in them."""
        return Remarks()

    def notes(self, column: TrainingColumn) -> list[str]:
        """Sentences that tell with counts what is changed or left out of the training values."""
        counted = self.notes_of_counts(self.counts(column.raw), len(column.raw.values))
        return [*self.told_in_training(column), *counted]

    @abstractmethod
    def told_in_training(self, column: TrainingColumn) -> list[str]:
        """Sentences that tell how the training values were read, without the counts of `counts`."""

    def counts(self, raw: RawColumn) -> dict[str, int]:
        """Number of cells that are missing, or are changed; counts of several pieces of a table can be added."""
        return {MISSING: raw.missing}

    def notes_of_counts(self, counts: Mapping[str, int], rows: int) -> list[str]:
        """Sentences that tell the counts of `counts`.

        Parameters
        ----------
        counts : mapping of str to int
            Counts of all rows.
        rows : int
            Number of rows.
        """
        missing = counts[MISSING]
        return [f"{self.name}: {missing} of {rows} cells are missing"] if missing else []
