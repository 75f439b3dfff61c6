"""Row numbers, indexes and identifiers that other programs wrote beside the data."""

import re

import numpy as np
import numpy.typing as npt
import pandas as pd

from tasks.datasets.frames import is_numeric
from tasks.datasets.suspects.finding import HEAD, Suspect

WRITTEN_BY_PROGRAMS = re.compile(
    r"""
    | unnamed:\ \d+ ([._]\w+)*             # pandas: an index without a name, also read and written again
    | __index_level_\d+__ | level_\d+      # pyarrow, pandas
    | index | idx | \#
    | row | rows | row[_. -]?(id|ids|nr|num|number|no|index|name|names) | rn | (nr|no)\.
    | (s|sr|sl|serial)[. _]*no\.?          # serial number
    """,
    re.IGNORECASE | re.VERBOSE,
)
"""Names that stand for the whole name of a column; the empty name is one of them."""
IDENTIFIERS = re.compile(r"(?i:(^|.*[_. -])(id|ids|uid|guid)|id[_. -].*)|.*[a-z\d]I[dD]")
"""Names with the word ID, such as `customer_id`, `PassengerId` and `Id`, but not `paid` or `humid`."""

COUNTS_ROWS = "it only counts the rows"


def row_numbers(frame: pd.DataFrame, at: npt.NDArray[np.int64] | None = None) -> list[Suspect]:
    """Find the columns that number the rows.

    A column of any name is found if it counts the rows from 0 or from 1 in the order of the file. A column of whole
    numbers that are all different, in any order, is found only if its name is one that programs give to an index or
    an identifier: without such a name it may be a price, a population or a time.

    Parameters
    ----------
    frame : pandas.DataFrame
        The columns of the training table, in the order of the file.
    at : numpy.ndarray of int64, optional
        Number of each row in the file, where the rows are a sample; None: 0, 1, 2, ...
    """
    numbers = np.arange(len(frame)) if at is None else at
    return [
        Suspect(str(name), reason)
        for name, column in frame.items()
        if is_numeric(column) and (reason := _reason(str(name), column.to_numpy(), numbers))
    ]


def _reason(name: str, values: npt.NDArray[np.float64], at: npt.NDArray[np.int64]) -> str | None:
    if len(values) < 2 or not are_unique_whole_numbers(values[:HEAD]):
        return None
    if values[0] - at[0] in (0, 1) and np.array_equal(values, at + (values[0] - at[0])):
        return COUNTS_ROWS
    if _is_name_of_index(name) and are_unique_whole_numbers(values):
        return f"it has the name of an index, and its {len(values):,} whole numbers are all different"
    return None


def are_unique_whole_numbers(values: npt.NDArray[np.float64]) -> bool:
    """Whether numbers are whole and all different, as those of an index."""
    whole = bool((np.isfinite(values) & (values == np.floor(values))).all())
    return whole and len(np.unique(values)) == len(values)


def _is_name_of_index(name: str) -> bool:
    name = name.strip()
    return bool(WRITTEN_BY_PROGRAMS.fullmatch(name) or IDENTIFIERS.fullmatch(name))
