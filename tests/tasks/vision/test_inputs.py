"""Images and labels that users give: arrays, packed folders, and what is refused."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from infra.errors import DataError, ParameterError
from tasks.datasets.images.packing import pack
from tests.tasks.datasets.images.image_files import folder
from tests.tasks.vision.synthetic import stripes, tiny

X, Y = stripes(128)


def test_a_packed_folder_is_its_images_and_labels(tmp_path: Path) -> None:
    packed = pack(folder(tmp_path / "source"), tmp_path / "packed", size=16)
    pixels, codes = packed.load()
    model = tiny(batch_size=4).fit(packed.path)
    array = tiny(batch_size=4).fit(np.array(pixels), np.array(["cat", "dog"])[codes])
    assert model.classes_.tolist() == array.classes_.tolist() == ["cat", "dog"]
    assert model.predict_proba(str(packed.path)).tobytes() == array.predict_proba(pixels).tobytes()
    relabelled = tiny(batch_size=4).fit(packed.path, codes % 2 + 5)
    assert relabelled.classes_.tolist() == [5, 6]


def test_a_folder_that_is_not_packed_is_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="is not a folder of packed images"):
        tiny().fit(tmp_path)


BAD_DATA: list[tuple[Any, Any, str]] = [
    (X.astype(np.float32), Y, "X: pixels of dtype uint8, from 0 to 255, are needed, found float32"),
    (np.full(X.shape, np.nan), Y, "found float64"),
    (X[..., :1], Y, r"shape \(n, height, width, 3\) is needed, found shape \(128, 16, 16, 1\)"),
    (X[0], Y[:16], r"found shape \(16, 16, 3\)"),
    (X[:, :7], Y, "images of 7 x 16 pixels; at least 8 x 8"),
    (X[:0], Y[:0], "X: no image"),
    (X, Y[:5], r"shape \(128,\), is needed, found shape \(5,\)"),
    (X, None, "y: one label for each image"),
    (X, np.zeros(128), "at least two classes are needed, found one class"),
    (X, Y + 0.5, "class labels are needed, found numbers such as 0.5"),
    (X, np.where(Y, np.nan, 1.0), "y: class labels are needed, found NaN"),
    (X, np.where(Y, "a", None), "y: labels of one type"),
]


@pytest.mark.parametrize(("pixels", "labels", "message"), BAD_DATA, ids=range(len(BAD_DATA)))
def test_bad_data_is_refused(pixels: Any, labels: Any, message: str) -> None:
    with pytest.raises(ParameterError, match=message):
        tiny().fit(pixels, labels)
