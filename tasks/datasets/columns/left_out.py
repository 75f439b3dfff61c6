"""Columns that no model uses, each with the reason."""

from collections.abc import Mapping
from typing import Literal, Self

import numpy as np
import pandas as pd

from tasks.datasets.columns.base import Column, TrainingColumn
from tasks.datasets.raw import RawColumn


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
        """Leave out identifiers and empty columns."""
        reason = cls._reason(column)
        return cls(name=column.name, reason=reason) if reason else None

    @staticmethod
    def _reason(column: TrainingColumn) -> str | None:
        if column.name in column.source.identifiers:
            return "it names the rows"
        if column.raw.missing == len(column.raw.values) or _is_nowhere_finite(column.raw):
            return "it is empty"
        return None

    def apply(self, raw: RawColumn) -> Mapping[str, pd.Series]:
        """No prepared column."""
        return {}

    def told_in_training(self, column: TrainingColumn) -> list[str]:
        """The reason why the column is not used."""
        return [f"{self.name or 'a column without a name'}: left out, {self.reason}"]

    def counts(self, raw: RawColumn) -> dict[str, int]:
        """No counts, because nothing becomes of the cells."""
        return {}

    def notes_of_counts(self, counts: Mapping[str, int], rows: int) -> list[str]:
        """No sentences."""
        return []


def _is_nowhere_finite(raw: RawColumn) -> bool:
    if raw.holds_texts:
        return not raw.has_words and not np.isfinite(raw.numbers).any()
    return raw.holds_numbers and not np.isfinite(raw.numbers).any()
