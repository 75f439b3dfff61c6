"""A look at images: classes, sizes, and what is passed over, without packing."""

from pathlib import Path

import pytest

from infra.errors import DataError
from tasks.datasets.catalogue import resolve
from tasks.datasets.images import preparation
from tasks.datasets.images.looking import look_at_images
from tests.tasks.datasets.images import image_files
from tests.tasks.preparing import prepare


def test_classes_and_sizes_are_told(tmp_path: Path) -> None:
    look = look_at_images(image_files.folder(tmp_path / "pets", 12), "pets")
    assert look.classes == {"cat": 12, "dog": 12}
    assert look.notes == ["shorter sides of 24 images that were opened: 30 to 35 pixels, median 32.5"]
    assert look.refusal is None


def test_what_is_no_image_is_told(tmp_path: Path) -> None:
    folder = image_files.folder(tmp_path / "pets", 12)
    image_files.put(folder / "cat" / "broken.jpg", b"hello")
    image_files.put(folder / "cat" / "notes.txt", b"about")
    look = look_at_images(folder, "pets")
    assert look.classes == {"cat": 13, "dog": 12}
    assert "1 of 25 images that were opened cannot be used" in look.notes
    assert "files that are no images are passed over (1): 1 .txt" in look.notes


def test_folders_of_a_split_are_no_classes(tmp_path: Path) -> None:
    for part, count in (("train", 12), ("test", 4)):
        image_files.folder(tmp_path / "pets" / part, count)
    look = look_at_images(tmp_path / "pets", "pets")
    assert look.classes == {"cat": 16, "dog": 16}
    assert (
        "'train', 'test' are parts of a split and no classes; 8 images are set aside for the test"
        in look.notes
    )


@pytest.mark.parametrize(
    ("count", "classes", "sentence"),
    [
        (4, ("cat", "dog"), "class 'cat' of data set 'pets' has 4 usable images; at least 10 are needed"),
        (12, ("cat",), "only one class, 'cat'"),
    ],
)
def test_images_that_a_study_refuses_are_shown_with_the_reason(
    tmp_path: Path, count: int, classes: tuple[str, ...], sentence: str
) -> None:
    look = look_at_images(image_files.folder(tmp_path / "pets", count, classes), "pets")
    assert look.classes == dict.fromkeys(classes, count)
    assert look.refusal is not None
    assert sentence in look.refusal


def test_a_layout_that_is_not_understood_is_refused_at_once(tmp_path: Path) -> None:
    image_files.put(tmp_path / "pets" / "IMG_1.jpg", b"x")
    image_files.put(tmp_path / "pets" / "IMG_2.jpg", b"x")
    with pytest.raises(DataError, match=r"name files like cat\.0\.jpg"):
        look_at_images(tmp_path / "pets", "pets")


def test_a_first_look_at_many_images_is_told_as_the_study_tells_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = image_files.folder(tmp_path / "pets", 15)
    assert not [note for note in look_at_images(folder, "pets").notes if "first look" in note]
    monkeypatch.setattr(preparation, "FIRST_LOOK_IMAGES", 20)
    (note,) = [note for note in look_at_images(folder, "pets").notes if "first look" in note]
    assert note == (
        "a first look: the data set is a sample of about 20 of these images, drawn from each class in proportion; "
        "with --epochs it is all of them"
    )
    told = prepare(resolve(str(folder)), tmp_path / "data").notes
    assert note.replace("about ", "") in told
