"""Columns that no model uses, each with the reason."""

import re
from collections.abc import Mapping
from typing import Literal, Self

import numpy as np
import pandas as pd

from tasks.datasets.columns.base import Column, TrainingColumn
from tasks.datasets.inference import is_numeric, is_row_number
from tasks.datasets.raw import RawColumn

UNNAMED = r"(Unnamed: \d+|__index_level_\d+__)?"  # names that programs give to a column of row numbers


class LeftOut(Column):
    """A column that no model uses.

    Parameters
    ----------
    reason : str
        Reason why the column is not used: a clause about the column that begins with "it".
    """

    kind: Literal["left out"] = "left out"
    reason: str

    @classmethod
    def learn(cls, column: TrainingColumn) -> Self | None:
        """Leave out row numbers, identifiers and empty columns."""
        reason = cls._reason(column)
        return cls(name=column.name, reason=reason) if reason else None

    @staticmethod
    def _reason(column: TrainingColumn) -> str | None:
        if re.fullmatch(UNNAMED, column.name) and is_row_number(column.inferred):
            return "it only counts the rows"
        if column.name in column.source.identifiers:
            return "it names the rows"
        return "it is empty" if _is_empty(column.values) else None

    def apply(self, raw: RawColumn) -> Mapping[str, pd.Series]:
        """No prepared column."""
        return {}

    def notes(self, values: pd.Series) -> list[str]:
        """The reason why the column is not used."""
        return [f"{self.name or 'a column without a name'}: left out, {self.reason}"]


def _is_empty(values: pd.Series) -> bool:
    return bool(values.isna().all()) or (is_numeric(values) and not bool(np.isfinite(values).any()))
