"""Pictures of what a network learned of images: its curve, and what it mistakes most surely."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from tasks.pictures.canvas import canvas, png

MISTAKES_SHOWN = 24
IN_A_ROW = 8


def learning_curves(curves: Mapping[str, Sequence[Mapping[str, float]]]) -> str:
    """Accuracy on the training batches by epoch, a line for each training."""
    from matplotlib.ticker import MaxNLocator

    figure, axes = canvas()
    for name, curve in curves.items():
        axes.plot(range(1, len(curve) + 1), [epoch["accuracy"] for epoch in curve], marker="o", label=name)
    axes.set_xlabel("epoch")
    axes.set_ylabel("accuracy on training batches")
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.legend(frameon=False)
    return png(figure)


def worst_mistakes(images: Any, true: Any, shares: Any, classes: Sequence[str]) -> str | None:
    """The images that are taken for another class with the highest probability; None if there is none.

    Parameters
    ----------
    images : ndarray of shape (rows, size, size, 3), uint8
    true : ndarray of shape (rows,), codes of the classes
    shares : ndarray of shape (rows, classes), probabilities
    """
    from matplotlib.figure import Figure

    taken_for = shares.argmax(axis=1)
    wrong = np.flatnonzero(taken_for != true)
    worst = wrong[np.argsort(-shares[wrong, taken_for[wrong]], kind="stable")][:MISTAKES_SHOWN]
    if not len(worst):
        return None
    lines = -(-len(worst) // IN_A_ROW)
    figure = Figure(figsize=(10, 1.65 * lines), layout="constrained")
    for axes in (grid := figure.subplots(lines, IN_A_ROW, squeeze=False)).flat:
        axes.axis("off")
    for axes, row in zip(grid.flat, worst, strict=False):
        axes.imshow(images[row])
        code = taken_for[row]
        axes.set_title(f"{classes[true[row]]} → {classes[code]}\n{shares[row, code]:.0%}", fontsize=8)
    return png(figure)
