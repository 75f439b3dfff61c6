"""The recipe of a table: the steps that prepare its columns, learned in training and applied to all later tables."""

from collections.abc import Collection, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd
from pydantic import BaseModel, ConfigDict, Field, field_validator

from infra.errors import DataError
from infra.readable import listed
from infra.settings import usable_cores
from tasks.datasets.catalogue import Source
from tasks.datasets.columns import AnyColumn, LeftOut, TrainingColumn, learn_column
from tasks.datasets.missing import MISSING_WORDS
from tasks.datasets.options import ReadingOptions
from tasks.datasets.pieces import Piece
from tasks.datasets.raw import RawTable
from tasks.datasets.reading import read
from tasks.datasets.table_marks import with_hints
from tasks.datasets.table_rules import TableRules
from tasks.datasets.targets import AnyTarget

FORMAT = 1


class Recipe(BaseModel):
    """The steps that prepare the columns of a table for a model.

    A recipe is stored with the prepared data and with each model that was trained on these data, so that the model
    gets new rows in the same form as the training rows.
    """

    model_config = ConfigDict(frozen=True)

    format: int = Field(FORMAT, description="Version of the recipe's format.")
    columns: tuple[AnyColumn, ...] = Field((), description="Steps for each column except the target.")
    target: AnyTarget | None = Field(None, description="The column to predict; null without a target.")
    missing_words: tuple[str, ...] = Field(
        MISSING_WORDS, description="Texts that mean that a cell has no value."
    )

    options: ReadingOptions = Field(
        ReadingOptions(), description="What the user said about the reading of the training table."
    )

    @field_validator("format")
    @classmethod
    def _require_known_format(cls, value: int) -> int:
        if value != FORMAT:
            raise ValueError(
                f"the recipe has format {value}, and this version of trilla reads format {FORMAT}"
            )
        return value

    @property
    def numeric(self) -> list[str]:
        """Names of the prepared columns of numbers (float64; missing: NaN)."""
        return [name for column in self.columns for name in column.numeric]

    @property
    def categorical(self) -> list[str]:
        """Names of the prepared columns of a few different texts (category; missing: NaN)."""
        return [name for column in self.columns for name in column.categorical]

    @property
    def many_valued(self) -> list[str]:
        """Names of the prepared columns of many different texts that repeat (category; missing: NaN)."""
        return [name for column in self.columns for name in column.many_valued]

    @property
    def texts(self) -> list[str]:
        """Names of the prepared columns of texts that hardly repeat (category; missing: NaN)."""
        return [name for column in self.columns for name in column.texts]

    @property
    def inputs(self) -> list[str]:
        """Names of the columns that every table to predict must have."""
        return [column.name for column in self.columns if column.is_used]

    @property
    def classes(self) -> list[str]:
        """Names of the classes in the order of their codes; empty where no classes are predicted."""
        return list(self.target.classes) if self.target else []

    @property
    def outputs(self) -> list[str]:
        """Names of the prepared columns in the order of the training table."""
        return [name for column in self.columns for name in column.outputs]

    def without(self, left_out: Mapping[str, str]) -> "Recipe":
        """The same recipe without some columns, for which the mapping gives the reasons."""
        columns = tuple(
            LeftOut(name=column.name, reason=left_out[column.name]) if column.name in left_out else column
            for column in self.columns
        )
        return self.model_copy(update={"columns": columns})

    def read(self, source: Source, also: Collection[str] = ()) -> RawTable:
        """Read the columns of a table that the recipe needs, and some others; all further columns are ignored."""
        return self._hinted(read(self.as_in_training(source), {*self.inputs, *also}, self.missing_words))

    def read_piece(self, piece: Piece, also: Collection[str] = ()) -> RawTable:
        """Read the columns of a piece of a table that the recipe needs, and some others."""
        return self._hinted(piece.read({*self.inputs, *also}, self.missing_words))

    def as_in_training(self, source: Source) -> Source:
        """The same source, which is read as the user said of the training table."""
        return replace(source, options=self.options)

    def _hinted(self, table: RawTable) -> RawTable:
        return with_hints(table, self.options.decimal_mark)

    def apply(self, table: RawTable) -> pd.DataFrame:
        """Prepare the rows of a table.

        Parameters
        ----------
        table : RawTable
            The table; the order of its columns is free, and the table may have further columns.

        Returns
        -------
        pandas.DataFrame of shape (table.rows, n_features)
            The prepared columns in the order of the training table.

        Raises
        ------
        DataError
            If a column is missing, or holds a value that the column cannot hold; the message names the file, the
            column and the line.
        """
        self.require_inputs(table.names, table.path)
        used = [column for column in self.columns if column.is_used]
        with ThreadPoolExecutor(usable_cores()) as threads:
            prepared = list(threads.map(lambda column: column.apply(table[column.name]), used))
        return pd.DataFrame({name: values for part in prepared for name, values in part.items()}, copy=False)

    def require_inputs(self, names: Collection[str], path: Path) -> None:
        """Refuse a table that lacks columns which the recipe needs.

        Parameters
        ----------
        names : collection of str
            Names of the table's columns.
        path : Path
            The file or folder, as messages name it.

        Raises
        ------
        DataError
            If a column is missing; the message names the file and the columns.
        """
        found = set(names)
        missing = [name for name in self.inputs if name not in found]
        if missing:
            absent = f"column '{missing[0]}' is" if len(missing) == 1 else f"columns {listed(missing)} are"
            raise DataError(f"'{path}': {absent} missing; the model needs: {listed(self.inputs)}")


def learn_columns(
    table: RawTable, is_known: npt.NDArray[np.bool_], source: Source, rules: TableRules
) -> list[tuple[TrainingColumn, AnyColumn]]:
    """Learn the steps that prepare the columns of a training table, except its target.

    Parameters
    ----------
    table : RawTable
        The training table.
    is_known : numpy.ndarray of bool, shape (rows,)
        Mask of the training rows.
    source : Source
        The source of the table, with its target.
    rules : TableRules
        The demands of the problem.

    Returns
    -------
    list of (TrainingColumn, Column)
        Each column of the table with the step that prepares it.
    """
    columns = [
        TrainingColumn(raw, is_known, source, rules.uses_texts, table.at)
        for raw in table.columns
        if raw.name != source.target
    ]
    with ThreadPoolExecutor(usable_cores()) as threads:
        return list(zip(columns, threads.map(learn_column, columns), strict=True))
