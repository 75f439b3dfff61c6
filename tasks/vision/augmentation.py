"""Random changes of training pictures, as functions of the seed and the epoch alone."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

SHIFT = 0.125  # of a side, at strength 1
SCALE = 0.15
ANGLE = np.pi / 18
HOLE = 0.25
GAIN = 0.2
MIXING = 0.2


@dataclass(frozen=True)
class Draw:
    """The order of an epoch's pictures, and what happens to the picture at each place of it."""

    rows: NDArray[np.int64]
    """Shape (n,): numbers of the pictures."""
    matrices: Tensor
    """Shape (n, 2, 3): from places in the changed picture to places in the original, both from -1 to 1."""
    holes: Tensor
    """Shape (n, 2): middles of the squares that are blanked, from 0 to 1."""
    gains: Tensor
    """Shape (n, 2): factor and offset of brightness."""
    shares: Tensor
    """Shape (n,): share of a picture that is its own when pictures are mixed."""


def draw(n: int, seed: int, epoch: int, strength: float, mixup: float) -> Draw:
    """Random numbers of one epoch.

    A picture is mirrored in every other epoch, its first time by chance (alternating flip), so that each
    side is seen equally often.

    Parameters
    ----------
    n : int
        Pictures.
    strength : float
        0: nothing but the order is random; 1: shifts of up to an eighth of a side, 15 % of scale, 10 degrees,
        a blank square of a quarter of a side, 20 % of brightness and contrast; others in proportion.
    mixup : float
        Parameter of the symmetric beta distribution of the shares; 0: pictures are not mixed.
    """
    random = np.random.default_rng([seed, epoch + 1])
    rows = random.permutation(n)
    even = random.uniform(-strength, strength, (6, n))
    own = random.beta(mixup, mixup, n) if mixup > 0 else np.ones(n)
    mirrored = (np.random.default_rng([seed, 0]).integers(0, 2, n)[rows] + epoch) % 2
    signs = 1 - 2 * mirrored if strength > 0 else np.ones(n)
    return Draw(
        rows,
        _tensor(_matrices(signs, *even[:4])),
        _tensor(random.uniform(0, 1, (n, 2))),
        _tensor(np.stack([1 + GAIN * even[4], GAIN * even[5]], axis=1)),
        _tensor(np.maximum(own, 1 - own)),
    )


def changed(pictures: Tensor, drawn: Draw, places: NDArray[np.int64], strength: float) -> Tensor:
    """Normalised pictures of shape (n, 3, height, width), changed as was drawn for their places."""
    if strength == 0:
        return pictures
    index = torch.from_numpy(places)
    matrices, holes, gains = (
        t[index].to(pictures.device) for t in (drawn.matrices, drawn.holes, drawn.gains)
    )
    shape = list(pictures.shape)
    grid = functional.affine_grid(matrices, shape, align_corners=False)
    moved = functional.grid_sample(pictures, grid, padding_mode="reflection", align_corners=False)
    lit = moved * gains[:, :1, None, None] + gains[:, 1:, None, None]
    return lit * ~_blank(holes, min(HOLE * strength, 0.5), *shape[2:])


def mixed(pictures: Tensor, targets: Tensor, shares: Tensor) -> tuple[Tensor, Tensor]:
    """Pictures and one-hot targets, each mixed with those at the opposite place of the group (mixup)."""
    of_target, of_picture = shares[:, None], shares[:, None, None, None]
    return (
        pictures * of_picture + pictures.flip(0) * (1 - of_picture),
        targets * of_target + targets.flip(0) * (1 - of_target),
    )


def _blank(middles: Tensor, side: float, height: int, width: int) -> Tensor:
    """Where a square lies over pictures; shape (n, 1, height, width)."""

    def near(middle: Tensor, pixels: int, reach: float) -> Tensor:
        places = (torch.arange(pixels, device=middle.device) + 0.5) / pixels
        return (places - middle[:, None]).abs() < reach

    square = min(height, width) * side / 2
    tall, wide = near(middles[:, 0], height, square / height), near(middles[:, 1], width, square / width)
    return (tall[:, :, None] & wide[:, None, :])[:, None]


def _matrices(signs: NDArray[Any], across: Any, down: Any, scale: Any, angle: Any) -> NDArray[Any]:
    size, turn = np.exp(SCALE * scale), ANGLE * angle
    cos, sin = size * np.cos(turn), size * np.sin(turn)
    rows = [
        np.stack([signs * cos, -sin, 2 * SHIFT * across], axis=1),
        np.stack([signs * sin, cos, 2 * SHIFT * down], axis=1),
    ]
    return np.stack(rows, axis=1)


def _tensor(values: NDArray[Any]) -> Tensor:
    return torch.from_numpy(values.astype(np.float32))
