"""Tables that are read block by block: opened for a fit, and predicted where the engine runs."""

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Any, TypeGuard

import numpy as np
from numpy.typing import DTypeLike, NDArray

from infra.engines import BlockSource, Engine, ParquetSource
from infra.engines.local import LocalEngine
from infra.errors import DataError, ParameterError

Array = NDArray[Any]


def is_table(X: Any) -> TypeGuard[str | Path | BlockSource]:
    """Tell whether features are read block by block: from Parquet at a path, or from a source."""
    return isinstance(X, str | Path | BlockSource)


def training_table(
    estimator: Any,
    X: str | Path | BlockSource,
    target: Any,
    sample_weight: Any,
    dtype: DTypeLike,
    *,
    missing: bool = True,
) -> BlockSource:
    """Open a table to fit an estimator to; the estimator gets the attributes of features that `validate_data` sets.

    Parameters
    ----------
    estimator : estimator
        The estimator to fit.
    X : str or Path or BlockSource
        Path or address of a Parquet file or folder, or a source whose blocks are `(X, y)` or `(X, y, weights)`.
    target : str or None
        With a path, the name of the column of targets; all other columns are features. With a source, None.
    sample_weight : None
        Weights of rows, which only a fit to arrays takes.
    dtype : dtype
        Type of the features that are read from Parquet, float32 or float64.
    missing : bool, default=True
        Whether features that are read from Parquet may have missing values.

    Returns
    -------
    BlockSource
        Source whose blocks are features, targets and perhaps weights.

    Raises
    ------
    ParameterError
        If `target` does not go with `X`, or weights are given.
    DataError
        If there is no such table, or it has no rows or no features.
    """
    if sample_weight is not None:
        raise ParameterError("sample_weight: allowed with an array, not with a path or a source")
    source = _given(X, target) if isinstance(X, BlockSource) else _opened(X, target, dtype, missing)
    if not source.n_rows or not source.n_columns:
        raise DataError(f"{name_of(X)}: at least one row and one column beside the target are needed")
    estimator.n_features_in_ = source.n_columns
    estimator.__dict__.pop("feature_names_in_", None)
    if isinstance(source, ParquetSource):
        estimator.feature_names_in_ = np.asarray(source.columns, dtype=object)
    return source


def _given(source: BlockSource, target: Any) -> BlockSource:
    if target is not None:
        raise ParameterError("y: with a source, None is needed; the target is the second array of each block")
    return source


def _opened(path: str | Path, target: Any, dtype: DTypeLike, missing: bool) -> ParquetSource:
    if not isinstance(target, str):
        raise ParameterError(
            f"y: of type {type(target).__name__}; with a path, the name of the target column (a str) is needed"
        )
    return ParquetSource(path, dtype=dtype, target=target, missing=missing)


def predict_table(
    estimator: Any, X: str | Path | BlockSource, predict: Callable[[Array], Array], dtype: DTypeLike
) -> Array:
    """Predict the rows of a table, block by block where the estimator's engine runs.

    Parameters
    ----------
    estimator : estimator
        Fitted model, which knows its features and its engine.
    X : str or Path or BlockSource
        Path or address of a Parquet file or folder, whose columns that are not features are ignored; or a source,
        of whose blocks only the first array, the features, is used.
    predict : callable
        Picklable function from features of shape (n_rows, n_features) to their predictions.
    dtype : dtype
        Type of the features that are read from Parquet, float32 or float64.

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
    if isinstance(X, BlockSource):
        source = X
    else:
        source = ParquetSource(X, getattr(estimator, "feature_names_in_", None), dtype=dtype, missing=True)
    if source.n_columns != estimator.n_features_in_:
        raise ParameterError(
            f"{name_of(X)}: {source.n_columns} columns; the model has {estimator.n_features_in_}"
        )
    parts: dict[int, Array] = {}
    with engine_or_thread(estimator.engine) as engine:
        for number, part in engine.run(_predict_block, range(source.n_blocks), (predict, source)):
            if isinstance(part, Exception):
                raise part
            parts[number] = part
    return np.concatenate([parts[number] for number in range(len(parts))])


def name_of(X: str | Path | BlockSource) -> str:
    """Name of a table in a message."""
    return (
        "X" if isinstance(X, BlockSource) and not isinstance(X, ParquetSource) else str(getattr(X, "path", X))
    )


def engine_or_thread(engine: Engine | None) -> AbstractContextManager[Engine]:
    """The engine, which stays open; where there is none, a thread of this process, closed at the end."""
    return nullcontext(engine) if engine else LocalEngine(1)


def _predict_block(number: int, shared: tuple[Callable[[Array], Array], BlockSource]) -> Array:
    predict, source = shared
    return predict(source.block(number)[0])
