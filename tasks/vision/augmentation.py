"""Random transformations of training images, which depend on the seed and the epoch alone."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

# largest changes at strength 1
SHIFT = 0.125  # share of a side
SCALE = 0.15  # logarithm of the factor
ANGLE = np.pi / 18  # radians
CUTOUT = 0.25  # share of a side
BRIGHTNESS = 0.2  # factor and offset


@dataclass(frozen=True)
class EpochAugmentation:
    """The order of the images in one epoch, and the random transformation of the image at each position."""

    order: NDArray[np.int64]
    """Row number of the image at each position, shape (n,)."""
    matrices: Tensor
    """Affine maps from coordinates in the new image to coordinates in the old one, both from -1 to 1; (n, 2, 3)."""
    cutout_centers: Tensor
    """Center of the square that is blanked, as shares of width and height, shape (n, 2)."""
    brightness: Tensor
    """Factor and offset of the pixels, shape (n, 2)."""
    mixup_shares: Tensor
    """Share that an image keeps when it is mixed with another one, shape (n,)."""


def draw_augmentation(n: int, seed: int, epoch: int, strength: float, mixup: float) -> EpochAugmentation:
    """Draw the order of the images and their transformations for one epoch.

    An image is mirrored in every second epoch, beginning with the first or the second one at random (alternating
    flip), so that both sides are seen equally often.

    Parameters
    ----------
    n : int
        Number of images.
    seed : int
        Seed of the training.
    epoch : int
        Number of the epoch, counted from 0.
    strength : float
        Strength of the transformations. 0: only the order is random. 1: shifts of up to an eighth of a side, 15 %
        of scale, 10 degrees of rotation, a blank square of a quarter of a side, 20 % of brightness and contrast.
        Other values in proportion.
    mixup : float
        Parameter of the symmetric beta distribution of the mixup shares; 0: images are not mixed.
    """
    random = np.random.default_rng([seed, epoch + 1])
    order = random.permutation(n)
    uniform = random.uniform(-strength, strength, (6, n))
    shares = random.beta(mixup, mixup, n) if mixup > 0 else np.ones(n)
    mirrored = (np.random.default_rng([seed, 0]).integers(0, 2, n)[order] + epoch) % 2
    signs = 1 - 2 * mirrored if strength > 0 else np.ones(n)
    return EpochAugmentation(
        order,
        _tensor(_affine_matrices(signs, *uniform[:4])),
        _tensor(random.uniform(0, 1, (n, 2))),
        _tensor(np.stack([1 + BRIGHTNESS * uniform[4], BRIGHTNESS * uniform[5]], axis=1)),
        _tensor(np.maximum(shares, 1 - shares)),
    )


def augmented(
    images: Tensor, augmentation: EpochAugmentation, positions: NDArray[np.int64], strength: float
) -> Tensor:
    """Transform images as it was drawn for their positions in the epoch.

    Parameters
    ----------
    images : Tensor of shape (n, 3, height, width)
        Normalised images.
    augmentation : EpochAugmentation
        Transformations of the epoch.
    positions : ndarray of shape (n,), int64
        Position of each image in the epoch.
    strength : float
        Strength that the augmentation was drawn with.
    """
    if strength == 0:
        return images
    index = torch.from_numpy(positions)
    matrices, centers, brightness = (
        tensor[index].to(images.device)
        for tensor in (augmentation.matrices, augmentation.cutout_centers, augmentation.brightness)
    )
    shape = list(images.shape)
    grid = functional.affine_grid(matrices, shape, align_corners=False)
    moved = functional.grid_sample(images, grid, padding_mode="reflection", align_corners=False)
    lit = moved * brightness[:, :1, None, None] + brightness[:, 1:, None, None]
    return lit * ~_cutout_mask(centers, min(CUTOUT * strength, 0.5), *shape[2:])


def mixed(images: Tensor, targets: Tensor, shares: Tensor) -> tuple[Tensor, Tensor]:
    """Mix each image and its target with those at the opposite position of the group (mixup).

    Parameters
    ----------
    images : Tensor of shape (n, 3, height, width)
        Images of one group.
    targets : Tensor of shape (n, n_classes)
        One-hot targets of the images.
    shares : Tensor of shape (n,)
        Share that each image keeps.
    """
    target_shares, image_shares = shares[:, None], shares[:, None, None, None]
    return (
        images * image_shares + images.flip(0) * (1 - image_shares),
        targets * target_shares + targets.flip(0) * (1 - target_shares),
    )


def _cutout_mask(centers: Tensor, side: float, height: int, width: int) -> Tensor:
    """Pixels that the blank square of each image covers, shape (n, 1, height, width)."""

    def covered(center: Tensor, pixels: int, reach: float) -> Tensor:
        coordinates = (torch.arange(pixels, device=center.device) + 0.5) / pixels
        return (coordinates - center[:, None]).abs() < reach

    half = min(height, width) * side / 2
    rows, columns = covered(centers[:, 0], height, half / height), covered(centers[:, 1], width, half / width)
    return (rows[:, :, None] & columns[:, None, :])[:, None]


def _affine_matrices(signs: NDArray[Any], across: Any, down: Any, scale: Any, angle: Any) -> NDArray[Any]:
    size, turn = np.exp(SCALE * scale), ANGLE * angle
    cos, sin = size * np.cos(turn), size * np.sin(turn)
    rows = [
        np.stack([signs * cos, -sin, 2 * SHIFT * across], axis=1),
        np.stack([signs * sin, cos, 2 * SHIFT * down], axis=1),
    ]
    return np.stack(rows, axis=1)


def _tensor(values: NDArray[Any]) -> Tensor:
    return torch.from_numpy(values.astype(np.float32))
