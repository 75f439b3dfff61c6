"""Base class of all problems with a target: their hold-out, their cross-validation, and the sentences about both."""

from abc import abstractmethod
from collections.abc import Sequence
from dataclasses import replace
from typing import Any, ClassVar

import numpy as np

from infra.engines import Engine
from tasks.datasets.prepared import PreparedDataset, RowNumbers, Split, Target, taken
from tasks.large.drawn_rows import DrawnRows
from tasks.large.holdout import PredictedRows, scores_of_parts
from tasks.large.training_rows import LargeTrainingRows
from tasks.problems.base import EvaluationScheme, Problem
from tasks.report import holdout_words
from tasks.report.quality_charts import Chart, prediction_chart
from tasks.results import Cell, Evaluation


class Prediction(Problem):
    """A problem with a target to predict."""

    reference: ClassVar[str | None] = "linear_model"
    outer_folds: ClassVar[int] = 10

    def split(self, dataset: PreparedDataset, seed: int = 0) -> Split:
        if dataset.by_blocks:
            drawn = DrawnRows(dataset, seed)
            return Split(LargeTrainingRows(drawn), None, *drawn.held_out())
        X, y = dataset.load()
        assert y is not None  # noqa: S101 (a data set of this problem has a target)
        train, test = self.holdout(dataset, y)
        return Split(taken(X, train), y[train], taken(X, test), y[test])

    def measured(
        self, dataset: PreparedDataset, model: Any, split: Split, engine: Engine
    ) -> tuple[dict[str, float], list[float]]:
        if not dataset.by_blocks:
            return super().measured(dataset, model, split, engine)
        predicted = PredictedRows(model, split.X_test)  # once for all figures, because the rows are many
        numbered = replace(split, X_test=np.arange(len(split.y_test)))
        metrics = self.quality(dataset, predicted, numbered, engine)
        return metrics, scores_of_parts(predicted, split.y_test, self.metric)

    def words_on_size(self, sample: int, held_out: int) -> str:
        return (
            f"a search compares its candidates on growing samples of at most {sample:,} rows (successive halving), and "
            f"each model is measured on {held_out:,} held-out rows instead of by cross-validation; --exhaustive asks "
            "for all folds and all rows, which takes much longer"
        )

    @abstractmethod
    def holdout(
        self, dataset: PreparedDataset, y: Target, rows: int | None = None
    ) -> tuple[RowNumbers, RowNumbers]:
        """Numbers of the training rows and of the held-out rows.

        Parameters
        ----------
        dataset : PreparedDataset
            The data set that the rows belong to.
        y : numpy.ndarray of shape (rows,)
            The target.
        rows : int, optional
            Number of rows to hold out; None: 19.4 %, as published work does with the diabetes table.
        """

    def evaluation_scheme(self, repeats: int, seed: int, candidates: int) -> EvaluationScheme | None:
        return EvaluationScheme(self.outer_folds, repeats, seed, candidates) if repeats else None

    def quality_chart(self, cells: Sequence[Cell], evaluations: Sequence[Evaluation]) -> Chart | None:
        return prediction_chart(cells, evaluations, self.ranking)

    def gain_in_words(self, searched: Cell, baseline: Cell) -> str | None:
        return holdout_words.gain(searched, baseline, self.ranking)
