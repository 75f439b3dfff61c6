"""Columns that say nothing: constants and copies of other columns."""

import numpy as np
import pandas as pd

from infra.readable import shortened
from tasks.datasets.frames import is_category
from tasks.datasets.suspects.finding import HEAD, Suspect


def constant_columns(frame: pd.DataFrame) -> list[Suspect]:
    """Find the columns in which every row has the same value; a column with some missing values is not constant."""
    return [
        Suspect(str(name), f"it holds the same value in every row, {_shown(column)}")
        for name, column in frame.items()
        if _is_constant(column.iloc[:HEAD]) and _is_constant(column)
    ]


def _is_constant(column: pd.Series) -> bool:
    values = (column.cat.codes if is_category(column) else column).to_numpy()
    return len(values) > 0 and bool((values == values[0]).all()) and not pd.isna(column.iloc[0])


def _shown(column: pd.Series) -> str:
    value = column.iloc[0]
    return f"'{shortened(value)}'" if is_category(column) else f"{value:g}"


def copied_features(frame: pd.DataFrame) -> list[Suspect]:
    """Find the columns whose values are those of an earlier column in every row."""
    found: list[Suspect] = []
    firsts: dict[bytes, list[str]] = {}
    for name, column in frame.items():
        alike = firsts.setdefault(_digest(column.iloc[:HEAD]), [])
        original = next((first for first in alike if _are_equal(column, frame[first])), None)
        if original is None:
            alike.append(str(name))
        else:
            found.append(Suspect(str(name), f"it is a copy of column '{original}'"))
    return found


def _digest(column: pd.Series) -> bytes:
    """Digest of values; equal values have equal digests, whatever the order of the categories."""
    # the number -0.0 becomes 0.0, which equals it
    values = column.array if is_category(column) else column.to_numpy() + 0.0
    return is_category(column).to_bytes() + pd.util.hash_array(values).tobytes()


def _are_equal(one: pd.Series, other: pd.Series) -> bool:
    if is_category(one) != is_category(other):
        return False
    if not is_category(one):
        return np.array_equal(one.to_numpy(), other.to_numpy(), equal_nan=True)
    recoded = one.cat.set_categories(other.cat.categories).cat.codes
    return np.array_equal(recoded, other.cat.codes) and np.array_equal(one.isna(), other.isna())
