"""Cats and dogs: the user's photographs, then CIFAR-10, then digits."""

from pathlib import Path

import numpy as np
import pytest
from sklearn.datasets import load_digits

from infra.errors import DataError
from tasks.datasets.images.cats_dogs import cats_dogs
from tests.conftest import free_port
from tests.tasks.datasets.images.image_files import folder
from tests.tasks.datasets.images.serving import served, small_cifar


def test_a_folder_comes_before_the_archive(tmp_path: Path) -> None:
    packed = cats_dogs(tmp_path / "cache", folder(tmp_path / "mine"), url="http://nowhere.invalid/x")
    assert (packed.name, packed.rows, packed.notes) == ("cats-dogs", 12, "")
    assert packed.provenance == "The user's own photographs in 'mine'."
    with pytest.raises(DataError, match="no folder"):
        cats_dogs(tmp_path / "cache", tmp_path / "nothing")


def test_digits_stand_in_until_the_archive_can_be_had(tmp_path: Path) -> None:
    url = f"http://127.0.0.1:{free_port()}/cifar.tar.gz"
    packed = cats_dogs(tmp_path, url=url)
    X, y = packed.load()
    assert (packed.name, packed.size, len(packed.classes)) == ("digits", 8, 10)
    assert packed.provenance.startswith("Handwritten digits bundled with scikit-learn")
    assert packed.notes.startswith(
        "The images are digits instead of cats and dogs: no folder of photographs is set, and"
    )
    assert f"'{url}' cannot be downloaded" in packed.notes
    known = load_digits()
    np.testing.assert_array_equal(y, known.target)
    assert (X[..., :1] == X).all()
    assert np.abs(X[..., 0] / 255 * 16 - known.images).max() < 0.04
    with served(small_cifar()) as site:
        found = cats_dogs(tmp_path, url=site.url, md5=site.md5)
    assert (found.name, found.rows) == ("cats-dogs", 40)
    assert found.notes == "No folder of photographs is set: the images come from the CIFAR-10 archive."
    assert cats_dogs(tmp_path, url=site.url, md5=site.md5) == found  # without a server
