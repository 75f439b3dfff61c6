"""The training rows of a large table: a sample in memory, and all rows as blocks."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import DTypeLike

from tasks.datasets.prepared import Target
from tasks.large.drawn_rows import DrawnRows
from tasks.large.table_rows import TableRows


@dataclass(frozen=True)
class TrainingRows:
    """The training rows of a large table.

    Parameters
    ----------
    drawn : DrawnRows
        The rows that fit in memory.
    """

    drawn: DrawnRows

    def sample(self) -> tuple[pd.DataFrame, Target]:
        """Features and target of the sample, in random order."""
        X, y = self.drawn.search_rows()
        count = self.drawn.sample_size
        return X.iloc[:count], y[:count]

    def blocks(self, steps: Any, dtype: DTypeLike = np.float64) -> TableRows:
        """All training rows as blocks of numbers.

        Parameters
        ----------
        steps : transformer
            Fitted steps from the columns of the table to numbers.
        dtype : dtype
            Type of the numbers.
        """
        return TableRows(self.drawn.dataset, self.drawn.roles.training, steps, dtype)
