"""A convolutional network for small pictures: whitened patches, three blocks of convolutions, one linear layer."""

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

SMALLEST = 8
"""Pixels that a side of a picture must have at least."""
USUAL_SIDE = 32  # pixels of a side for which the first layer looks at every position
COMPONENTS = 12  # principal components of the patches for each step of the first layer
WHITENING_PICTURES = 500
WHITENING_FLOOR = 5e-4  # variance added to each component, so that noise is not blown up


@dataclass(frozen=True)
class Architecture:
    """Everything that fixes the shapes of a network's weights."""

    height: int
    width: int
    """Pixels of a picture."""
    classes: int
    channels: int
    """Of the first block; the second has twice, the third four times as many."""
    depth: int
    """Convolutions of a block, at least 2; from the third on they are added to the block's first result."""

    @property
    def stride(self) -> int:
        """Step of the first layer in pixels: 1 up to pictures of 47 pixels, then more."""
        return max(1, round(min(self.height, self.width) / USUAL_SIDE))

    @property
    def kernel(self) -> int:
        """Side in pixels of the patches that are whitened."""
        return 2 * self.stride

    @property
    def components(self) -> int:
        """Principal components of the patches that are kept."""
        return min(COMPONENTS * self.stride, 3 * self.kernel**2)


class Whitening(nn.Module):
    """Projects patches on their principal components, scaled to unit variance, each with both signs.

    The weights are found from training patches and not trained; the biases are.
    """

    weight: Tensor

    def __init__(self, architecture: Architecture) -> None:
        super().__init__()
        self.stride, self.outputs = architecture.stride, 2 * architecture.components
        shape = (self.outputs, 3, architecture.kernel, architecture.kernel)
        self.register_buffer("weight", torch.zeros(shape))
        self.bias = nn.Parameter(torch.zeros(self.outputs))

    def forward(self, x: Tensor) -> Tensor:
        return functional.conv2d(x, self.weight, self.bias, stride=self.stride)


class Block(nn.Module):
    """Convolutions of 3 x 3 with batch normalisation, the first of them followed by a pooling of 2 x 2."""

    def __init__(self, inputs: int, outputs: int, depth: int) -> None:
        super().__init__()
        widths = [inputs] + [outputs] * depth
        self.convolutions = nn.ModuleList(
            nn.Conv2d(a, b, 3, padding=1, bias=False) for a, b in pairwise(widths)
        )
        # with momentum 1 the buffers hold the statistics of the last batch, which the training averages itself
        self.norms = nn.ModuleList(nn.BatchNorm2d(outputs, momentum=1.0) for _ in range(depth))

    def forward(self, x: Tensor) -> Tensor:
        x = self.convolutions[0](x)
        if min(x.shape[2:]) > 1:
            x = functional.max_pool2d(x, 2)
        x = first = functional.silu(self.norms[0](x))
        for number, (convolution, norm) in enumerate(
            zip(self.convolutions[1:], self.norms[1:], strict=True), 1
        ):
            x = norm(convolution(x))
            x = functional.silu(x + first if number == len(self.norms) - 1 > 1 else x)
        return x


class ConvNet(nn.Module):
    """The network: class scores (logits) of normalised pictures of shape (n, 3, height, width).

    References
    ----------
    Jordan, "94% on CIFAR-10 in 3.29 seconds on a single GPU" (2024), section 3; Page, "How to train your
    ResNet" (2018).
    """

    mean: Tensor
    deviation: Tensor

    def __init__(self, architecture: Architecture) -> None:
        super().__init__()
        self.register_buffer("mean", torch.zeros(3))
        self.register_buffer("deviation", torch.ones(3))
        self.whitening = Whitening(architecture)
        widths = [architecture.channels * factor for factor in (1, 2, 4)]
        inputs = [self.whitening.outputs, *widths]
        self.blocks = nn.ModuleList(
            Block(a, b, architecture.depth) for a, b in zip(inputs, widths, strict=False)
        )
        self.head = nn.Linear(widths[-1], architecture.classes)
        # of the class scores: at the usual learning rates the last layer would overshoot at the start
        self.scale = 2 * widths[-1] ** -0.5

    def normalised(self, pixels: Tensor) -> Tensor:
        """Pictures as the network takes them; `pixels` has dtype uint8 and shape (n, height, width, 3)."""
        return ((pixels.float() / 255 - self.mean) / self.deviation).permute(0, 3, 1, 2)

    def forward(self, x: Tensor) -> Tensor:
        x = functional.silu(self.whitening(x))
        for block in self.blocks:
            x = block(x)
        scores: Tensor = self.scale * self.head(functional.adaptive_max_pool2d(x, 1).flatten(1))
        return scores


