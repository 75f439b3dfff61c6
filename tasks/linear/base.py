"""Base class of the linear models: rows as blocks on an engine, and sums of columns for new rows."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any, ClassVar

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator
from sklearn.utils.validation import _check_sample_weight, check_is_fitted, validate_data
from threadpoolctl import threadpool_limits

from infra.engines import ArraySource, Blocks, BlockSource, Engine
from tasks.tables import engine_or_thread, is_table, predict_table, training_table
from tasks.ways import way_over_blocks

Array = NDArray[Any]
BESIDE = 12
"""Bytes that stay in memory for each row, beside the row itself: its class and its weight."""


class BlockLinearModel(BaseEstimator):
    """Base of the estimators: rows are an array, a path to Parquet or a source of blocks."""

    _classifies: ClassVar[bool] = False

    engine: Engine | None
    coef_: Array
    intercept_: Any

    @contextmanager
    def _partitioned(
        self, X: Any, y: Any, sample_weight: ArrayLike | None
    ) -> Iterator[tuple[Engine, Blocks]]:
        """Check the rows to fit, and give them to the engine."""
        source = self._source(X, y, sample_weight)
        # the products of matrices add in another order with another number of threads
        with engine_or_thread(self.engine) as engine, threadpool_limits(1, user_api="blas"):
            self.way_ = way_over_blocks(
                type(self).__name__,
                source,
                engine,
                beside=BESIDE,
                in_memory=isinstance(source, ArraySource),
            )
            yield engine, engine.partition(source.streamed() if self.way_.streamed else source)

    def _source(self, X: Any, y: Any, sample_weight: ArrayLike | None) -> BlockSource:
        if is_table(X):
            return training_table(self, X, y, sample_weight, np.float64, missing=False)
        X, y = validate_data(
            self, X, y, dtype=[np.float64, np.float32], order="C", y_numeric=not self._classifies
        )
        if sample_weight is None:
            return ArraySource(X, y)
        return ArraySource(X, y, _check_sample_weight(sample_weight, X, dtype=np.float64))

    def _outputs(self, X: Any) -> Array:
        """Weighted sums of the columns, shape (n_rows, n_outputs)."""
        check_is_fitted(self)
        linear: Callable[[Array], Array] = partial(
            _linear, coef=np.atleast_2d(self.coef_), intercept=self.intercept_
        )
        if is_table(X):
            return predict_table(self, X, linear, np.float64)
        return linear(validate_data(self, X, dtype=[np.float64, np.float32], order="C", reset=False))


def _linear(X: Array, coef: Array, intercept: Any) -> Array:
    # a product of matrices would round a row in another way at another place in a block
    return np.asarray(np.einsum("ij,kj->ik", X, coef) + intercept)
