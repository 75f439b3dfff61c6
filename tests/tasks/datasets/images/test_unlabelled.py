"""Images without labels: decoded, or told why not."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from infra.errors import DataError
from tasks.datasets.images.packing import pack
from tasks.datasets.images.unlabelled import decode_folder
from tests.tasks.datasets.images.image_files import decoded, encoded, picture, put


def test_every_file_has_pixels_or_a_reason(tmp_path: Path) -> None:
    good = put(tmp_path / "deep" / "b.jpg", encoded(picture()))
    put(tmp_path / "a.png", b"no image")
    put(tmp_path / "notes.txt", b"not asked for")
    files, images, errors, _ = decode_folder(tmp_path, 16)
    assert files == ["a.png", "deep/b.jpg"]
    np.testing.assert_array_equal(images, [decoded(good.read_bytes(), 16)])
    assert errors[0] is not None
    assert errors[0].startswith("no image of a known format")
    assert errors[1] is None


def test_a_folder_without_a_usable_image_gives_an_empty_array(tmp_path: Path) -> None:
    put(tmp_path / "a.png", b"no image")
    assert decode_folder(tmp_path, 16)[1].shape == (0, 16, 16, 3)


def test_a_folder_without_images_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"holds no image; allowed: files that end in \.jpg"):
        decode_folder(put(tmp_path / "notes.txt", b"").parent, 16)
    with pytest.raises(DataError, match="no folder"):
        decode_folder(tmp_path / "nothing", 16)


def _every_mode() -> dict[str, bytes]:
    """An image of each mode, and files with several frames."""
    grey, values = picture(40, 30, "L"), np.asarray(picture(40, 30, "L")).astype(np.uint16) * 16
    clear = Image.merge("RGBA", [*picture().split(), grey])
    palette = picture().convert("P")
    return {
        "rgb.jpg": encoded(picture()), "grey.png": encoded(grey, "PNG"), "one.png": encoded(grey.convert("1"), "PNG"),
        "la.png": encoded(clear.convert("LA"), "PNG"), "rgba.png": encoded(clear, "PNG"),
        "p.png": encoded(palette, "PNG", transparency=3), "cmyk.jpg": encoded(picture().convert("CMYK")),
        "cmyk.tif": encoded(picture().convert("CMYK"), "TIFF"), "i16.png": encoded(Image.fromarray(values), "PNG"),
        "i16.tif": encoded(Image.fromarray(values), "TIFF"), "no ending": encoded(picture(), "PNG"),
        "i.tif": encoded(Image.fromarray(values.astype(np.int32)), "TIFF"),
        "f.tif": encoded(Image.fromarray(values.astype(np.float32)), "TIFF"),
        "pages.tif": encoded(picture(), "TIFF", save_all=True, append_images=[picture(seed=1)]),
        "moving.gif": encoded(picture(), "GIF", save_all=True, append_images=[picture(seed=1)]),
        "wrong.jpg": encoded(picture(), "WEBP"), "a.avif": encoded(picture(), "AVIF"),
    }  # fmt: skip


def test_the_training_folder_is_decoded_as_in_training(tmp_path: Path) -> None:
    source = tmp_path / "pets"
    for part in ("train", "val"):
        for label in ("cat", "dog"):
            for name, content in _every_mode().items():
                put(source / part / label / name, content)
            put(source / part / label / "broken.jpg", b"hello")
    for other in (
        "train/cat/Thumbs.db",
        "train/cat/._rgb.jpg",
        "__MACOSX/train/cat/._a.jpg",
        "val/dog/a.xml",
    ):
        put(source / other, b"no image")
    packed = pack(source, tmp_path / "packed", max_quarantined=1.0)
    files, images, errors, _ = decode_folder(source, packed.size, packed.value_range)
    assert packed.value_range == (0.0, 4095.0)
    assert [file for file, error in zip(files, errors, strict=True) if error is None] == packed.index()[
        "file"
    ].to_pylist()
    np.testing.assert_array_equal(images, packed.load()[0])
    assert [file for file, error in zip(files, errors, strict=True) if error] == [
        file for file, _ in packed.quarantine()
    ]
