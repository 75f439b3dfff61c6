"""Paths, and the kind of source that is found at each of them."""

from pathlib import Path

import pytest

from infra.errors import DataError
from tasks.datasets.images.folder import ImageFolder
from tasks.datasets.images.parquet import ParquetImages
from tasks.datasets.images.reading import holds_images, image_source
from tests.tasks.datasets.images.image_files import put


@pytest.mark.parametrize(
    ("files", "kind", "images"),
    [
        (["cat/1.jpg", "dog/2.PNG"], ImageFolder, True),
        (["cat/1.jpg", "table.parquet"], ImageFolder, False),
        (["data/part-0.parquet", "README.md"], ParquetImages, False),
        (["README.md"], ImageFolder, False),
    ],
    ids=["images", "images beside a table", "parquet", "neither"],
)
def test_the_names_of_the_files_tell_the_kind(
    files: list[str], kind: type, images: bool, tmp_path: Path
) -> None:
    for file in files:
        put(tmp_path / file, b"")
    assert type(image_source(tmp_path)) is kind
    assert holds_images(tmp_path) is images


def test_a_parquet_file_is_a_source(tmp_path: Path) -> None:
    assert type(image_source(put(tmp_path / "a.PARQ", b""))) is ParquetImages


def test_what_is_not_there_or_is_a_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"no folder '.*nothing'; give a folder of images"):
        image_source(tmp_path / "nothing")
    with pytest.raises(DataError, match=r"a\.zip' is a file that is not Parquet"):
        image_source(put(tmp_path / "a.zip", b"PK"))
