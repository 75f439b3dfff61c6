"""Regression: prediction of a quantity for each row of a table."""

import math
from collections.abc import Sequence
from itertools import count
from typing import Any, ClassVar

import pandas as pd
from sklearn.metrics import mean_absolute_error, r2_score, root_mean_squared_error
from sklearn.model_selection import KFold, RepeatedKFold
from sklearn.pipeline import Pipeline

from infra.engines import Engine
from infra.errors import DataError
from tasks.datasets.catalogue import Source, Task
from tasks.datasets.checking import HOLDOUT_SHARE, target_counts
from tasks.datasets.holdout import random_holdout
from tasks.datasets.inference import is_numeric
from tasks.datasets.prepared import PreparedDataset, RowNumbers, Split, Target
from tasks.datasets.table_rules import TableRules
from tasks.datasets.targets import QuantityTarget
from tasks.pictures.best_predictions import BestPrediction, importance_picture, quantity_picture
from tasks.problems.base import EvaluationScheme, MetricColumn
from tasks.problems.prediction import Prediction
from tasks.results import Cell, Picture, Recommendation

R2, RMSE, MAE, ROWS = "holdout_r2", "holdout_rmse", "holdout_mae", "holdout_rows"


class QuantityRules(TableRules):
    """Demands on a table with a column of numbers to predict."""

    task: ClassVar[Task] = "regression"

    def check(self, frame: pd.DataFrame, source: Source, folds: int) -> None:
        rows = target_counts(frame, source).total()
        if not is_numeric(frame[source.target]):
            raise DataError(
                f"target '{source.target}' of '{source.path}' holds texts, and regression needs numbers"
            )
        needed = next(n for n in count() if _serves_folds(n, folds))
        if rows < needed:
            raise DataError(
                f"'{source.path}' has {rows} rows with a target; regression with {folds} folds needs at least "
                f"{needed}, so that R² of each fold is defined"
            )

    def learn_target(self, frame: pd.DataFrame, source: Source) -> QuantityTarget:
        return QuantityTarget(name=str(source.target))


def _serves_folds(rows: int, folds: int) -> bool:
    """Whether each fold of a search and of the evaluation has the two test rows without which R² is not defined."""
    trained = rows - round(rows * HOLDOUT_SHARE)
    return trained // folds >= 2 and rows // Prediction.outer_folds >= 2


def is_quantity(column: pd.Series) -> bool:
    """Whether a column looks like a measured quantity and not like class numbers."""
    distinct = column.nunique()
    if not is_numeric(column) or distinct < 2:
        return False
    rows = int(column.notna().sum())
    fractional = bool((column.dropna() % 1 != 0).any())
    return distinct > min(20, rows / 2) and (fractional or rows < 50 * distinct)


class Regression(Prediction):
    """Prediction of a quantity for each row of a table; the metric is R², the explained share of the variance."""

    name: ClassVar[Task] = "regression"
    metric: ClassVar[str] = "r2"
    ranking: ClassVar[str] = R2
    score_bounds: ClassVar[tuple[float, float]] = (-math.inf, 1.0)
    rules: ClassVar[TableRules | None] = QuantityRules()
    columns = (
        MetricColumn(R2, "Hold-out R²", "R²", "R²"),
        MetricColumn(RMSE, "RMSE", "RMSE", "RMSE"),
        MetricColumn(MAE, "Mean absolute error", "mean abs.\nerror", "MAE"),
    )

    def holdout(
        self, dataset: PreparedDataset, y: Target, rows: int | None = None
    ) -> tuple[RowNumbers, RowNumbers]:
        return random_holdout(y, rows)

    def search_splitter(self, folds: int, seed: int) -> Any:
        return KFold(folds, shuffle=True, random_state=seed)

    def evaluation_splitter(self, scheme: EvaluationScheme) -> Any:
        return RepeatedKFold(n_splits=scheme.folds, n_repeats=scheme.repeats, random_state=scheme.seed)

    def quality(
        self, dataset: PreparedDataset, winner: Pipeline, split: Split, engine: Engine
    ) -> dict[str, float]:
        return regression_metrics(winner, split.X_test, split.y_test)

    def pictures(
        self, dataset: PreparedDataset, cells: Sequence[Cell], recommendation: Recommendation | None
    ) -> list[Picture]:
        best = BestPrediction.fitted(dataset, cells, recommendation, self.split(dataset))
        if best is None:
            return []
        return [quantity_picture(best), importance_picture(best, self.metric)]


def regression_metrics(model: Any, X: Any, y: Any) -> dict[str, float]:
    """R² (explained share of the variance), root mean squared error, and mean absolute error.

    Parameters
    ----------
    model : fitted regressor
        The model to measure.
    X : array or DataFrame of shape (rows, n_features)
        The rows to predict.
    y : numpy.ndarray of shape (rows,)
        The true quantities.
    """
    predicted = model.predict(X)
    return {
        R2: float(r2_score(y, predicted)),
        RMSE: float(root_mean_squared_error(y, predicted)),
        MAE: float(mean_absolute_error(y, predicted)),
        ROWS: float(len(y)),
    }
