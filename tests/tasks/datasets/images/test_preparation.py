"""Preparation of folders of images as data sets of a study."""

from pathlib import Path

import numpy as np
import pytest

from infra.errors import DataError, TrillaError
from tasks.datasets.catalogue import Task, resolve
from tasks.datasets.holdout import stratified_holdout
from tasks.datasets.images import preparation
from tasks.datasets.images.cats_dogs import digits
from tasks.datasets.prepared import PreparedDataset, taken
from tests.tasks.datasets.images import image_files
from tests.tasks.preparing import prepare


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Two classes, and two files that are not images."""
    folder = image_files.folder(tmp_path / "pets", count=12)
    image_files.put(folder / "cat" / "text.jpg", b"hello")
    image_files.put(folder / "dog" / "empty.jpg", b"")
    return folder


def prepared(folder: Path, tmp_path: Path) -> PreparedDataset:
    return prepare(resolve(str(folder)), tmp_path / "data")


def test_a_folder_of_images_is_a_data_set(folder: Path, tmp_path: Path) -> None:
    dataset = prepared(folder, tmp_path)
    assert (dataset.name, dataset.task, dataset.classes) == ("pets", "vision", ["cat", "dog"])
    X, y = dataset.load()
    assert y is not None
    assert (dataset.rows, X.dtype, X.shape[3], len(y)) == (24, np.uint8, 3, 24)
    counts, unusable = dataset.notes
    assert "12 of cat, 12 of dog" in counts
    assert "2 files could not be used, such as cat/text.jpg: no image" in unusable
    assert "dog/empty.jpg: empty: 0 bytes" in unusable
    train, test = stratified_holdout(y, dataset.classes)
    assert len(taken(X, train)) + len(taken(X, test)) == 24


def test_prepared_again_it_is_the_same(folder: Path, tmp_path: Path) -> None:
    first = prepared(folder, tmp_path)
    assert prepared(folder, tmp_path) == first
    image_files.put(folder / "dog" / "new.jpg", image_files.encoded(image_files.picture(seed=999)))
    assert prepared(folder, tmp_path).sha256 != first.sha256


def test_a_first_look_is_at_a_sample_and_says_so(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(preparation, "FIRST_LOOK_IMAGES", 20)
    source = resolve(str(folder))
    look, whole = (prepare(source, tmp_path / "data", first_look=short) for short in (True, False))
    assert (look.rows, whole.rows) == (20, 24)
    assert look.sha256 != whole.sha256
    assert look.notes[0] == whole.notes[0]
    assert look.notes[1].startswith(
        "a first look: the data set is a sample of 20 of these images, drawn from each class"
    )
    assert look.notes[2] == whole.notes[1]
    _, y = look.load()
    assert np.bincount(y).tolist() == [10, 10]


def test_what_is_done_is_told(folder: Path, tmp_path: Path) -> None:
    told: list[tuple[int, int]] = []
    prepare(resolve(str(folder)), tmp_path / "data", progress=lambda done, total: told.append((done, total)))
    assert told[-1] == (26, 26)


def test_a_class_too_small_for_a_study_is_named(tmp_path: Path) -> None:
    folder = image_files.folder(tmp_path / "pets", count=12, classes=("cat", "dog"))
    for i in range(3):
        image_files.put(folder / "emu" / f"{i}.jpg", image_files.encoded(image_files.picture(seed=i)))
    with pytest.raises(DataError, match="class 'emu' of data set 'pets' has 3 usable images; at least 10"):
        prepared(folder, tmp_path)


def test_a_class_of_one_image_is_named(tmp_path: Path) -> None:
    folder = image_files.folder(tmp_path / "pets", count=12)
    image_files.put(folder / "emu" / "0.jpg", image_files.encoded(image_files.picture()))
    with pytest.raises(DataError, match="'emu'"):
        prepared(folder, tmp_path)


@pytest.mark.parametrize("task", [None, "classification"])
def test_a_folder_of_images_takes_no_target(folder: Path, task: Task | None) -> None:
    with pytest.raises(DataError, match="name no target and no task"):
        resolve(str(folder), "class", task)


def test_a_folder_of_parquet_is_no_folder_of_images(folder: Path) -> None:
    image_files.put(folder / "table.parquet", b"")
    assert resolve(str(folder)).task == "clustering"


def test_cats_and_dogs_are_those_of_the_folder_that_is_set(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TRILLA_CATS_DOGS", str(folder))
    dataset = prepare(resolve("cats-dogs"), tmp_path / "data")
    assert (dataset.name, dataset.rows) == ("cats-dogs", 24)
    assert dataset.provenance == "The user's own photographs in 'pets'."
    monkeypatch.setenv("TRILLA_CATS_DOGS", str(tmp_path / "nosuch"))
    with pytest.raises(TrillaError, match="no folder"):
        prepare(resolve("cats-dogs"), tmp_path / "data")


def test_digits_that_stand_in_are_named_as_such(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    why = "Digits stand in for cats and dogs: the network is away."

    # a test cannot take the network away; what a failed download does is tested in test_download
    monkeypatch.setattr(
        "tasks.datasets.images.preparation.cats_dogs", lambda cache, *_, **__: digits(cache).with_notes(why)
    )
    dataset = preparation.prepare_images(resolve("cats-dogs"), tmp_path / "data", first_look=False)
    assert (dataset.name, dataset.rows, len(dataset.classes)) == ("digits", 1797, 10)
    assert dataset.caution == why
    assert "scikit-learn" in dataset.provenance
