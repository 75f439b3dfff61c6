"""Parquet files with images: which columns are read, and which files are refused."""

import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from infra.errors import DataError
from tasks.datasets.images.reading import image_source
from tasks.datasets.images.source import UnusableError
from tests.tasks.datasets.images.image_files import put


def _table(contents: list[Any], labels: list[Any], **more: list[Any]) -> pa.Table:
    return pa.table({"image": contents, "label": labels, **more})


def test_parquet_with_bytes_and_labels(tmp_path: Path) -> None:
    contents = [f"image {i}".encode() for i in range(300)]
    labels = ["cat" if i % 3 else "dog" for i in range(300)]
    pq.write_table(_table(contents, labels, width=[1] * 300), tmp_path / "a.parquet", row_group_size=70)
    images = image_source(tmp_path / "a.parquet").listing().images
    assert [image.label for image in images] == labels
    assert images[299].file == "a.parquet#299"
    source = image_source(tmp_path / "a.parquet")
    parts = source.chunks(images)
    assert [start for start, _ in parts] == [0, 64, 70, 134, 140, 204, 210, 274, 280]
    for _, files in parts:
        read = source.reader(files)
        assert [read(file) for file in files] == [f"image {file.split('#')[1]}".encode() for file in files]


def test_parquet_as_hugging_face_writes_it(tmp_path: Path) -> None:
    features = {"image": {"_type": "Image"}, "label": {"names": ["cat", "dog"], "_type": "ClassLabel"}}
    about = {b"huggingface": json.dumps({"info": {"features": features}}).encode()}
    for part in range(2):
        rows = [{"bytes": b"%d %d" % (part, i), "path": f"{i}.jpg"} for i in range(3)]
        rows.append({"bytes": None, "path": "far.jpg"})
        table = _table(rows, [0, 1, 1, 0]).replace_schema_metadata(about)
        put(tmp_path / "data" / f"train-0000{part}-of-00002.parquet", b"")
        pq.write_table(table, tmp_path / "data" / f"train-0000{part}-of-00002.parquet")
    put(tmp_path / "README.md", b"about")
    images = image_source(tmp_path).listing().images
    assert [image.label for image in images] == ["cat", "dog", "dog", "cat"] * 2
    read = image_source(tmp_path).reader([image.file for image in images])
    assert read("data/train-00001-of-00002.parquet#2") == b"1 2"
    with pytest.raises(UnusableError, match="empty"):
        read("data/train-00001-of-00002.parquet#3")


@pytest.mark.parametrize(
    ("table", "message"),
    [
        (pa.table({"label": ["a", "b"]}), r"0 columns hold image bytes \(none\)"),
        (pa.table({"a": [b"1", b"2"], "b": [b"1", b"2"]}), r"2 columns hold image bytes \(a, b\)"),
        (
            pa.table({"image": [b"1"], "x": [1], "z": [2]}),
            "not clear which of the columns x, z holds the labels",
        ),
        (_table([b"1", b"2"], ["cat", None]), "row 2 has no label in column 'label'"),
        (_table([b"1", b"2", b"3"], [1, 1, 0]), "class '0' in .* has 1 images"),
    ],
)
def test_parquet_without_images_and_labels_is_refused(table: pa.Table, message: str, tmp_path: Path) -> None:
    pq.write_table(table, tmp_path / "a.parquet")
    with pytest.raises(DataError, match=message):
        image_source(tmp_path).listing()


def test_what_only_looks_like_parquet_is_refused(tmp_path: Path) -> None:
    put(tmp_path / "source" / "a.parquet", b"no parquet at all")
    with pytest.raises(DataError, match=r"a.parquet cannot be read as Parquet"):
        image_source(tmp_path / "source").listing()
    (tmp_path / "source" / "a.parquet").unlink()
    (tmp_path / "source" / "b.parquet").symlink_to(put(tmp_path / "b.parquet", b"x"))
    with pytest.raises(DataError, match=r"b.parquet is a symbolic link out of the folder"):
        image_source(tmp_path / "source").listing()
