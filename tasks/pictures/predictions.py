"""What a model predicts for rows that it has not seen: where it is right, how sure it is, what it looks at."""

from typing import TYPE_CHECKING, Any

import numpy as np
from sklearn.calibration import calibration_curve
from sklearn.metrics import ConfusionMatrixDisplay, auc, roc_curve

from tasks.pictures.canvas import canvas, colour, png

if TYPE_CHECKING:
    from matplotlib.axes import Axes

BINS = 8
MOST_FEATURES = 15


def confusion(y: Any, predicted: Any, classes: list[str]) -> str:
    """Confusion matrix: rows are true classes, columns predicted ones, in counts."""
    figure, axes = canvas()
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


def roc(y: Any, probabilities: Any, classes: list[str]) -> str:
    """ROC curve of the second class of two, or of each of more classes against the rest."""
    figure, axes = canvas()
    for code in [1] if len(classes) == 2 else range(len(classes)):
        wrong, right, _ = roc_curve(y == code, probabilities[:, code])
        label = f"{classes[code]}: area {auc(wrong, right):.3f}"
        axes.plot(wrong, right, color=colour(code), linewidth=1.8, label=label)
    _diagonal(axes)
    axes.set_xlabel("share of the other rows taken for it")
    axes.set_ylabel("share of its rows found")
    axes.legend(loc="lower right", frameon=False)
    return png(figure)


def calibration(y: Any, probabilities: Any, classes: list[str]) -> str:
    """Share of rows that are of a class against the probability that was predicted for it, in bins of equal counts."""
    figure, axes = canvas()
    for code in [1] if len(classes) == 2 else range(len(classes)):
        share, mean = calibration_curve(y == code, probabilities[:, code], n_bins=BINS, strategy="quantile")
        axes.plot(mean, share, color=colour(code), marker="o", linewidth=1.6, label=classes[code])
    _diagonal(axes)
    axes.set_xlabel("predicted probability, mean of a bin")
    axes.set_ylabel("share of the bin's rows that are of the class")
    axes.legend(loc="upper left", frameon=False)
    return png(figure)


def beside_true(y: Any, predicted: Any) -> str:
    """Predicted quantities against true ones."""
    figure, axes = canvas()
    axes.scatter(y, predicted, s=14, alpha=0.6, color=colour(0))
    ends = [float(min(np.min(y), np.min(predicted))), float(max(np.max(y), np.max(predicted)))]
    axes.plot(ends, ends, color="black", linestyle="--", linewidth=1)
    axes.set_xlabel("true value")
    axes.set_ylabel("predicted value")
    return png(figure)


def importances(names: list[str], found: Any, score: str) -> str:
    """Loss of score when a column is shuffled, the largest first, with its spread over the shuffles."""
    figure, axes = canvas()
    order = np.argsort(-found.importances_mean, kind="stable")[:MOST_FEATURES]
    places = np.arange(len(order))
    axes.barh(
        places,
        found.importances_mean[order],
        xerr=found.importances_std[order],
        color=colour(0),
        ecolor="black",
        capsize=2,
    )
    axes.set_yticks(places, [names[i] for i in order])
    axes.invert_yaxis()
    axes.axvline(0, color="black", linewidth=0.6)
    axes.set_xlabel(f"loss of {score} when the column is shuffled")
    return png(figure)


def _diagonal(axes: "Axes") -> None:
    axes.plot([0, 1], [0, 1], color="black", linestyle="--", linewidth=1)
    axes.set_xlim(0, 1)
    axes.set_ylim(0, 1.02)
