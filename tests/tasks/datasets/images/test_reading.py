"""What a source of images holds, and how one image becomes pixels or a reason in words."""

import io
import json
import os
import tracemalloc
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import Image, ImageOps

from infra.errors import DataError
from tasks.datasets.images import decoding, reading
from tasks.datasets.images.decoding import decoded, shorter_side
from tasks.datasets.images.reading import ImageSource, UnusableError, find_images
from tests.tasks.datasets.images.image_files import bomb, encoded, folder, picture, put


def test_each_sub_folder_is_a_class_with_all_that_lies_in_it(tmp_path: Path) -> None:
    for file in (
        "dog/b.png",
        "dog/deep/er/a.jpg",
        "cat/x.JPG",
        "cat/notes.txt",
        "cat/.hidden.jpg",
        ".git/a.jpg",
    ):
        put(tmp_path / file, b"x")
    put(tmp_path / "README.md", b"about")
    assert find_images(tmp_path) == [
        ("cat/notes.txt", "cat"), ("cat/x.JPG", "cat"), ("dog/b.png", "dog"), ("dog/deep/er/a.jpg", "dog")
    ]  # fmt: skip


def test_in_a_flat_folder_names_begin_with_the_class(tmp_path: Path) -> None:
    for file in ("dog.0.jpg", "dog.1.jpg", "cat.10.png", "cat.9.png", "labels.csv"):
        put(tmp_path / file, b"x")
    assert find_images(str(tmp_path)) == [
        ("cat.10.png", "cat"), ("cat.9.png", "cat"), ("dog.0.jpg", "dog"), ("dog.1.jpg", "dog")
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("files", "message"),
    [
        ([], "holds no images"),
        (["README.md"], "holds no images"),
        (["cat/1.jpg", "cat/2.jpg"], "one class only, 'cat'.*is '.*cat' meant"),
        (["cat.1.jpg", "cat.2.jpg"], "one class only, 'cat'; at least two are needed$"),
        (["cat/1.jpg", "dog/1.jpg", "dog/2.jpg"], "class 'cat' in .* has 1 images; at least 2"),
        (["cat/1.jpg", "cat/2.jpg", "dog/1.jpg", "dog/2.jpg", "a.jpg"], r"beside them \('a.jpg'\)"),
        (["IMG_1.jpg", "IMG_2.jpg"], "IMG_1.jpg' names no class; call files like cat.0.jpg"),
    ],
)
def test_a_folder_without_two_classes_of_two_images_is_refused(
    files: list[str], message: str, tmp_path: Path
) -> None:
    for file in files:
        put(tmp_path / file, b"x")
    with pytest.raises(DataError, match=message):
        find_images(tmp_path)


def test_what_is_not_there_or_is_a_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"no folder '.*nothing'; give a folder of images"):
        find_images(tmp_path / "nothing")
    with pytest.raises(DataError, match=r"a\.zip' is a file that is not Parquet"):
        find_images(put(tmp_path / "a.zip", b"PK"))


def test_links_stay_inside_the_folder(tmp_path: Path) -> None:
    source = folder(tmp_path / "source", 2)
    secret = put(tmp_path / "secret.jpg", encoded(picture()))
    (source / "cat" / "out.jpg").symlink_to(secret)
    (source / "cat" / "in.jpg").symlink_to(source / "dog" / "000.jpg")
    (source / "cat" / "more").symlink_to(source / "dog")
    (source / "cat" / "circle").symlink_to(source / "cat" / "circle")
    os.mkfifo(source / "cat" / "pipe.jpg")
    images = ImageSource.at(source)
    read = images.reader([])
    found = {}
    for image in images.images():
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
        find_images(source)


def _table(contents: list[Any], labels: list[Any], **more: list[Any]) -> pa.Table:
    return pa.table({"image": contents, "label": labels, **more})


def test_parquet_with_bytes_and_labels(tmp_path: Path) -> None:
    contents = [f"image {i}".encode() for i in range(300)]
    labels = ["cat" if i % 3 else "dog" for i in range(300)]
    pq.write_table(_table(contents, labels, width=[1] * 300), tmp_path / "a.parquet", row_group_size=70)
    images = find_images(tmp_path / "a.parquet")
    assert [image.label for image in images] == labels
    assert images[299].file == "a.parquet#299"
    source = ImageSource.at(tmp_path / "a.parquet")
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
    images = find_images(tmp_path)
    assert [image.label for image in images] == ["cat", "dog", "dog", "cat"] * 2
    read = ImageSource.at(tmp_path).reader([image.file for image in images])
    assert read("data/train-00001-of-00002.parquet#2") == b"1 2"
    with pytest.raises(UnusableError, match="empty"):
        read("data/train-00001-of-00002.parquet#3")


