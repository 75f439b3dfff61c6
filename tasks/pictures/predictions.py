"""Pictures of a model's predictions for held-out rows: errors, ROC and calibration curves, importances."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from sklearn.calibration import calibration_curve
from sklearn.metrics import ConfusionMatrixDisplay, auc, roc_curve

from tasks.pictures.figures import category_colour, figure_with_axes, png

if TYPE_CHECKING:
    from matplotlib.axes import Axes

BINS = 8
MAX_COLUMNS = 15


def confusion(y: Any, predicted: Any, classes: Sequence[str]) -> str:
    """Confusion matrix in counts: rows are true classes, columns are predicted classes.

    Parameters
    ----------
    y : ndarray of shape (n_samples,), int
        Index of each row's true class.
    predicted : ndarray of shape (n_samples,), int
        Index of each row's predicted class.
    classes : sequence of str
        Names of the classes.

    Returns
    -------
    str
        PNG in base64.
    """
    figure, axes = figure_with_axes()
    display = ConfusionMatrixDisplay.from_predictions(
        y,
        predicted,
        labels=range(len(classes)),
        display_labels=classes,
        ax=axes,
        cmap="Blues",
        colorbar=False,
    )
    display.ax_.set_xlabel("predicted class")
    display.ax_.set_ylabel("true class")
    return png(figure)


def roc(y: Any, probabilities: Any, classes: Sequence[str]) -> str:
    """ROC curve of the second of two classes, or of each of more classes against the rest.

    Parameters
    ----------
    y : ndarray of shape (n_samples,), int
        Index of each row's true class.
    probabilities : ndarray of shape (n_samples, n_classes), float
        Predicted probability of each class.
    classes : sequence of str
        Names of the classes.

    Returns
    -------
    str
        PNG in base64.
    """
    figure, axes = figure_with_axes()
    for code in _positive_classes(classes):
        false_positive_rate, true_positive_rate, _ = roc_curve(y == code, probabilities[:, code])
        label = f"{classes[code]}: AUC {auc(false_positive_rate, true_positive_rate):.3f}"
        colour = category_colour(code)
        axes.plot(false_positive_rate, true_positive_rate, color=colour, linewidth=1.8, label=label)
    _draw_diagonal(axes)
    axes.set_xlabel("false positive rate")
    axes.set_ylabel("true positive rate")
    axes.legend(loc="lower right", frameon=False)
    return png(figure)


def calibration(y: Any, probabilities: Any, classes: Sequence[str]) -> str:
    """Calibration curve of the second of two classes, or of each of more classes against the rest.

    Parameters
    ----------
    y : ndarray of shape (n_samples,), int
        Index of each row's true class.
    probabilities : ndarray of shape (n_samples, n_classes), float
        Predicted probability of each class; its bins have equal counts of rows.
    classes : sequence of str
        Names of the classes.

    Returns
    -------
    str
        PNG in base64.
    """
    figure, axes = figure_with_axes()
    for code in _positive_classes(classes):
        fraction, mean = calibration_curve(
            y == code, probabilities[:, code], n_bins=BINS, strategy="quantile"
        )
        colour = category_colour(code)
        axes.plot(mean, fraction, color=colour, marker="o", linewidth=1.6, label=classes[code])
    _draw_diagonal(axes)
    axes.set_xlabel("mean predicted probability of the bin")
    axes.set_ylabel("fraction of positives in the bin")
    axes.legend(loc="upper left", frameon=False)
    return png(figure)


def beside_true(y: Any, predicted: Any) -> str:
    """Scatter plot of the predicted values against the true values of a regression."""
    figure, axes = figure_with_axes()
    axes.scatter(y, predicted, s=14, alpha=0.6, color=category_colour(0))
    ends = [float(min(np.min(y), np.min(predicted))), float(max(np.max(y), np.max(predicted)))]
    axes.plot(ends, ends, color="black", linestyle="--", linewidth=1)
    axes.set_xlabel("true value")
    axes.set_ylabel("predicted value")
    return png(figure)


def importances(columns: Sequence[str], importance: Any, score: str) -> str:
    """Permutation importance of the most important columns, the largest first.

    Parameters
    ----------
    columns : sequence of str
        Names of the columns.
    importance : Bunch
        Result of scikit-learn's `permutation_importance`; bars are means over the shuffles, lines are standard
        deviations.
    score : str
        Name of the score that decreases.

    Returns
    -------
    str
        PNG in base64.
    """
    figure, axes = figure_with_axes()
    order = np.argsort(-importance.importances_mean, kind="stable")[:MAX_COLUMNS]
    places = np.arange(len(order))
    axes.barh(
        places,
        importance.importances_mean[order],
        xerr=importance.importances_std[order],
        color=category_colour(0),
        ecolor="black",
        capsize=2,
    )
    axes.set_yticks(places, [columns[i] for i in order])
    axes.invert_yaxis()
    axes.axvline(0, color="black", linewidth=0.6)
    axes.set_xlabel(f"decrease in {score} when the column is shuffled")
    return png(figure)


def _positive_classes(classes: Sequence[str]) -> Sequence[int]:
    """Indices of the classes that have a curve: only the second of two classes, whose curve mirrors the first's."""
    return [1] if len(classes) == 2 else range(len(classes))


def _draw_diagonal(axes: "Axes") -> None:
    axes.plot([0, 1], [0, 1], color="black", linestyle="--", linewidth=1)
    axes.set_xlim(0, 1)
    axes.set_ylim(0, 1.02)
