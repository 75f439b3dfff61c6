"""Folders of images: classes, parts of a split, and folders that are neither."""

import unicodedata
from pathlib import Path

import pytest

from infra.errors import DataError
from tasks.datasets.images.reading import image_source
from tasks.datasets.images.source import Listing
from tests.tasks.datasets.images.image_files import put


def _listing(root: Path, *files: str) -> Listing:
    for file in files:
        put(root / file, b"x")
    return image_source(root).listing()


def _filled(*folders: str) -> list[str]:
    return [f"{folder}/{i}.jpg" for folder in folders for i in range(2)]


@pytest.mark.parametrize(
    ("folders", "training", "held_out"),
    [
        (["train/cat", "train/dog", "val/cat", "val/dog"], ("train",), ("val",)),
        (["Train/cat", "Train/dog", "VALIDATION/cat", "VALIDATION/dog"], ("Train",), ("VALIDATION",)),
        (
            ["train/cat", "train/dog", "valid/cat", "valid/dog", "test/cat", "test/dog"],
            ("train", "valid"),
            ("test",),
        ),
        (["pets/train/cat", "pets/train/dog", "pets/test/cat", "pets/test/dog"], ("train",), ("test",)),
        (
            ["training_set/training_set/cat", "training_set/training_set/dog", "test_set/test_set/cat"],
            ("training_set",),
            ("test_set",),
        ),
        (["train/cat", "train/dog"], ("train",), ()),
        (
            ["Training/cat", "Training/dog", "Testing/cat", "Testing/dog", "samples"],
            ("Training",),
            ("Testing",),
        ),
    ],
)
def test_parts_of_a_split_are_no_classes(
    folders: list[str], training: tuple[str, ...], held_out: tuple[str, ...], tmp_path: Path
) -> None:
    listing = _listing(tmp_path, *_filled(*folders))
    assert {image.label for image in listing.images} == {"cat", "dog"}
    assert listing.split is not None
    assert (listing.split.training, listing.split.held_out) == (training, held_out)
    for image in listing.images:
        assert image.held_out == any(f"{part}/" in image.file for part in held_out)


@pytest.mark.parametrize(
    "folders",
    [["bus", "car", "train"], ["train", "plane"], ["valid", "invalid"], ["positive", "test"]],
)
def test_a_class_can_have_the_name_of_a_part(folders: list[str], tmp_path: Path) -> None:
    listing = _listing(tmp_path, *_filled(*folders))
    assert listing.split is None
    assert sorted({image.label for image in listing.images}) == sorted(folders)


@pytest.mark.parametrize("inner", ["", "unknown/", "test/"])
def test_images_of_a_test_part_without_classes_are_passed_over_and_told(inner: str, tmp_path: Path) -> None:
    files = [f"test/{inner}{i}.jpg" for i in range(5)]
    listing = _listing(tmp_path, *_filled("train/cat", "train/dog", "val/cat", "val/dog"), *files)
    assert len(listing.images) == 8
    assert listing.notes == ["images without a class are passed over: 5 in 'test'"]
    assert listing.split is not None
    assert listing.split.held_out == ("val",)


def test_the_classes_of_a_part_can_be_in_the_names_of_its_files(tmp_path: Path) -> None:
    files = [f"train/{label}.{i}.jpg" for label in ("cat", "dog") for i in range(2)]
    listing = _listing(tmp_path, *files, "test1/1.jpg")
    assert {image.label for image in listing.images} == {"cat", "dog"}
    assert listing.notes == ["images without a class are passed over: 1 in 'test1'"]


def test_parts_without_classes_are_refused(tmp_path: Path) -> None:
    with pytest.raises(
        DataError, match=r"train/0.jpg' does not begin with a class; name files like cat.0.jpg"
    ):
        _listing(tmp_path, *_filled("train", "test"))


def test_folders_beside_a_split_are_passed_over_and_told(tmp_path: Path) -> None:
    listing = _listing(
        tmp_path, *_filled("train/cat", "train/dog", "test/cat", "test/dog", "single_prediction")
    )
    assert listing.notes == ["images beside the parts of the split are passed over: 2 in 'single_prediction'"]


def test_folders_without_an_image_are_told(tmp_path: Path) -> None:
    (tmp_path / "emu").mkdir()
    files = [*_filled("cat", "dog"), "annotations/0.xml", ".git/config"]
    assert _listing(tmp_path, *files).notes[0] == (
        "folders without an image are no classes: 'annotations', 'emu'"
    )


def test_a_class_without_an_image_in_all_parts_is_told(tmp_path: Path) -> None:
    (tmp_path / "train" / "emu").mkdir(parents=True)
    listing = _listing(tmp_path, *_filled("train/cat", "train/dog", "val/cat", "val/dog"))
    assert listing.notes == ["folders without an image are no classes: 'train/emu'"]


@pytest.mark.parametrize(
    ("folders", "names"),
    [
        (["Cat", "cat", "dog"], "'Cat' and 'cat'"),
        (["cat ", "cat", "dog"], "'cat' and 'cat '"),
        (["train/cat", "train/dog", "val/Cat", "val/dog"], "'Cat' and 'cat'"),
    ],
)
def test_classes_that_differ_only_in_case_or_blanks_are_refused(
    folders: list[str], names: str, tmp_path: Path
) -> None:
    with pytest.raises(
        DataError, match=rf"^classes {names} in '.*' differ only in case or blanks; if they are one"
    ):
        _listing(tmp_path, *_filled(*folders))


def test_the_same_name_in_the_letters_of_another_system_is_one_class(tmp_path: Path) -> None:
    composed, decomposed = (unicodedata.normalize(form, "café") for form in ("NFC", "NFD"))
    listing = _listing(tmp_path, *_filled(f"train/{composed}", "train/dog", f"val/{decomposed}", "val/dog"))
    assert {image.label for image in listing.images} == {composed, "dog"}


def test_a_link_to_a_folder_is_refused_in_a_part_too(tmp_path: Path) -> None:
    for file in _filled("train/cat", "train/dog"):
        put(tmp_path / "pets" / file, b"x")
    (tmp_path / "pets" / "train" / "emu").symlink_to(tmp_path)
    with pytest.raises(DataError, match=r"train/emu' is a symbolic link to a folder"):
        image_source(tmp_path / "pets").listing()
