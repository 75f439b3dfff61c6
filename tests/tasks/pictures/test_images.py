"""Learning curves of networks, and the pictures of their most confident mistakes."""

import base64
import io

import numpy as np
from PIL import Image

from tasks.pictures.images import IMAGES_PER_LINE, MAX_MISTAKES, learning_curves, worst_mistakes


def opened(png: str | None) -> Image.Image:
    assert png is not None
    return Image.open(io.BytesIO(base64.b64decode(png)))


def test_each_training_has_a_curve() -> None:
    rising = [{"accuracy": 0.5 + 0.1 * i} for i in range(4)]
    one = opened(learning_curves({"baseline": rising}))
    two = opened(learning_curves({"baseline": rising, "grid": rising[::-1]}))
    assert one.size == two.size
    assert np.any(np.asarray(one) != np.asarray(two))


def test_the_most_confident_mistakes_are_shown_first() -> None:
    images = np.zeros((3, 8, 8, 3), dtype=np.uint8)
    images[1], images[2] = (255, 0, 0), (0, 0, 255)
    true = np.zeros(3, dtype=np.int64)
    probabilities = np.array([[0.9, 0.1], [0.4, 0.6], [0.1, 0.9]])
    shown = np.asarray(
        opened(worst_mistakes(images, true, probabilities, ["cat", "dog"])).convert("RGB")
    ).astype(int)
    red = np.argwhere((shown[..., 0] > 200) & (shown[..., 1:].max(axis=2) < 60))
    blue = np.argwhere((shown[..., 2] > 200) & (shown[..., :2].max(axis=2) < 60))
    assert len(red)
    assert blue[:, 1].max() < red[:, 1].min()


def test_the_number_of_mistakes_is_limited() -> None:
    count = 3 * MAX_MISTAKES
    probabilities = np.tile([0.2, 0.8], (count, 1))
    many = opened(
        worst_mistakes(np.zeros((count, 8, 8, 3), np.uint8), np.zeros(count, int), probabilities, ["a", "b"])
    )
    few = opened(
        worst_mistakes(np.zeros((2, 8, 8, 3), np.uint8), np.zeros(2, int), probabilities[:2], ["a", "b"])
    )
    assert many.height > few.height * (MAX_MISTAKES / IMAGES_PER_LINE - 1)


def test_without_mistakes_there_is_no_picture() -> None:
    assert worst_mistakes(np.zeros((2, 8, 8, 3), np.uint8), np.array([0, 1]), np.eye(2), ["a", "b"]) is None
