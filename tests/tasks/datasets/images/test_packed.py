"""Packed images: opened, checked by their digest, and given notes."""

import json
from pathlib import Path

import numpy as np
import pytest

from infra.errors import DataError
from tasks.datasets.images.packed import PackedImages
from tasks.datasets.images.packing import pack
from tests.tasks.datasets.images.image_files import folder, put


def test_packed_images_that_changed_are_refused(tmp_path: Path) -> None:
    packed = pack(folder(tmp_path / "pets"), tmp_path / "packed")
    X = np.lib.format.open_memmap(packed.path / "images.npy", mode="r+")
    X[3, 4, 5, 1] ^= 1
    X.flush()
    with pytest.raises(DataError, match="has changed since it was packed; delete it and pack"):
        packed.load()
    with open(packed.path / "images.npy", "r+b") as stream:
        stream.truncate(5000)
    with pytest.raises(DataError, match="cannot be read"):
        packed.load()
    np.save(packed.path / "labels.npy", np.array([object()]), allow_pickle=True)
    with pytest.raises(DataError, match="cannot be read"):
        packed.load()


@pytest.mark.parametrize("about", [None, "", "[]", "{}", '{"format": 1}', '{"format": 0}'])
def test_another_folder_is_not_taken_for_packed_images(about: str | None, tmp_path: Path) -> None:
    if about is not None:
        put(tmp_path / "about.json", about.encode())
    with pytest.raises(DataError, match=r"is not a folder of packed images|by another version"):
        PackedImages.open(tmp_path)


def test_notes_stay_with_the_images(tmp_path: Path) -> None:
    packed = pack(folder(tmp_path / "pets"), tmp_path / "packed").with_notes("They stand in for others.")
    assert PackedImages.open(packed.path).notes == "They stand in for others."
    assert json.loads((packed.path / "about.json").read_text())["sha256"] == packed.sha256
    packed.load()