@pytest.mark.parametrize(
    ("table", "message"),
    [
        (pa.table({"label": ["a", "b"]}), r"0 columns hold image bytes \(none\)"),
        (pa.table({"a": [b"1", b"2"], "b": [b"1", b"2"]}), r"2 columns hold image bytes \(a, b\)"),
        (pa.table({"image": [b"1"], "x": [1], "z": [2]}), "labels is not clear from x, z"),
        (_table([b"1", b"2"], ["cat", None]), "row 2 has no label in column 'label'"),
        (_table([b"1", b"2", b"3"], [1, 1, 0]), "class '0' in .* has 1 images"),
    ],
)
def test_parquet_without_images_and_labels_is_refused(table: pa.Table, message: str, tmp_path: Path) -> None:
    pq.write_table(table, tmp_path / "a.parquet")
    with pytest.raises(DataError, match=message):
        find_images(tmp_path)


def test_what_only_looks_like_parquet_is_refused(tmp_path: Path) -> None:
    put(tmp_path / "source" / "a.parquet", b"no parquet at all")
    with pytest.raises(DataError, match=r"a.parquet cannot be read as Parquet"):
        find_images(tmp_path / "source")
    (tmp_path / "source" / "a.parquet").unlink()
    (tmp_path / "source" / "b.parquet").symlink_to(put(tmp_path / "b.parquet", b"x"))
    with pytest.raises(DataError, match=r"b.parquet is a symbolic link out of the folder"):
        find_images(tmp_path / "source")


def test_pixels_are_those_of_a_centre_crop_and_a_filter_over_areas() -> None:
    pixels = np.asarray(picture(128, 128))
    wide = np.concatenate([np.zeros((128, 30, 3), np.uint8), pixels, np.full((128, 30, 3), 255, np.uint8)], 1)
    for turned in (wide, wide.transpose(1, 0, 2)):
        found = decoded(encoded(Image.fromarray(turned), "PNG"), 8)
        inner = pixels if turned is wide else pixels.transpose(1, 0, 2)
        areas = inner.reshape(8, 16, 8, 16, 3).mean((1, 3))
        assert found.shape == (8, 8, 3)
        assert found.dtype == np.uint8
        assert np.abs(found - areas)[1:-1, 1:-1].max() < 8
        fitted = ImageOps.fit(Image.fromarray(turned), (8, 8), Image.Resampling.BICUBIC)
        assert np.abs(found.astype(int) - np.asarray(fitted)).max() <= 4
    small = picture(32, 32)
    np.testing.assert_array_equal(decoded(encoded(small, "PNG"), 32), np.asarray(small))


def test_a_checkerboard_becomes_grey_and_no_pattern() -> None:
    board = (np.indices((300, 300)).sum(0) % 2 * 255).astype(np.uint8)
    for kind in ("PNG", "JPEG"):
        found = decoded(encoded(Image.fromarray(board), kind), 16).astype(int)
        assert np.abs(found[2:-2, 2:-2] - 127).max() < 12


@pytest.mark.parametrize("mode", ["L", "P", "1", "CMYK", "RGB", "RGBA", "LA", "I;16"])
def test_every_mode_becomes_the_same_rgb(mode: str) -> None:
    grey = picture(50, 50, "L")
    if mode == "I;16":
        image = Image.fromarray(np.asarray(grey).astype(np.uint16) * 257)
    else:
        image = grey.convert("RGB").convert(mode) if mode in ("CMYK", "P") else grey.convert(mode)
    expected = decoded(
        encoded(grey.convert("1").convert("RGB") if mode == "1" else grey.convert("RGB"), "PNG"), 16
    )
    found = decoded(encoded(image, "TIFF" if mode == "CMYK" else "PNG"), 16)
    assert found.shape == (16, 16, 3)
    assert np.abs(found.astype(int) - expected).max() <= (40 if mode == "P" else 2)


def test_what_is_transparent_lies_over_white() -> None:
    half = np.zeros((40, 40, 4), np.uint8)
    half[:, 20:] = (200, 0, 0, 255)
    found = decoded(encoded(Image.fromarray(half), "PNG"), 8)
    assert (found[:, :3] > 250).all()
    assert np.abs(found[:, -3:].astype(int) - (200, 0, 0)).max() < 5
    palette = Image.fromarray(np.r_[[0] * 800, [1] * 800].astype(np.uint8).reshape(40, 40), "P")
    palette.putpalette([0, 0, 0, 0, 0, 200])
    found = decoded(encoded(palette, "PNG", transparency=0), 8)
    assert (found[:3] > 250).all()
    assert np.abs(found[-3:].astype(int) - (0, 0, 200)).max() < 5


