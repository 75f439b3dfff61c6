"""Folders of image files: which files count, what their classes are, and which folders are refused."""

import os
from pathlib import Path

import pytest

from infra.errors import DataError
from tasks.datasets.images.reading import image_source
from tasks.datasets.images.source import UnusableError
from tests.tasks.datasets.images.image_files import encoded, folder, picture, put


def test_each_sub_folder_is_a_class_with_all_that_lies_in_it(tmp_path: Path) -> None:
    for file in (
        "dog/b.png",
        "dog/deep/er/a.jpg",
        "cat/w.tif",
        "cat/x.JPG",
        "cat/notes.txt",
        "cat/.hidden.jpg",
        ".git/a.jpg",
    ):
        put(tmp_path / file, b"x")
    put(tmp_path / "README.md", b"about")
    images = [(image.file, image.label) for image in image_source(tmp_path).listing().images]
    assert images == [
        ("cat/w.tif", "cat"), ("cat/x.JPG", "cat"), ("dog/b.png", "dog"), ("dog/deep/er/a.jpg", "dog")
    ]  # fmt: skip


def test_in_a_flat_folder_names_begin_with_the_class(tmp_path: Path) -> None:
    for file in ("dog.0.jpg", "dog.1.jpg", "cat.10.png", "cat.9.png", "labels.csv"):
        put(tmp_path / file, b"x")
    images = [(image.file, image.label) for image in image_source(str(tmp_path)).listing().images]
    assert images == [
        ("cat.10.png", "cat"), ("cat.9.png", "cat"), ("dog.0.jpg", "dog"), ("dog.1.jpg", "dog")
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("files", "message"),
    [
        ([], "holds no images"),
        (["README.md"], "holds no images"),
        (["cat/1.jpg", "cat/2.jpg"], "only one class, 'cat'.*did you mean '.*cat'"),
        (["cat.1.jpg", "cat.2.jpg"], "only one class, 'cat'; at least two are needed$"),
        (
            ["cat/1.jpg", "dog/1.jpg", "dog/2.jpg"],
            "class 'cat' in .* has 1 images; each class needs at least 2",
        ),
        (["cat/1.jpg", "cat/2.jpg", "dog/1.jpg", "dog/2.jpg", "a.jpg"], r"beside them \('a.jpg'\)"),
        (["IMG_1.jpg", "IMG_2.jpg"], "IMG_1.jpg' does not begin with a class; name files like cat.0.jpg"),
    ],
)
def test_a_folder_without_two_classes_of_two_images_is_refused(
    files: list[str], message: str, tmp_path: Path
) -> None:
    for file in files:
        put(tmp_path / file, b"x")
    with pytest.raises(DataError, match=message):
        image_source(tmp_path).listing()


def test_links_stay_inside_the_folder(tmp_path: Path) -> None:
    source = folder(tmp_path / "source", 2)
    secret = put(tmp_path / "secret.jpg", encoded(picture()))
    (source / "cat" / "out.jpg").symlink_to(secret)
    (source / "cat" / "in.jpg").symlink_to(source / "dog" / "000.jpg")
    (source / "cat" / "more").symlink_to(source / "dog")
    (source / "cat" / "circle").symlink_to(source / "cat" / "circle")
    os.mkfifo(source / "cat" / "pipe.jpg")
    images = image_source(source)
    read = images.reader([])
    found = {}
    for image in images.listing().images:
        try:
            found[image.file] = len(read(image.file)) > 0
        except UnusableError as reason:
            found[image.file] = str(reason)
    assert found == {
        "cat/000.jpg": True, "cat/001.jpg": True, "dog/000.jpg": True, "dog/001.jpg": True, "cat/in.jpg": True,
        "cat/out.jpg": "symbolic link out of the folder", "cat/more": "symbolic link to a folder",
        "cat/pipe.jpg": "not a regular file", "cat/circle": found["cat/circle"],
    }  # fmt: skip
    assert "links" in found["cat/circle"]
    (source / "bird").symlink_to(tmp_path)
    with pytest.raises(DataError, match="bird' is a symbolic link to a folder"):
        image_source(source).listing()


def test_too_many_bytes_are_not_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tasks.datasets.images.source.MAX_BYTES", 1000)
    source = folder(tmp_path, 2)
    put(source / "cat" / "large.jpg", bytes(1001))
    with pytest.raises(UnusableError, match="oversized: 1,001 bytes, at most 1,000 are read"):
        image_source(source).reader([])("cat/large.jpg")
