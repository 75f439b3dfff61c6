"""Small images that can be told apart: noisy stripes with a direction for each class."""

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tasks.vision import ConvNetClassifier
from tests.infra.engines.work import die, first_time

TINY: dict[str, Any] = {
    "width": 4,
    "epochs": 4,
    "batch_size": 32,
    "learning_rate": 0.1,
    "precision": "float32",
    "random_state": 0,
}


def stripes(n: int, classes: int = 2, size: int = 16, seed: int = 0) -> tuple[NDArray[Any], NDArray[Any]]:
    random = np.random.default_rng(seed)
    codes = np.arange(n) % classes
    angles = np.pi / 2 * codes / (classes - 1)  # no class is the mirror image of another
    down, across = np.mgrid[:size, :size]
    places = np.cos(angles)[:, None, None] * across + np.sin(angles)[:, None, None] * down
    waves = np.sin(places * 1.5 + random.uniform(0, 6, (n, 1, 1)))
    pixels = 128 + 50 * waves[..., None] + random.normal(0, 30, (n, size, size, 3))
    return pixels.clip(0, 255).astype(np.uint8), codes


def tiny(**parameters: Any) -> ConvNetClassifier:
    return ConvNetClassifier(**{**TINY, **parameters})


def same_weights(one: ConvNetClassifier, other: ConvNetClassifier) -> bool:
    """To the last bit."""
    return all(one.weights_[name].tobytes() == other.weights_[name].tobytes() for name in one.weights_)


class Listener:
    """A callback that records its calls."""

    def __init__(self) -> None:
        self.heard: list[tuple[int, Any]] = []

    def on_epoch(self, epoch: int, metrics: Any) -> None:
        self.heard.append((epoch, dict(metrics)))


class Fatal:
    """A callback that kills its process after an epoch, once."""

    def __init__(self, folder: Path, epoch: int) -> None:
        self.folder, self.epoch = str(folder), epoch

    def on_epoch(self, epoch: int, metrics: Any) -> None:
        if epoch == self.epoch and first_time(self.folder, "died"):
            die()
