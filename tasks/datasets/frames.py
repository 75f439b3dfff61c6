"""The two types of prepared columns: numbers (float64; missing: NaN) and texts (category; missing: NaN)."""

import numpy as np
import pandas as pd


def is_numeric(column: pd.Series) -> bool:
    """Whether a prepared column holds numbers."""
    return column.dtype == np.float64


def is_category(column: pd.Series) -> bool:
    """Whether a prepared column holds texts."""
    return isinstance(column.dtype, pd.CategoricalDtype)
