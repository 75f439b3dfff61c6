"""Type inference: which columns of a training table are numbers, categories, dates or something else."""

from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa

from tasks.datasets.raw import RawColumn, RawTable


def infer(table: RawTable, target: str | None = None) -> pd.DataFrame:
    """Columns of a training table with the types that their values suggest.

    Parameters
    ----------
    table : RawTable
        The training table.
    target : str, optional
        Name of the column to predict; this column may mix texts and numbers, because both can name classes.

    Returns
    -------
    pandas.DataFrame
        Numbers, truth values, and texts that all stand for numbers are float64 (missing: NaN), other texts
        category, dates datetime64; all other types are unchanged.

    Raises
    ------
    DataError
        If a column mixes numbers and some texts; the message names the file, the column and the line.
    """
    return pd.DataFrame(
        {
            column.name: _inferred_target(column) if column.name == target else _inferred_feature(column)
            for column in table.columns
        }
    )


def is_numeric(column: pd.Series) -> bool:
    """Whether `infer` took the column for numbers."""
    return column.dtype == np.float64


def is_category(column: pd.Series) -> bool:
    """Whether `infer` took the column for texts."""
    return isinstance(column.dtype, pd.CategoricalDtype)


def is_row_number(column: pd.Series) -> bool:
    """Whether a column is empty or only counts the rows from 0 or 1, as in files that some programs write."""
    if bool(column.isna().all()):
        return True
    if not is_numeric(column):
        return False
    return any(np.array_equal(column.to_numpy(), np.arange(len(column)) + start) for start in (0, 1))


def labels(target: pd.Series) -> pd.Series:
    """Class names of a target column as texts, whole numbers without a decimal point; missing values stay missing."""
    if not is_numeric(target):
        return target.astype(object)
    finite = target.where(np.isfinite(target))
    whole = bool((finite.dropna() % 1 == 0).all())
    names = {value: str(int(value)) if whole else repr(float(value)) for value in finite.dropna().unique()}
    return finite.map(names).astype(object)


def _inferred_feature(column: RawColumn) -> Any:
    if column.is_mixed:
        column.refuse_word()
    return _inferred(column)


def _inferred_target(column: RawColumn) -> Any:
    if column.holds_truths:
        return _inferred(column.with_texts(column.values.cast(pa.string())))
    return _inferred(column)


def _inferred(column: RawColumn) -> Any:
    if column.holds_texts and column.is_word.any():
        return column.texts.combine_chunks().dictionary_encode().to_pandas()
    if column.holds_texts or column.holds_numbers:
        return column.numbers
    return column.values.to_pandas(date_as_object=False)
