"""Columns whose values are categories: named by their indices, or by the dtype of a DataFrame."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
import pandas as pd

from infra.errors import ParameterError


@dataclass(frozen=True)
class Categories:
    """Columns whose values are categories, and the categories that a DataFrame had at the fit."""

    indices: tuple[int, ...]
    """Indices of the columns."""
    known: Mapping[str, pd.Index]
    """Categories of each column with the dtype category, in the order of their codes."""

    @classmethod
    def none(cls, wanted: Any) -> Self:
        """Categories of a table without columns of dtype category."""
        return cls(() if wanted is None or isinstance(wanted, str) else _indices(wanted), {})

    @classmethod
    def of(cls, X: Any, wanted: Any) -> Self:
        """Categories of an array or DataFrame; `wanted` is the estimator's `categorical_features`."""
        if not isinstance(wanted, str) or not isinstance(X, pd.DataFrame):
            return cls.none(wanted)
        found = [i for i, dtype in enumerate(X.dtypes) if isinstance(dtype, pd.CategoricalDtype)]
        return cls(tuple(found), {X.columns[i]: X.iloc[:, i].cat.categories for i in found})

    def numbers(self, X: Any) -> Any:
        """`X` with codes in place of its categories; NaN for categories that the fit has not seen."""
        if not self.known or not isinstance(X, pd.DataFrame):
            return X
        return X.assign(**{name: self._codes(X[name], name) for name in self.known if name in X})

    def columns(self, n_features: int) -> tuple[int, ...]:
        """Indices of the columns, checked against the number of features.

        Raises
        ------
        ParameterError
            If an index is not one of a feature.
        """
        for index in self.indices:
            if not 0 <= index < n_features:
                raise ParameterError(
                    f"categorical_features: {index} is not the index of a column; allowed: 0 to {n_features - 1}"
                )
        return self.indices

    def _codes(self, column: Any, name: str) -> Any:
        codes = self.known[name].get_indexer(column).astype(np.float64)
        return np.where(codes < 0, np.nan, codes)


def _indices(wanted: Any) -> tuple[int, ...]:
    given = np.asarray(wanted)
    if given.ndim != 1 or (len(given) and given.dtype.kind not in "iu"):
        raise ParameterError(
            f"categorical_features={wanted!r}: indices of columns, 'from_dtype' or None are allowed"
        )
    return tuple(given.tolist())
