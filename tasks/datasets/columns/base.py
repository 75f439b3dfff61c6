"""Base class of all kinds of columns."""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt
import pandas as pd
from pydantic import BaseModel, ConfigDict

from tasks.datasets.catalogue import Source
from tasks.datasets.inference import is_category
from tasks.datasets.raw import RawColumn


@dataclass(frozen=True)
class TrainingColumn:
    """A column of a training table, from which a kind of column learns.

    Parameters
    ----------
    raw : RawColumn
        The column of the file.
    inferred : pandas.Series
        The column with the type that `infer` gave it.
    is_known : numpy.ndarray of bool, shape (rows,)
        Mask of the training rows, which are the rows with a target.
    source : Source
        The source of the table.
    uses_texts : bool
        Whether the models that are to be trained can use columns of texts.
    """

    raw: RawColumn
    inferred: pd.Series
    is_known: npt.NDArray[np.bool_]
    source: Source
    uses_texts: bool

    @property
    def name(self) -> str:
        """Name of the column."""
        return self.raw.name

    @cached_property
    def values(self) -> pd.Series:
        """Values of the training rows."""
        return self.inferred[self.is_known]

    @cached_property
    def texts(self) -> list[str]:
        """The different texts of the training rows; empty for a column that holds no texts."""
        return list(self.values.cat.remove_unused_categories().cat.categories) if self.is_category else []

    @property
    def is_category(self) -> bool:
        """Whether the column holds texts."""
        return is_category(self.inferred)


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
    def is_used(self) -> bool:
        """Whether a model needs this column."""
        return bool(self.numeric or self.categorical or self.many_valued or self.texts)

    @abstractmethod
    def apply(self, raw: RawColumn) -> Mapping[str, pd.Series]:
        """Prepared columns by name, one value for each row of the column in a file.

        Raises
        ------
        DataError
            If a cell holds a value that a column of this kind cannot hold; the message names the file, the line and
            the value.
        """

    @abstractmethod
    def notes(self, values: pd.Series) -> list[str]:
        """Sentences that tell with counts what is changed or left out of the training values."""


def notes_of_missing(name: str, values: pd.Series) -> list[str]:
    """Sentence with the number of missing values; an empty list if no value is missing."""
    missing = int(values.isna().sum())
    return [f"{name}: {missing} of {len(values)} cells are missing"] if missing else []
