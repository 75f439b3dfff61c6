"""The user's split of a folder of images: kept as the hold-out of a study, or joined and told."""

from pathlib import Path

import numpy as np
import pytest

from tasks.datasets.catalogue import resolve
from tasks.datasets.images import preparation
from tasks.datasets.images.packed import PackedImages
from tasks.datasets.images.packing import pack
from tasks.datasets.prepared import PreparedDataset
from tasks.problems import problem_of
from tests.tasks.datasets.images import image_files
from tests.tasks.preparing import prepare


def _parts(root: Path, classes: tuple[str, ...] = ("cat", "dog"), held_out: int = 3) -> Path:
    image_files.folder(root / "train", count=12, classes=classes)
    image_files.folder(root / "val", count=held_out)
    return root


def _prepared(root: Path, tmp_path: Path) -> PreparedDataset:
    return prepare(resolve(str(root)), tmp_path / "data")


def test_the_users_split_is_the_holdout(tmp_path: Path) -> None:
    dataset = _prepared(_parts(tmp_path / "pets"), tmp_path)
    split = problem_of("vision").split(dataset)
    X, y = dataset.load()
    assert y is not None
    files = PackedImages.open(dataset.path).index()["file"].to_pylist()
    in_val = np.array([file.startswith("val/") for file in files])
    np.testing.assert_array_equal(split.X_test, X[in_val])
    np.testing.assert_array_equal(split.y_test, y[in_val])
    np.testing.assert_array_equal(split.X, X[~in_val])
    np.testing.assert_array_equal(split.y, y[~in_val])
    assert dataset.classes == ["cat", "dog"]
    assert dataset.notes[1] == (
        "'train' and 'val' are parts of a split and no classes: the 6 images in 'val' are the hold-out, and the 24 "
        "others are for training and search; a cross-validation and the registered model use all images"
    )


def test_a_class_that_is_missing_in_the_holdout_joins_the_parts(tmp_path: Path) -> None:
    dataset = _prepared(_parts(tmp_path / "pets", classes=("cat", "dog", "emu")), tmp_path)
    assert dataset.notes[1] == (
        "'train' and 'val' are parts of a split and no classes, but the split cannot be kept, because class 'emu' "
        "needs 2 usable images in 'val' and has 0: the parts are joined, and a hold-out is drawn at random"
    )
    split = problem_of("vision").split(dataset)
    assert np.bincount(split.y_test, minlength=3).min() >= 2
    assert len(split.y_test) + len(split.y) == 42


def test_a_class_with_too_few_images_for_training_joins_the_parts(tmp_path: Path) -> None:
    root = image_files.folder(tmp_path / "pets" / "train", count=5).parent
    image_files.folder(root / "test", count=9)
    (words,) = [note for note in _prepared(root, tmp_path).notes if "split" in note]
    assert "because class 'cat' needs 8 usable images in 'train' and has 5" in words


def test_only_a_training_part_is_told_too(tmp_path: Path) -> None:
    root = image_files.folder(tmp_path / "pets" / "train", count=12).parent
    assert _prepared(root, tmp_path).notes[1] == (
        "'train' is a part of a split: the classes are the folders in it, and a hold-out is drawn at random"
    )


def test_another_split_of_the_same_pixels_is_another_data_set(tmp_path: Path) -> None:
    first = pack(_parts(tmp_path / "pets"), tmp_path / "packed", size=16)
    (tmp_path / "pets" / "val").rename(tmp_path / "pets" / "training")
    second = pack(tmp_path / "pets", tmp_path / "packed", size=16)
    for ours, theirs in zip(first.load(), second.load(), strict=True):
        np.testing.assert_array_equal(ours, theirs)
    assert (first.held_out, second.held_out) == (6, 0)
    assert first.sha256 != second.sha256


def test_a_first_look_keeps_the_split(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(preparation, "FIRST_LOOK_IMAGES", 40)
    root = image_files.folder(tmp_path / "pets" / "train", count=40).parent
    image_files.folder(root / "test", count=20)
    split = problem_of("vision").split(_prepared(root, tmp_path))
    assert np.bincount(split.y).tolist() == [13, 13]
    assert np.bincount(split.y_test).tolist() == [10, 10]


def test_images_on_both_sides_of_the_split_are_told(tmp_path: Path) -> None:
    root = image_files.folder(tmp_path / "pets" / "train", count=12).parent
    for label in ("cat", "dog"):
        for i in range(3):
            other = image_files.encoded(image_files.picture(seed=1_000 + i))
            image_files.put(root / "val" / label / f"{i}.jpg", other)
    assert len(_prepared(root, tmp_path).notes) == 2
    image_files.put(root / "val" / "cat" / "9.jpg", (root / "train" / "cat" / "000.jpg").read_bytes())
    assert (
        _prepared(root, tmp_path)
        .notes[2]
        .startswith(
            "images of the hold-out stand among the other images too, pixel for pixel (1, such as val/cat/9.jpg)"
        )
    )
