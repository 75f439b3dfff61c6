"""Learning curves of the networks, and pictures of the mistakes of the recommended network."""

from collections.abc import Sequence

from tasks.datasets.prepared import PreparedDataset, Split
from tasks.pictures import images, predictions
from tasks.pictures.best_predictions import every_class
from tasks.registry import ALGORITHMS
from tasks.results import Cell, Picture, Recommendation


def network_pictures(
    dataset: PreparedDataset, cells: Sequence[Cell], recommendation: Recommendation | None, split: Split
) -> list[Picture]:
    """Learning curves, confusion matrix and most confident mistakes.

    Parameters
    ----------
    dataset : PreparedDataset
        The images.
    cells : sequence of Cell
        The completed cells, with their curves and networks.
    recommendation : Recommendation, optional
        The way whose network is drawn.
    split : Split
        Training images and held-out images.
    """
    shown = next((cell for cell in cells if recommendation and cell.way == recommendation.way), None)
    if shown is None or shown.network is None:
        return []
    from tasks.vision import saving

    probabilities = every_class(saving.load(shown.network), split.X_test, len(dataset.classes))
    title = f"{ALGORITHMS[shown.algorithm].title}, {shown.search} on {shown.engine}"
    held_out = f"{title}, on the {len(split.y_test):,} held-out images."
    curve_of = {cell.search: cell.curve for cell in reversed(cells)}
    drawn = [
        (
            "Learning curves",
            "Each line shows the training accuracy of the network that one search found, trained on "
            f"{shown.engine} or on the first engine with such a network. Augmentation changes the training images, so "
            "the training accuracy can be below the accuracy on unchanged images.",
            images.learning_curves(dict(sorted(curve_of.items()))),
        ),
        (
            "Confusion matrix",
            f"{held_out} Each cell gives the number of images with this true class and this predicted class.",
            predictions.confusion(split.y_test, probabilities.argmax(axis=1), dataset.classes),
        ),
    ]
    worst = images.worst_mistakes(split.X_test, split.y_test, probabilities, dataset.classes)
    if worst:
        words = f"{held_out} The title of each image gives the true class, the predicted class and its probability."
        drawn.append(("Most confident mistakes", words, worst))
    return [Picture(title=t, caption=c, dataset=dataset.name, png=p) for t, c, p in drawn]
