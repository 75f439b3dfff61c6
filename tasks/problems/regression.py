"""Regression: prediction of a quantity for each row of a table."""

import math
from collections import Counter
from collections.abc import Sequence
from itertools import count
from typing import Any, ClassVar

import numpy as np
import pyarrow.compute as pc
from sklearn.metrics import mean_absolute_error, r2_score, root_mean_squared_error
from sklearn.model_selection import KFold, RepeatedKFold

from infra.engines import Engine
from infra.errors import DataError
from infra.progress import Progress
from tasks.datasets.catalogue import Source, Task
from tasks.datasets.checking import HOLDOUT_SHARE, check_values, notes_of_empty, target_column
from tasks.datasets.columns import NumberColumn, TrainingColumn
from tasks.datasets.holdout import random_holdout
from tasks.datasets.prepared import PreparedDataset, RowNumbers, Split, Target
from tasks.datasets.raw import RawColumn, RawTable
from tasks.datasets.table_rules import TableRules
from tasks.datasets.targets import AnyTarget, LearnedTarget, QuantityTarget
from tasks.pictures.best_predictions import BestPrediction, quantity_picture
from tasks.pictures.importance import importance_picture
from tasks.problems.base import EvaluationScheme, MetricColumn
from tasks.problems.prediction import Prediction
from tasks.results import Cell, Picture, Recommendation

R2, RMSE, MAE, ROWS = "holdout_r2", "holdout_rmse", "holdout_mae", "holdout_rows"


class QuantityRules(TableRules):
    """Demands on a table with a column of numbers to predict."""

    task: Task = "regression"

    def learn_target(self, table: RawTable, source: Source, folds: int) -> LearnedTarget:
        raw = target_column(table, source)
        training = TrainingColumn(raw, np.ones(table.rows, bool), source)
        number = NumberColumn.learn(training)
        if number is None:
            raise DataError(
                f"target '{source.target}' of '{source.path}' holds texts, and regression needs numbers"
            )
        values = number.apply(raw)[raw.name].to_numpy()
        is_known = np.isfinite(values)
        check_values(Counter(values[is_known].tolist()), table.rows, source)
        _check_rows(int(is_known.sum()), source, folds)
        notes = (*notes_of_empty(int(is_known.sum()), table.rows, source), *_notes(number, training))
        return LearnedTarget(QuantityTarget(name=raw.name), values, is_known, notes, number)

    def held_out(self, target: AnyTarget, values: Target) -> RowNumbers:
        return random_holdout(values)[1]


def _check_rows(rows: int, source: Source, folds: int) -> None:
    needed = next(n for n in count() if _serves_folds(n, folds))
    if rows < needed:
        raise DataError(
            f"'{source.path}' has {rows} rows with a target; regression with {folds} folds needs at least "
            f"{needed}, so that R² of each fold is defined"
        )


def _notes(number: NumberColumn, training: TrainingColumn) -> list[str]:
    """How the target was read; rows without a target are told by the preparation."""
    return [note for note in number.notes(training) if not note.endswith("cells are missing")]


def _serves_folds(rows: int, folds: int) -> bool:
    """Whether each fold of a search and of the evaluation has the two test rows without which R² is not defined."""
    trained = rows - round(rows * HOLDOUT_SHARE)
    return trained // folds >= 2 and rows // Prediction.outer_folds >= 2


def is_quantity(raw: RawColumn) -> bool:
    """Whether a target column looks like a measured quantity and not like class numbers."""
    if raw.holds_texts and (raw.is_word.sum() > raw.count / 2 or _are_codes(raw)):
        return False
    if not (raw.holds_texts or raw.holds_numbers):
        return False
    numbers = raw.numbers[np.isfinite(raw.numbers)]
    distinct = len(np.unique(numbers))
    if distinct < 2:
        return False
    fractional = bool((numbers % 1 != 0).any())
    return distinct > min(20, len(numbers) / 2) and (fractional or len(numbers) < 50 * distinct)


def is_all_numbers(raw: RawColumn) -> bool:
    """Whether each value of a column is a number."""
    return raw.holds_numbers or (raw.holds_texts and not raw.is_word.any())


def _are_codes(raw: RawColumn) -> bool:
    """Whether texts of digits begin with a zero, as numbers do not."""
    return bool(pc.any(pc.match_substring_regex(raw.texts, r"^0\d")).as_py())


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
        self, dataset: PreparedDataset, winner: Any, split: Split, engine: Engine
    ) -> dict[str, float]:
        return regression_metrics(winner, split.X_test, split.y_test)

    def pictures(
        self,
        dataset: PreparedDataset,
        cells: Sequence[Cell],
        recommendation: Recommendation | None,
        progress: Progress | None = None,
    ) -> list[Picture]:
        best = BestPrediction.fitted(dataset, cells, recommendation, self.split(dataset))
        if best is None:
            return []
        return [quantity_picture(best), importance_picture(best, self.metric, progress)]


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
