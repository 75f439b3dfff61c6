"""Pictures of the predictions of a table's recommended model for the held-out rows."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import numpy as np

from tasks import models
from tasks.algorithms.base import ModelOptions
from tasks.datasets.prepared import PreparedDataset, Split
from tasks.pictures import predictions
from tasks.registry import ALGORITHMS
from tasks.results import Cell, Picture, Recommendation, fastest_of_each_way


@dataclass(frozen=True)
class BestPrediction:
    """The recommended model, fitted on the training rows.

    Parameters
    ----------
    dataset : PreparedDataset
        The data set of the rows.
    model : Pipeline
        The fitted model.
    split : Split
        Training rows and held-out rows.
    title : str
        Name of the way that made the model.
    """

    dataset: PreparedDataset
    model: Any
    split: Split
    title: str

    @classmethod
    def fitted(
        cls,
        dataset: PreparedDataset,
        cells: Sequence[Cell],
        recommendation: Recommendation | None,
        split: Split,
    ) -> Self | None:
        """Fit the recommended way with the parameters that its cell found.

        None where no way is recommended, or where no cell completed the recommended search.

        Parameters
        ----------
        dataset : PreparedDataset
            The data set to fit on.
        cells : sequence of Cell
            The completed cells.
        recommendation : Recommendation, optional
            The way to fit.
        split : Split
            Training rows and held-out rows.
        """
        way = recommendation.way if recommendation else None
        cell = fastest_of_each_way(cells).get(way) if way else None
        if way is None or (cell is None and not way.is_baseline):
            return None
        algorithm = ALGORITHMS[way.algorithm]
        if cell is not None and cell.model is not None:
            model = models.load(Path(cell.model))[0]
        else:
            model = algorithm.make(dataset, ModelOptions())
            if cell is not None:
                model[-1].set_params(**cell.params)
            model.fit(split.X, split.y)
        title = f"{algorithm.title}, {way.search}, on the {len(split.y_test):,} held-out rows"
        return cls(dataset, model, split, title)

    def picture(self, title: str, words: str, png: str) -> Picture:
        """Picture whose caption names the model first.

        Parameters
        ----------
        title : str
            Heading of the picture.
        words : str
            Sentences of the caption after the model's name.
        png : str
            The drawing, a PNG in base64.
        """
        return Picture(title=title, caption=f"{self.title}. {words}", dataset=self.dataset.name, png=png)


def class_pictures(best: BestPrediction) -> list[Picture]:
    """Confusion matrix, ROC curve and calibration curve."""
    X, y, classes = best.split.X_test, best.split.y_test, best.dataset.classes
    probabilities = every_class(best.model, X, len(classes))
    return [
        best.picture(
            "Confusion matrix",
            "Each cell gives the number of rows with this true class and this predicted class.",
            predictions.confusion(y, best.model.predict(X), classes),
        ),
        best.picture(
            "ROC curve",
            "The curve shows the true positive rate against the false positive rate at every threshold of the "
            "predicted probability; the dashed line shows a model that guesses at random.",
            predictions.roc(y, probabilities, classes),
        ),
        best.picture(
            "Calibration",
            "Each point shows one bin of rows: the fraction of positives against the mean predicted probability. On "
            "the dashed line both are equal. A bin holds few rows, so points can lie off the line by chance.",
            predictions.calibration(y, probabilities, classes),
        ),
    ]


def quantity_picture(best: BestPrediction) -> Picture:
    """Scatter plot of the predicted quantities against the true quantities."""
    png = predictions.beside_true(best.split.y_test, best.model.predict(best.split.X_test))
    words = "Each point shows one row; a prediction without error lies on the dashed line."
    return best.picture("Predicted and true values", words, png)


def every_class(model: Any, X: Any, n_classes: int) -> Any:
    """Probabilities of all classes, zero for a class that no training row has.

    Parameters
    ----------
    model : fitted classifier
        The model; its attribute `classes_` holds codes of classes.
    X : array or DataFrame of shape (rows, ...)
        The rows to predict.
    n_classes : int
        Number of classes of the data set.

    Returns
    -------
    numpy.ndarray of shape (rows, n_classes)
    """
    probabilities = np.zeros((len(X), n_classes))
    probabilities[:, model.classes_] = model.predict_proba(X)
    return probabilities
