"""Classification: prediction of a class for each row of a table."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, ClassVar

import numpy as np
from sklearn.metrics import accuracy_score, roc_auc_score
from sklearn.model_selection import RepeatedStratifiedKFold, StratifiedKFold

from infra.engines import Engine
from infra.progress import Progress
from tasks.datasets.catalogue import Source, Task
from tasks.datasets.checking import check_values, notes_of_empty, rare_classes, refuse_rare, target_column
from tasks.datasets.class_labels import Labels, class_labels, left_out, merged, rank, twins
from tasks.datasets.holdout import stratified_holdout
from tasks.datasets.options import RareClasses
from tasks.datasets.prepared import PreparedDataset, RowNumbers, Split, Target
from tasks.datasets.raw import RawColumn, RawTable
from tasks.datasets.table_rules import TableRules
from tasks.datasets.targets import AnyTarget, ClassTarget, LearnedTarget
from tasks.pictures.best_predictions import BestPrediction, class_pictures
from tasks.pictures.importance import importance_picture
from tasks.problems.base import EvaluationScheme, MetricColumn
from tasks.problems.prediction import Prediction
from tasks.problems.regression import QuantityRules, is_all_numbers, is_quantity
from tasks.report import holdout_words
from tasks.results import Cell, Picture, Recommendation
from tasks.significance import wilson_interval

ACCURACY, AUC, ROWS = "holdout_accuracy", "holdout_auc", "holdout_rows"


class ClassRules(TableRules):
    """Demands on a table with a column of classes to predict.

    Where the user named no task, the values of the column decide whether the column holds classes or a quantity.
    """

    task: Task = "classification"
    counts_target: ClassVar[bool] = True

    def settled(self, table: RawTable, source: Source) -> TableRules:
        told_by_values = source.by_values and source.target in table.names
        return QuantityRules() if told_by_values and is_quantity(target_column(table, source)) else self

    def learn_target(self, table: RawTable, source: Source, folds: int) -> LearnedTarget:
        raw = target_column(table, source)
        labels = class_labels(raw, source.options.missing)
        check_values(labels.counts, table.rows, source)
        notes = notes_of_empty(labels.counts.total(), labels.rows, source)
        rare = rare_classes(labels.counts, folds)
        if rare:
            labels = _RARE_CLASSES[source.options.rare_classes](labels, rare, raw, source, folds)
            check_values(labels.counts, table.rows, source)
        names = sorted(labels.counts, key=lambda name: (name == source.positive, rank(name)))
        column = ClassTarget(name=raw.name, classes=tuple(names))
        return LearnedTarget(column, labels.in_order(names), labels.is_known, (*notes, *labels.notes))

    def held_out(self, target: AnyTarget, values: Target) -> RowNumbers:
        return stratified_holdout(values, target.classes)[1]


def _refused(labels: Labels, rare: dict[str, int], raw: RawColumn, source: Source, folds: int) -> Labels:
    remedy = "name --rare-classes merge or --rare-classes leave-out"
    if is_all_numbers(raw):
        remedy = f"if '{raw.name}' is a quantity, name --task regression; else {remedy}"
    for clause in twins(labels.counts)[:1]:
        remedy = f"{clause}, write a class in one way; else {remedy}"
    refuse_rare(rare, source, folds, remedy)
    return labels


def _merged(labels: Labels, rare: dict[str, int], raw: RawColumn, source: Source, folds: int) -> Labels:
    joined = merged(labels, rare, raw.name)
    refuse_rare(rare_classes(joined.counts, folds), source, folds, "name --rare-classes leave-out")
    return joined


def _left_out(labels: Labels, rare: dict[str, int], raw: RawColumn, _source: Source, _folds: int) -> Labels:
    return left_out(labels, rare, raw.name)


_RARE_CLASSES: Mapping[RareClasses, Callable[[Labels, dict[str, int], RawColumn, Source, int], Labels]] = {
    "refuse": _refused,
    "merge": _merged,
    "leave-out": _left_out,
}


class Classification(Prediction):
    """Prediction of a class for each row of a table; the metric is the accuracy."""

    name: ClassVar[Task] = "classification"
    metric: ClassVar[str] = "accuracy"
    ranking: ClassVar[str] = ACCURACY
    score_bounds: ClassVar[tuple[float, float]] = (0.0, 1.0)
    rules: ClassVar[TableRules | None] = ClassRules()
    columns = (
        MetricColumn(ACCURACY, "Hold-out accuracy", "accuracy %", "acc %", 1),
        MetricColumn(AUC, "AUC", "AUC", "AUC"),
    )

    def holdout(
        self, dataset: PreparedDataset, y: Target, rows: int | None = None
    ) -> tuple[RowNumbers, RowNumbers]:
        return stratified_holdout(y, dataset.classes, rows)

    def search_splitter(self, folds: int, seed: int) -> Any:
        return StratifiedKFold(folds, shuffle=True, random_state=seed)

    def evaluation_splitter(self, scheme: EvaluationScheme) -> Any:
        return RepeatedStratifiedKFold(
            n_splits=scheme.folds, n_repeats=scheme.repeats, random_state=scheme.seed
        )

    def quality(
        self, dataset: PreparedDataset, winner: Any, split: Split, engine: Engine
    ) -> dict[str, float]:
        return classification_metrics(winner, split.X_test, split.y_test)

    def holdout_interval(self, score: float, rows: int, parts: Sequence[float]) -> tuple[float, float]:
        return wilson_interval(score, rows)

    def remarks(self, cells: Sequence[Cell]) -> list[str]:
        return holdout_words.size_of_an_error(cells, ACCURACY)

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
        return [*class_pictures(best), importance_picture(best, self.metric, progress)]


def classification_metrics(model: Any, X: Any, y: Any) -> dict[str, float]:
    """Accuracy, and area under the ROC curve (for more than two classes, the mean of each one against the rest).

    Parameters
    ----------
    model : fitted classifier
        The model; its attribute `classes_` holds the codes of the classes.
    X : array or DataFrame of shape (rows, n_features)
        The rows to predict.
    y : numpy.ndarray of shape (rows,)
        Codes of the true classes.
    """
    probabilities = model.predict_proba(X)
    areas = _areas(y, probabilities, model.classes_)
    return {
        ACCURACY: float(accuracy_score(y, model.classes_[probabilities.argmax(axis=1)])),
        **({AUC: float(np.mean(areas))} if areas else {}),
        ROWS: float(len(y)),
    }


def _areas(y: Any, probabilities: Any, classes: Any) -> list[float]:
    """Area under the ROC curve of each class against the rest; of two classes, of the second one.

    A class that no row has, or each row has, has no curve. A class that the model does not know has no probability.
    """
    if len(classes) == 2:
        pairs = [(classes[1], probabilities[:, 1])]
    else:
        pairs = [(code, probabilities[:, place]) for place, code in enumerate(classes)]
    unknown = [(code, np.zeros(len(y))) for code in np.setdiff1d(y, classes)]
    return [
        float(roc_auc_score(y == code, score))
        for code, score in [*pairs, *unknown]
        if 0 < np.count_nonzero(y == code) < len(y)
    ]
