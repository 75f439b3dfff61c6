"""Random transformations of training images, and the order of an epoch."""

import numpy as np
import torch

from tasks.vision.augmentation import augmented, draw_augmentation, mixed
from tests.tasks.vision.synthetic import stripes

X, Y = stripes(96)


def test_an_epoch_has_every_image_once_in_an_order_of_its_own() -> None:
    first, second = (draw_augmentation(50, 3, epoch, 1.0, 0.0).order for epoch in (0, 1))
    assert sorted(first) == sorted(second) == list(range(50))
    assert list(first) != list(second)
    assert list(first) == list(draw_augmentation(50, 3, 0, 0.0, 0.5).order)


def test_an_image_is_mirrored_in_every_other_epoch() -> None:
    mirrored = []
    for epoch in range(4):
        drawn = draw_augmentation(30, 0, epoch, 1e-6, 0.0)
        found = np.empty(30)
        found[drawn.order] = drawn.matrices[:, 0, 0] < 0
        mirrored.append(found)
    assert (mirrored[0] != mirrored[1]).all()
    assert (mirrored[0] == mirrored[2]).all()
    assert 0 < mirrored[0].sum() < 30


def test_almost_no_augmentation_only_mirrors() -> None:
    drawn, places = draw_augmentation(6, 0, 0, 1e-6, 0.0), np.arange(6)
    images = torch.from_numpy(X[:6]).float().permute(0, 3, 1, 2)
    flipped = drawn.matrices[:, 0, 0] < 0
    expected = torch.where(flipped[:, None, None, None], images.flip(3), images)
    torch.testing.assert_close(augmented(images, drawn, places, 1e-6), expected, rtol=1e-3, atol=0.1)


def test_images_are_shifted_and_partly_blanked() -> None:
    drawn = draw_augmentation(200, 0, 0, 1.0, 0.0)
    found = augmented(torch.ones(200, 3, 32, 32), drawn, np.arange(200), 1.0)
    assert ((found == 0).float().mean((1, 2, 3)) <= 64 / 1024 + 1e-6).all()
    assert 0.03 < (found == 0).float().mean() < 64 / 1024
    assert drawn.matrices[:, :, 2].abs().max() <= 0.25  # an eighth of a side, which is 2 long
    assert drawn.matrices[:, :, 2].abs().max() > 0.2


def test_mixing_keeps_the_sum_of_targets() -> None:
    shares = torch.tensor([0.6, 0.9, 1.0])
    images, targets = mixed(torch.eye(3)[:, :, None, None], torch.eye(3), shares)
    torch.testing.assert_close(targets, torch.tensor([[0.6, 0, 0.4], [0, 1, 0], [0, 0, 1]]))
    torch.testing.assert_close(images[:, :, 0, 0], targets)
