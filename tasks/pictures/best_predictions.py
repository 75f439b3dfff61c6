"""Pictures of what the recommended model of a table predicts for the held-out rows."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from sklearn.inspection import permutation_importance

from tasks.algorithms.base import ModelOptions
from tasks.datasets.prepared import PreparedDataset, Split
from tasks.pictures import predictions
from tasks.registry import ALGORITHMS
from tasks.results import Cell, Picture, Recommendation

SHUFFLES = 10


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
        """Fit the recommended way with the parameters that its cell found; None where none is recommended.

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
        if way is None:
            return None
        algorithm = ALGORITHMS[way.algorithm]
        model = algorithm.make(dataset, ModelOptions())
        cell = next((cell for cell in cells if cell.way == way), None)
        if cell is not None:
            model[-1].set_params(**cell.params)
        title = f"{algorithm.title}, {way.search}, on the {len(split.y_test):,} held-out rows"
        return cls(dataset, model.fit(split.X, split.y), split, title)

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
            "Each cell counts rows.",
            predictions.confusion(y, best.model.predict(X), classes),
        ),
        best.picture(
            "ROC curve",
            "The dashed line shows a model that guesses.",
            predictions.roc(y, probabilities, classes),
        ),
        best.picture(
            "Calibration",
            "On the dashed line the predicted probability equals the share of rows that are of the class. A bin "
            "holds few rows, so that points lie off the line by chance too.",
            predictions.calibration(y, probabilities, classes),
        ),
    ]


def quantity_picture(best: BestPrediction) -> Picture:
    """Predicted quantities beside the true ones."""
    png = predictions.beside_true(best.split.y_test, best.model.predict(best.split.X_test))
    return best.picture("Predicted and true values", "The dashed line shows predictions without error.", png)


def importance_picture(best: BestPrediction, metric: str) -> Picture:
    """Permutation importance of the columns, measured on the held-out rows."""
    shuffled = permutation_importance(
        best.model, best.split.X_test, best.split.y_test, scoring=metric, n_repeats=SHUFFLES, random_state=0
    )
    return best.picture(
        "Permutation importance of the columns",
        f"Each column is shuffled {SHUFFLES} times; bars show mean losses, lines standard deviations. Columns with "
        "the same information replace each other, and then each of them looks unimportant.",
        predictions.importances(list(best.split.X), shuffled, metric),
    )


def every_class(model: Any, X: Any, n_classes: int) -> Any:
    """Probabilities of all classes, zero for those that the training rows lacked.

    Parameters
    ----------
    model : fitted classifier
        Its `classes_` are codes of classes.
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