@pytest.mark.parametrize("orientation", range(1, 9))
def test_the_orientation_of_the_camera_is_applied(orientation: int) -> None:
    upright = np.asarray(picture(48, 48))
    undone = {
        1: lambda x: x, 2: np.fliplr, 3: lambda x: np.rot90(x, 2), 4: np.flipud,
        5: lambda x: x.transpose(1, 0, 2), 6: np.rot90, 7: lambda x: np.rot90(x, 2).transpose(1, 0, 2),
        8: lambda x: np.rot90(x, 3),
    }  # fmt: skip
    exif = Image.Exif()
    exif[0x0112] = orientation
    turned = Image.fromarray(np.ascontiguousarray(undone[orientation](upright)))
    for kind, options in (("PNG", {}), ("JPEG", {"quality": 95}), ("TIFF", {})):
        found = decoded(encoded(turned, kind, exif=exif, **options), 24)
        expected = decoded(encoded(Image.fromarray(upright), "PNG"), 24)
        assert np.abs(found.astype(int) - expected).max() < (25 if kind == "JPEG" else 3), kind


def test_a_broken_orientation_does_not_spoil_the_image() -> None:
    found = decoded(encoded(picture(), "JPEG", exif=b"Exif\x00\x00garbage"), 16)
    np.testing.assert_array_equal(found, decoded(encoded(picture(), "JPEG"), 16))


def test_large_jpeg_is_decoded_at_a_lower_resolution_and_looks_the_same() -> None:
    large = picture(2000, 1500)
    found = decoded(encoded(large, quality=95), 32).astype(int)
    full = decoded(encoded(large, "PNG"), 32).astype(int)
    assert np.abs(found - full).max() <= 6


@cache
def _broken() -> dict[str, tuple[bytes, str]]:
    jpeg, png = encoded(picture(400, 300)), encoded(picture(400, 300), "PNG")
    damaged = bytearray(png)
    damaged[len(png) // 2] ^= 0xFF
    return {
        "text": (b"this is no image at all, but a text", "no image of a known format"),
        "truncated JPEG": (jpeg[: len(jpeg) // 2], "truncated JPEG image"),
        "truncated PNG": (png[: len(png) // 2], "truncated PNG image"),
        "only a header": (jpeg[:30], "no image of a known format|broken|truncated"),
        "damaged PNG": (bytes(damaged), "broken PNG image"),
        "header bomb": (bomb(), "oversized"),
        "just too large": (bomb(10_000, 5_001), "oversized: 10,000 x 5,001 pixels, at most 50,000,000"),
        "script": (b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 10 10\n", "no image of a known format"),
        "floats": (encoded(Image.fromarray(np.ones((9, 9), np.float32)), "TIFF"), "pixels of mode F"),
    }


@pytest.mark.parametrize("case", list(_broken()))
def test_what_cannot_be_used_has_a_reason_in_words(case: str) -> None:
    content, reason = _broken()[case]
    with pytest.raises(UnusableError, match=reason) as first:
        decoded(content, 16)
    with pytest.raises(UnusableError) as second:
        decoded(content, 16)
    assert str(first.value) == str(second.value)  # and no address of memory
    assert "0x" not in str(first.value)


@pytest.mark.filterwarnings("ignore::PIL.Image.DecompressionBombWarning")
@pytest.mark.parametrize("sides", [(20_000, 20_000), (9_000, 10_000)])
def test_a_header_bomb_costs_no_memory(sides: tuple[int, int]) -> None:
    content = bomb(*sides)
    before = psutil.Process().memory_info().rss
    tracemalloc.start()
    for use in (lambda: decoded(content, 32), lambda: shorter_side(content)):
        with pytest.raises(UnusableError, match="oversized"):
            use()
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 4 * len(content) + 2**20
    assert psutil.Process().memory_info().rss - before < 32 * 2**20


def test_too_many_bytes_are_not_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reading, "MOST_BYTES", 1000)
    source = folder(tmp_path, 2)
    put(source / "cat" / "large.jpg", bytes(1001))
    with pytest.raises(UnusableError, match="oversized: 1,001 bytes, at most 1,000 are read"):
        ImageSource.at(source).reader([])("cat/large.jpg")


def test_formats_are_known_to_the_library() -> None:
    Image.init()
    assert set(decoding.FORMATS) <= set(Image.OPEN)
    for kind in ("JPEG", "PNG", "GIF", "BMP", "WEBP", "TIFF", "PPM"):
        stream = io.BytesIO()
        picture().save(stream, kind)
        assert decoded(stream.getvalue(), 16).shape == (16, 16, 3)
        assert shorter_side(stream.getvalue()) == 30
