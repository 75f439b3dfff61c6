"""Rows of a clustering that pictures show: all rows of a small table, some rows of a large one."""

from pathlib import Path
from typing import Any, NamedTuple, Self

import numpy as np

from tasks.large.training_rows import LargeTrainingRows

MOST_ROWS = 5_000
FILE = "drawn.npz"


class DrawnClusters(NamedTuple):
    """Rows in the space of a clustering, with their clusters."""

    space: Any
    """float64, shape (n, n_features): the rows."""
    labels: Any
    """int64, shape (n,): cluster of each row; -1 is noise."""

    @classmethod
    def of(cls, model: Any, rows: LargeTrainingRows) -> Self:
        """Some rows of a large table, the same for all clusterings of a study.

        Parameters
        ----------
        model : Pipeline
            A pipeline whose last step has clustered all rows of the table.
        rows : LargeTrainingRows
            The rows of the table.
        """
        X, _ = rows.sample()
        numbers = rows.drawn.sample_numbers()[:MOST_ROWS]
        return cls(np.asarray(model[:-1].transform(X.iloc[:MOST_ROWS])), model[-1].labels_[numbers])

    def save(self, folder: Path) -> None:
        """Write the rows into a folder, which is made if it is missing."""
        folder.mkdir(parents=True, exist_ok=True)
        np.savez(folder / FILE, space=self.space, labels=self.labels)

    @classmethod
    def load(cls, folder: Path) -> Self:
        """Read the rows that `save` wrote."""
        with np.load(folder / FILE) as kept:
            return cls(kept["space"], kept["labels"])
