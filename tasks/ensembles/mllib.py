"""Random forests that Spark MLlib grows, for tables of which no worker shall hold the rows."""

from pathlib import Path
from typing import Any, ClassVar, Self

import numpy as np
from sklearn.base import _fit_context

from infra.engines import ParquetSource
from infra.errors import ParameterError
from tasks.ensembles.base_forest import BaseRandomForest
from tasks.ensembles.forest import RandomForestClassifier, RandomForestRegressor
from tasks.tables import training_table


class _GrownByMLlib(BaseRandomForest):
    """Growing by MLlib, mixed in before a forest of ours with the same parameters."""

    _why_not_truncatable: ClassVar[str] = (
        "the first trees of Spark MLlib's random forest are not a smaller forest, for its seeds depend on the "
        "number of trees; only a fit makes one"
    )

    @_fit_context(prefer_skip_nested_validation=True)
    def fit(self, X: Any, y: Any = None, sample_weight: None = None) -> Self:
        """Grow the trees where Spark runs.

        Parameters
        ----------
        X : str or Path
            Path or address of a Parquet file or folder, without missing values.
        y : str
            Name of the column of targets; all other columns are features.
        sample_weight : None
            Not taken.

        Raises
        ------
        ParameterError
            If `X` is not a path, the engine is not Spark, or MLlib has no counterpart of a parameter.
        DataError
            If there is no Parquet at the path, or a feature is not numeric or has missing values.
        EngineError
            If Spark fails.
        """
        if not isinstance(X, str | Path) or self.engine is None or self.engine.name != "spark":
            raise ParameterError(
                f"{type(self).__name__}: a path to Parquet and the engine 'spark' are needed, because Spark MLlib "
                "reads the rows and grows the trees"
            )
        from tasks.ensembles.mllib_forest import fit_mllib_forest

        source = training_table(self, X, y, sample_weight, np.float32)
        assert isinstance(source, ParquetSource)  # noqa: S101 (for the type checker)
        forest = fit_mllib_forest(self, source, self.engine.session)  # type: ignore[attr-defined]
        self.implementation_, self.way_ = "Spark MLlib's random forest", None
        self._keep(forest, forest.estimators_)
        return self

    def _is_truncatable(self) -> bool:
        return False


class MLlibRandomForestClassifier(_GrownByMLlib, RandomForestClassifier):
    """Random forest for classes that Spark MLlib grows; its trees are turned into scikit-learn's.

    MLlib's algorithm differs from that of `RandomForestClassifier`: features in 32 bins, at most 30 levels, other
    seeds, no missing values. Parameters and attributes have the same names.
    """


class MLlibRandomForestRegressor(_GrownByMLlib, RandomForestRegressor):
    """Random forest for numbers that Spark MLlib grows; its trees are turned into scikit-learn's.

    The differences are those of `MLlibRandomForestClassifier`.
    """
