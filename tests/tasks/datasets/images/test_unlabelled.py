"""Images without labels: decoded, or told why not."""

from pathlib import Path

import numpy as np
import pytest

from infra.errors import DataError
from tasks.datasets.images.decoding import decoded
from tasks.datasets.images.unlabelled import decode_folder
from tests.tasks.datasets.images.image_files import encoded, picture, put


def test_every_file_has_pixels_or_a_reason(tmp_path: Path) -> None:
    good = put(tmp_path / "deep" / "b.jpg", encoded(picture()))
    put(tmp_path / "a.png", b"no image")
    put(tmp_path / "notes.txt", b"not asked for")
    files, images, errors = decode_folder(tmp_path, 16)
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
