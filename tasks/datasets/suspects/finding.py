"""A column under suspicion, and the rows that are looked at first."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from tasks.datasets.frames import is_category

HEAD = 10_000
"""Number of first rows that are looked at before all rows: what is not so in these rows is not so in all rows."""


@dataclass(frozen=True)
class Suspect:
    """A column that should not be learned from.

    Parameters
    ----------
    name : str
        Name of the column.
    reason : str
        The reason: a clause about the column that begins with "it".
    """

    name: str
    reason: str


def codes(column: pd.Series) -> npt.NDArray[np.int64]:
    """Code of each value of a column, 0 for a missing value; the codes of a category may have gaps."""
    found = column.cat.codes if is_category(column) else pd.factorize(column.to_numpy())[0]
    return np.asarray(found, dtype=np.int64) + 1
