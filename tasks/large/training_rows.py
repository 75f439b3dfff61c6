"""The training rows of a large table: a sample in memory, and all rows as blocks."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import DTypeLike

from tasks.datasets.prepared import Target
from tasks.large.drawn_rows import DrawnRows
from tasks.large.table_rows import EncodedRows, TableRows


@dataclass(frozen=True)
class LargeTrainingRows:
    """The training rows of a large table.

    Parameters
    ----------
    drawn : DrawnRows
        The rows that fit in memory.
    """

    drawn: DrawnRows

    def sample(self) -> tuple[pd.DataFrame, Target | None]:
        """Features and target of the sample, in random order."""
        X, y = self.drawn.search_rows()
        count = self.drawn.sample_size
        return X.iloc[:count], None if y is None else y[:count]

    def table(self) -> pd.DataFrame:
        """Features of all rows of the table, in memory."""
        X: pd.DataFrame = self.drawn.dataset.load()[0]
        return X

    def transformed(self, steps: Any) -> TableRows:
        """All training rows as blocks of numbers, from fitted steps.

        Parameters
        ----------
        steps : transformer
            Fitted steps from the columns of the table to numbers.
        """
        return TableRows(self.drawn.dataset, self.drawn.roles.training, steps)

    def blocks(self, steps: Any, dtype: DTypeLike = np.float64) -> TableRows:
        """All training rows as blocks of numbers, from steps that are fitted on the sample now.

        Parameters
        ----------
        steps : transformer
            Unfitted steps from the columns of the table to numbers.
        dtype : dtype
            Type of the numbers.
        """
        X, y = self.sample()
        dataset, training = self.drawn.dataset, self.drawn.roles.training
        if not dataset.many_valued:
            return TableRows(dataset, training, steps.fit(X, y), dtype)
        # the mean target of a value must not hold the row's own target, which `transform` would give to the sample
        values = steps.fit_transform(X, y).astype(dtype)
        numbers = self.drawn.sample_numbers()
        order = np.argsort(numbers)
        return TableRows(dataset, training, steps, dtype, EncodedRows(numbers[order], values[order]))
