"""Images with more than 8 bits a pixel: one range of values for all of a data set."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tasks.datasets.images.deep import FULL_RANGE, ValueRange, common_range
from tasks.datasets.images.packing import pack
from tests.tasks.datasets.images.image_files import encoded, put


@pytest.mark.parametrize(
    ("ranges", "found"),
    [
        ([], FULL_RANGE),
        ([(10, 200), (3, 4000)], (0, 4095)),
        ([(0, 4096)], (0, 16383)),
        ([(0.2, 0.9)], (0, 1)),
        ([(0, 65535)], (0, 65535)),
        ([(0, 65536)], (0, 65536)),
        ([(-3.5, 2), (0, 9)], (-3.5, 9)),
        ([(7, 7)], (0, 255)),
    ],
)
def test_the_range_is_that_of_the_lowest_usual_depth(ranges: list[ValueRange], found: ValueRange) -> None:
    assert common_range(ranges) == found


def test_a_dark_class_stays_darker_than_a_bright_one(tmp_path: Path) -> None:
    random = np.random.default_rng(0)
    for label, highest in (("dark", 1_000), ("bright", 4_000)):
        for i in range(3):
            values = random.integers(highest // 2, highest, (20, 20)).astype(np.uint16)
            put(tmp_path / "xray" / label / f"{i}.png", encoded(Image.fromarray(values), "PNG"))
    packed = pack(tmp_path / "xray", tmp_path / "packed")
    X, y = packed.load()
    assert packed.value_range == (0.0, 4095.0)
    assert packed.remarks == (
        "values from 0 to 4095 became 0 to 255 in grey images with more than 8 bits a pixel (6 images)",
    )
    means = {name: X[y == code].mean() for code, name in enumerate(packed.classes)}
    assert means["dark"] == pytest.approx(750 / 4095 * 255, abs=3)
    assert means["bright"] == pytest.approx(3000 / 4095 * 255, abs=10)
