"""A convolutional network that is trained from scratch on photographs (PyTorch)."""

from scipy.stats import loguniform, uniform
from sklearn.pipeline import Pipeline

from infra.extras import VISION
from tasks.algorithms.base import Algorithm, ModelOptions, Space
from tasks.datasets.prepared import PreparedDataset

SEEN_AT_FIRST_LOOK = 4_000  # number of images times number of epochs in the training of a first look


def _make(dataset: PreparedDataset, options: ModelOptions) -> Pipeline:
    from tasks.vision import ConvNetClassifier

    if options.epochs:
        model = ConvNetClassifier(epochs=options.epochs, random_state=options.seed)
    else:
        epochs = max(2, min(8, SEEN_AT_FIRST_LOOK // dataset.rows))
        # a few epochs do not overfit, and augmentation would slow the training down
        model = ConvNetClassifier(
            16, epochs=epochs, batch_size=48, augmentation=0.0, random_state=options.seed
        )
    return Pipeline([("model", model)])


def _grid(_dataset: PreparedDataset, _options: ModelOptions) -> Space:
    return {"model__learning_rate": [0.05, 0.2]}


def _distributions(_dataset: PreparedDataset, options: ModelOptions) -> Space:
    return {
        "model__learning_rate": loguniform(0.02, 0.4),
        "model__augmentation": uniform(0.0, 1.5) if options.epochs else [0.0, 0.3, 1.0],
        "model__weight_decay": loguniform(1e-5, 5e-3),
        "model__width": [32, 48, 64] if options.epochs else [8, 12, 16],
    }


CONVNET = Algorithm(
    name="convnet",
    title="Convolutional network",
    makers={"vision": _make},
    grid=_grid,
    distributions=_distributions,
    trains_in_epochs=True,
    worker_modules=("tasks.vision.convnet",),
    extra=VISION,
)
