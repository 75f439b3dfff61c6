"""What the clustering estimators share: where rows come from, which engine works, and checks of both."""

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

Array = NDArray[Any]


class BlockClusterer(ClusterMixin, BaseEstimator):
    """A clustering whose rows are an array or a path to Parquet, and whose work an engine does."""

    engine: Engine | None

    def _source(
        self, X: Any, sample_weight: ArrayLike | None = None, block_rows: int | None = None
    ) -> BlockSource:
        """Rows to fit, each block a tuple of rows and, where given, their float64 weights.

        Raises
        ------
        ParameterError
            If weights come with a path.
        """
        if isinstance(X, str | Path):
            if sample_weight is not None:
                raise ParameterError("sample_weight: allowed with an array, not with a path")
            source = ParquetSource(X, block_rows=block_rows)
            self.n_features_in_ = source.n_columns
            self.feature_names_in_ = np.asarray(source.columns, dtype=object)
            return source
        X = validate_data(self, X, dtype=[np.float64, np.float32], order="C")
        if sample_weight is None:
            return ArraySource(X, block_rows=block_rows)
        weights = _check_sample_weight(sample_weight, X, dtype=np.float64)
        return ArraySource(X, weights, block_rows=block_rows)

    def _known_source(self, path: str | Path, dtype: np.dtype[Any]) -> ParquetSource:
        """Rows at a path that the fitted model is asked about; its columns are found by their names."""
        check_is_fitted(self)
        source = ParquetSource(path, getattr(self, "feature_names_in_", None), dtype=dtype)
        if source.n_columns != self.n_features_in_:
            raise ParameterError(f"{path}: {source.n_columns} columns; the model has {self.n_features_in_}")
        return source

    def _checked(self, X: ArrayLike, dtype: Any) -> Array:
        """Rows that the fitted model is asked about."""
        check_is_fitted(self)
        return np.asarray(validate_data(self, X, dtype=dtype, order="C", reset=False))

    def _connected(self) -> AbstractContextManager[Engine]:
        return nullcontext(self.engine) if self.engine else LocalEngine(1)


def weights_of(X: Array, given: tuple[Any, ...]) -> Array:
    """Weights of a block's rows: those given, else ones."""
    return given[0] if given else np.ones(len(X))
