"""Base class of the clustering estimators: their rows, the checks of these rows, and their engine."""

from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator, ClusterMixin
from sklearn.utils.validation import _check_sample_weight, check_is_fitted, validate_data

from infra.engines import ArraySource, BlockSource, Engine, ParquetSource
from infra.engines.local import LocalEngine
from infra.errors import ParameterError
from tasks.clustering.sources import NO_WEIGHTS, PairedSource

Array = NDArray[Any]


class BlockClusterer(ClusterMixin, BaseEstimator):
    """Base of the estimators: rows are an array or a path to Parquet, and an engine does the work."""

    engine: Engine | None

    def _training_source(self, X: Any, block_rows: int | None = None) -> BlockSource:
        """Check the rows to fit, and set the attributes that describe their columns."""
        if isinstance(X, str | Path):
            source = ParquetSource(X, block_rows=block_rows)
            self.n_features_in_ = source.n_columns
            self.feature_names_in_ = np.asarray(source.columns, dtype=object)
            return source
        rows = validate_data(self, X, dtype=[np.float64, np.float32], order="C")
        return ArraySource(rows, block_rows=block_rows)

    def _weighted_training_source(self, X: Any, sample_weight: ArrayLike | None = None) -> PairedSource:
        """Check the rows to fit; each block has the arrays of `WeightedRows`.

        Raises
        ------
        ParameterError
            If weights come with a path.
        """
        if sample_weight is not None and isinstance(X, str | Path | BlockSource):
            raise ParameterError("sample_weight: allowed with an array, not with a path or a source")
        if isinstance(X, BlockSource):
            self.n_features_in_ = X.n_columns
            self.__dict__.pop("feature_names_in_", None)
            return PairedSource(X, NO_WEIGHTS)
        source = self._training_source(X)
        if sample_weight is None or not isinstance(source, ArraySource):
            return PairedSource(source, NO_WEIGHTS)
        return PairedSource(source, _check_sample_weight(sample_weight, source.arrays[0], dtype=np.float64))

    def _prediction_source(self, X: str | Path | BlockSource, dtype: np.dtype[Any]) -> BlockSource:
        """Rows of a table to predict; the columns of a path are found by the names that the model knows."""
        check_is_fitted(self)
        if isinstance(X, BlockSource):
            source, name = X, "X"
        else:
            source = ParquetSource(X, getattr(self, "feature_names_in_", None), dtype=dtype)
            name = str(X)
        if source.n_columns != self.n_features_in_:
            raise ParameterError(f"{name}: {source.n_columns} columns; the model has {self.n_features_in_}")
        return source

    def _prediction_rows(self, X: ArrayLike, dtype: Any) -> Array:
        """Check rows of an array to predict."""
        check_is_fitted(self)
        return np.asarray(validate_data(self, X, dtype=dtype, order="C", reset=False))


def engine_or_this_process(engine: Engine | None) -> AbstractContextManager[Engine]:
    """The given engine, which stays open; without one an engine of one thread, closed at the end."""
    return nullcontext(engine) if engine else LocalEngine(1)
