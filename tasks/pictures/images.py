"""Pictures of image classifiers: learning curves, and the most confident mistakes."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from infra.arithmetic import ceil_div
from tasks.pictures.figures import figure_with_axes, png

MAX_MISTAKES = 24
IMAGES_PER_LINE = 8


def learning_curves(curves: Mapping[str, Sequence[Mapping[str, float]]]) -> str:
    """Learning curves: accuracy on the training batches by epoch, a line for each training.

    Parameters
    ----------
    curves : mapping of str to sequence of mapping of str to float
        Metrics of each epoch, `accuracy` among them, by the name of the training.

    Returns
    -------
    str
        PNG in base64.
    """
    from matplotlib.ticker import MaxNLocator

    figure, axes = figure_with_axes()
    for name, curve in curves.items():
        axes.plot(range(1, len(curve) + 1), [epoch["accuracy"] for epoch in curve], marker="o", label=name)
    axes.set_xlabel("epoch")
    axes.set_ylabel("accuracy on the training batches")
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.legend(frameon=False)
    return png(figure)


def worst_mistakes(images: Any, true: Any, probabilities: Any, classes: Sequence[str]) -> str | None:
    """Misclassified images with the highest predicted probability of the wrong class.

    Parameters
    ----------
    images : ndarray of shape (n_samples, size, size, 3), uint8
        Images that the network was not trained on.
    true : ndarray of shape (n_samples,), int
        Index of each image's true class.
    probabilities : ndarray of shape (n_samples, n_classes), float
        Predicted probability of each class.
    classes : sequence of str
        Names of the classes.

    Returns
    -------
    str or None
        PNG in base64; None if no image is misclassified.
    """
    from matplotlib.figure import Figure

    predicted = probabilities.argmax(axis=1)
    wrong = np.flatnonzero(predicted != true)
    worst = wrong[np.argsort(-probabilities[wrong, predicted[wrong]], kind="stable")][:MAX_MISTAKES]
    if not len(worst):
        return None
    lines = ceil_div(len(worst), IMAGES_PER_LINE)
    figure = Figure(figsize=(10, 1.65 * lines), layout="constrained")
    grid = figure.subplots(lines, IMAGES_PER_LINE, squeeze=False)
    for axes in grid.flat:
        axes.axis("off")
    for axes, row in zip(grid.flat, worst, strict=False):  # the last line may have free places
        axes.imshow(images[row])
        code = predicted[row]
        title = f"{classes[true[row]]} → {classes[code]}\n{probabilities[row, code]:.0%}"
        axes.set_title(title, fontsize=8)
    return png(figure)
