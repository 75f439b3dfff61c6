"""Columns that no model uses, each with the reason."""

import re
from collections.abc import Mapping
from typing import Literal, Self

import numpy as np
import pandas as pd

from tasks.datasets.columns.base import Column, TrainingColumn
from tasks.datasets.inference import is_numeric, is_row_number
from tasks.datasets.raw import RawColumn

ISO_DATE = r"\d{4}-\d{2}-\d{2}([T ].*)?"
UNNAMED = r"(Unnamed: \d+|__index_level_\d+__)?"  # names that programs give to a column of row numbers
DATES = "it holds dates; turn them into numbers (for example days) to use them"


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


def _is_empty(values: pd.Series) -> bool:
    return bool(values.isna().all()) or (is_numeric(values) and not bool(np.isfinite(values).any()))


def _are_dates(texts: list[str]) -> bool:
    return bool(texts) and all(re.fullmatch(ISO_DATE, text) for text in texts)
