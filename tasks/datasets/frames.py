"""Prepared columns, of two types: numbers (float64; missing: NaN) and texts (category; missing: NaN)."""

from collections.abc import Iterable

import numpy as np
import pandas as pd


def is_numeric(column: pd.Series) -> bool:
    """Whether a prepared column holds numbers."""
    return column.dtype == np.float64


def is_category(column: pd.Series) -> bool:
    """Whether a prepared column holds texts."""
    return isinstance(column.dtype, pd.CategoricalDtype)


def selected(frame: pd.DataFrame, names: Iterable[str]) -> pd.DataFrame:
    """The named columns of a frame; unlike `frame[names]`, this does not copy the values, which may be many."""
    return pd.DataFrame({name: frame[name] for name in names}, index=frame.index, copy=False)