def empty(architecture: Architecture) -> ConvNet:
    """A network whose weights are to be filled in; takes no random number."""
    with torch.device("meta"):
        network = ConvNet(architecture)
    # `to_empty` would do, but has a process import a third of a second of PyTorch
    room = {name: torch.empty(t.shape, dtype=t.dtype) for name, t in network.state_dict().items()}
    network.load_state_dict(room, assign=True)
    return network.to(memory_format=torch.channels_last)  # type: ignore[call-overload, no-any-return]


def loaded(architecture: Architecture, weights: Mapping[str, NDArray[Any]]) -> ConvNet:
    """A network with the weights and statistics of a training, ready to predict.

    Raises
    ------
    ValueError
        If they are not those of such a network.
    """
    network = empty(architecture)
    expected = {name for name in network.state_dict() if not name.endswith("num_batches_tracked")}
    if set(weights) != expected:
        raise ValueError(f"weights {', '.join(sorted(set(weights) ^ expected))} are missing or too many")
    network.load_state_dict({name: torch.from_numpy(array) for name, array in weights.items()}, strict=False)
    return network.eval()


def initialised(architecture: Architecture, pictures: NDArray[np.uint8], seed: int) -> ConvNet:
    """A network ready to be trained, with random weights of the seed alone (He et al. 2015).

    Parameters
    ----------
    pictures : ndarray of shape (n, height, width, 3), uint8
        Training pictures: normalisation and whitening are found from some of them.
    """
    network, random = empty(architecture), torch.Generator().manual_seed(seed)
    for module in network.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.reset_parameters()
        elif isinstance(module, nn.Conv2d):
            nn.init.kaiming_normal_(module.weight, nonlinearity="relu", generator=random)
        elif isinstance(module, nn.Linear):
            nn.init.normal_(module.weight, std=module.in_features**-0.5, generator=random)
            nn.init.zeros_(module.bias)
    sample = pictures[:: -(-len(pictures) // WHITENING_PICTURES)] / 255.0
    mean, deviation = sample.mean((0, 1, 2)), np.maximum(sample.std((0, 1, 2)), 1 / 255)
    network.mean.copy_(torch.from_numpy(mean))
    network.deviation.copy_(torch.from_numpy(deviation))
    network.whitening.weight.copy_(_whitening((sample - mean) / deviation, architecture))
    nn.init.zeros_(network.whitening.bias)
    return network


def _whitening(pictures: NDArray[Any], architecture: Architecture) -> Tensor:
    """Weights of the first layer, shape (2 * components, 3, kernel, kernel)."""
    kernel, step = architecture.kernel, architecture.stride
    windows = np.lib.stride_tricks.sliding_window_view(pictures, (kernel, kernel), axis=(1, 2))
    patches = windows[:, ::step, ::step].reshape(-1, 3 * kernel**2)
    variances, directions = np.linalg.eigh(patches.T @ patches / len(patches))
    kept = slice(-architecture.components, None)
    weights = (directions / np.sqrt(np.maximum(variances, 0) + WHITENING_FLOOR)).T[kept]
    return torch.from_numpy(np.concatenate([weights, -weights]).reshape(-1, 3, kernel, kernel))
