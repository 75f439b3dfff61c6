"""The images of the training folder, scored: the same files, and the predictions of the model in training."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tasks import models
from tasks.algorithms.base import ModelOptions
from tasks.champion import fit_whole
from tasks.datasets.catalogue import resolve
from tasks.datasets.images.packed import PackedImages
from tasks.results import Way
from tests.tasks.datasets.images.image_files import encoded, put
from tests.tasks.preparing import prepare


def _xray(highest: int, seed: int) -> bytes:
    values = np.random.default_rng(seed).integers(highest // 2, highest, (20, 20)).astype(np.uint16)
    return encoded(Image.fromarray(values), "PNG")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Parts of a split with 12-bit images, and files that are no images."""
    source = tmp_path / "xrays"
    for part, count in (("train", 10), ("test", 3)):
        for label, highest in (("dark", 1_000), ("bright", 4_000)):
            for i in range(count):
                put(source / part / label / f"{i}.png", _xray(highest, seed=100 * count + i))
            put(source / part / label / "0.xml", b"<annotation/>")
    return source


def test_the_training_folder_gets_the_predictions_of_training(folder: Path, tmp_path: Path) -> None:
    source = resolve(str(folder))
    dataset = prepare(source, tmp_path / "data")
    files = fit_whole(
        dataset, Way("convnet", "baseline"), {"epochs": 2}, ModelOptions(seed=0), tmp_path / "model"
    )
    model, description = models.load(files)
    assert description.value_range == dataset.value_range == (0.0, 4095.0)
    found = models.score_images(model, description, source)
    X, _ = dataset.load()
    assert found["file"].tolist() == PackedImages.open(dataset.path).index()["file"].to_pylist()
    shares = found[[f"probability of {label}" for label in dataset.classes]].to_numpy()
    np.testing.assert_array_equal(shares, model.predict_proba(X))
