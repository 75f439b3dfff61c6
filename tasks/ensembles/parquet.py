"""Parquet tables: opened for a fit, and predicted block by block where the engine runs."""

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

from infra.engines import Engine, ParquetSource
from infra.engines.local import LocalEngine
from infra.errors import DataError, ParameterError

Array = NDArray[Any]


def training_table(path: str | Path, target: Any, sample_weight: Any, dtype: DTypeLike) -> ParquetSource:
    """Open a table to fit a model to; features may have missing values.

    Parameters
    ----------
    path : str or Path
        Path or address of a Parquet file or folder.
    target : str
        Name of the column of targets; all other columns are features.
    sample_weight : None
        Weights of rows, which only a fit to arrays takes.
    dtype : dtype
        Type of the features in memory, float32 or float64.

    Raises
    ------
    ParameterError
        If `target` is not a name, or weights are given.
    DataError
        If there is no such table, or it has no rows or no features.
    """
    if not isinstance(target, str):
        raise ParameterError(
            f"y: of type {type(target).__name__}; with a path, the name of the target column (a str) is needed"
        )
    if sample_weight is not None:
        raise ParameterError("sample_weight: allowed with an array, not with a path")
    source = ParquetSource(path, dtype=dtype, target=target, missing=True)
    if not source.n_rows or not source.columns:
        raise DataError(f"{path}: at least one row and one column beside {target!r} are needed")
    return source


def remember_features(estimator: Any, source: ParquetSource) -> None:
    """Give an estimator the attributes about features that `validate_data` gives it for a DataFrame."""
    estimator.n_features_in_ = source.n_columns
    estimator.feature_names_in_ = np.asarray(source.columns, dtype=object)


def predict_table(
    estimator: Any, path: str | Path, predict: Callable[[Array], Array], dtype: DTypeLike
) -> Array:
    """Predict the rows of a table, block by block where the estimator's engine runs.

    Parameters
    ----------
    estimator : estimator
        Fitted model, which knows its features and its engine.
    path : str or Path
        Path or address of a Parquet file or folder; columns that are not features are ignored.
    predict : callable
        Picklable function from features of shape (n_rows, n_features) to their predictions.
    dtype : dtype
        Type of the features in memory, float32 or float64.

    Returns
    -------
    ndarray
        Predictions of all rows, in the order of the table.

    Raises
    ------
    ParameterError
        If a model that was fitted to columns without names has another number of features than the table.
    DataError
        If there is no such table, or a feature is missing from it.
    """
    source = ParquetSource(path, getattr(estimator, "feature_names_in_", None), dtype=dtype, missing=True)
    if source.n_columns != estimator.n_features_in_:
        raise ParameterError(f"{path}: {source.n_columns} columns; the model has {estimator.n_features_in_}")
    parts: dict[int, Array] = {}
    with engine_or_thread(estimator.engine) as engine:
        for number, part in engine.run(_predict_block, range(source.n_blocks), (predict, source)):
            if isinstance(part, Exception):
                raise part
            parts[number] = part
    return np.concatenate([parts[number] for number in range(len(parts))])


def engine_or_thread(engine: Engine | None) -> AbstractContextManager[Engine]:
    """The engine, which stays open; where there is none, a thread of this process, closed at the end."""
    return nullcontext(engine) if engine else LocalEngine(1)


def _predict_block(number: int, shared: tuple[Callable[[Array], Array], ParquetSource]) -> Array:
    predict, source = shared
    return predict(source.block(number)[0])
