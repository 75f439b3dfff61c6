"""A convolutional network for small images: whitened patches, three blocks of convolutions, one linear layer."""

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from infra.arithmetic import ceil_div

MIN_SIDE = 8
"""Number of pixels that the shorter side of an image must have."""
USUAL_SIDE = 32
"""Number of pixels of a side at which the first layer has a stride of 1."""
COMPONENTS = 12
"""Number of principal components of the patches, for each pixel of the first layer's stride."""
WHITENING_IMAGES = 500
"""Number of training images from which the whitening is computed."""
WHITENING_FLOOR = 5e-4
"""Variance that is added to each component, so that noise is not amplified."""


@dataclass(frozen=True)
class Architecture:
    """All that determines the shapes of a network's weights.

    Parameters
    ----------
    height : int
        Height of the images, in pixels.
    width : int
        Width of the images, in pixels.
    classes : int
        Number of classes.
    channels : int
        Number of channels of the first block; the second block has twice, the third four times as many.
    depth : int
        Number of convolutions of a block, at least 2. If there are more than 2, the output of the first one is
        added to that of the last one (a residual connection).
    """

    height: int
    width: int
    classes: int
    channels: int
    depth: int

    @property
    def stride(self) -> int:
        """Stride of the first layer, in pixels; 1 for images of up to 47 pixels."""
        return max(1, round(min(self.height, self.width) / USUAL_SIDE))

    @property
    def kernel(self) -> int:
        """Side of the patches that are whitened, in pixels."""
        return 2 * self.stride

    @property
    def components(self) -> int:
        """Number of principal components of the patches that are kept."""
        return min(COMPONENTS * self.stride, 3 * self.kernel**2)


class Whitening(nn.Module):
    """A convolution onto the principal components of patches, scaled to unit variance, each with both signs.

    The weights are computed from training patches and stay fixed; the biases are trained.
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


class ConvBlock(nn.Module):
    """Convolutions of 3 x 3 pixels with batch normalisation; the first is followed by max pooling of 2 x 2 pixels.

    Parameters
    ----------
    inputs : int
        Number of input channels.
    outputs : int
        Number of output channels.
    depth : int
        Number of convolutions.
    """

    def __init__(self, inputs: int, outputs: int, depth: int) -> None:
        super().__init__()
        widths = [inputs] + [outputs] * depth
        self.convolutions = nn.ModuleList(
            nn.Conv2d(a, b, 3, padding=1, bias=False) for a, b in pairwise(widths)
        )
        # with momentum 1 the buffers hold the statistics of the last batch; the training averages them
        self.norms = nn.ModuleList(nn.BatchNorm2d(outputs, momentum=1.0) for _ in range(depth))

    def forward(self, x: Tensor) -> Tensor:
        x = self.convolutions[0](x)
        if min(x.shape[2:]) > 1:
            x = functional.max_pool2d(x, 2)
        x = first = functional.silu(self.norms[0](x))
        last = len(self.norms) - 1
        for number in range(1, last + 1):
            x = self.norms[number](self.convolutions[number](x))
            is_residual = number == last and last > 1
            x = functional.silu(x + first if is_residual else x)
        return x


class ConvNet(nn.Module):
    """The network, which computes class scores (logits) of normalised images of shape (n, 3, height, width).

    Parameters
    ----------
    architecture : Architecture
        Shapes of the weights.

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
            ConvBlock(a, b, architecture.depth) for a, b in zip(inputs, widths, strict=False)
        )
        self.head = nn.Linear(widths[-1], architecture.classes)
        # factor of the class scores, without which the last layer overshoots at usual learning rates
        self.scale = 2 * widths[-1] ** -0.5

    def normalised(self, pixels: Tensor) -> Tensor:
        """Normalise pixels of dtype uint8 and shape (n, height, width, 3) to the input of the network."""
        return ((pixels.float() / 255 - self.mean) / self.deviation).permute(0, 3, 1, 2)

    def forward(self, x: Tensor) -> Tensor:
        x = functional.silu(self.whitening(x))
        for block in self.blocks:
            x = block(x)
        scores: Tensor = self.scale * self.head(functional.adaptive_max_pool2d(x, 1).flatten(1))
        return scores


def empty_network(architecture: Architecture) -> ConvNet:
    """Make a network without values of its weights; no random number is drawn."""
    with torch.device("meta"):
        network = ConvNet(architecture)
    # `to_empty` would do the same, but imports a part of PyTorch that takes a third of a second
    tensors = {name: torch.empty(t.shape, dtype=t.dtype) for name, t in network.state_dict().items()}
    network.load_state_dict(tensors, assign=True)
    return network.to(memory_format=torch.channels_last)  # type: ignore[no-any-return]


def trained_network(architecture: Architecture, weights: Mapping[str, NDArray[Any]]) -> ConvNet:
    """Make a network with the weights and statistics of a training, ready to predict.

    Raises
    ------
    ValueError
        If the weights are not those of such a network.
    """
    network = empty_network(architecture)
    expected = {name for name in network.state_dict() if not name.endswith("num_batches_tracked")}
    if set(weights) != expected:
        raise ValueError(f"weights {', '.join(sorted(set(weights) ^ expected))} are missing or too many")
    network.load_state_dict({name: torch.from_numpy(array) for name, array in weights.items()}, strict=False)
    network.eval()
    return network


def initialised_network(architecture: Architecture, images: NDArray[np.uint8], seed: int) -> ConvNet:
    """Make a network ready to be trained, with random weights (He et al. 2015).

    Parameters
    ----------
    architecture : Architecture
        Shapes of the weights.
    images : ndarray of shape (n, height, width, 3), uint8
        Training images; normalisation and whitening are computed from some of them.
    seed : int
        Seed of the random weights.
    """
    network, random = empty_network(architecture), torch.Generator().manual_seed(seed)
    for module in network.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.reset_parameters()
        elif isinstance(module, nn.Conv2d):
            nn.init.kaiming_normal_(module.weight, nonlinearity="relu", generator=random)
        elif isinstance(module, nn.Linear):
            nn.init.normal_(module.weight, std=module.in_features**-0.5, generator=random)
            nn.init.zeros_(module.bias)
    sample = images[:: ceil_div(len(images), WHITENING_IMAGES)] / 255.0
    mean, deviation = sample.mean((0, 1, 2)), np.maximum(sample.std((0, 1, 2)), 1 / 255)
    network.mean.copy_(torch.from_numpy(mean))
    network.deviation.copy_(torch.from_numpy(deviation))
    network.whitening.weight.copy_(_whitening((sample - mean) / deviation, architecture))
    nn.init.zeros_(network.whitening.bias)
    return network


def _whitening(images: NDArray[Any], architecture: Architecture) -> Tensor:
    """Weights of the first layer, shape (2 * components, 3, kernel, kernel)."""
    kernel, stride = architecture.kernel, architecture.stride
    windows = np.lib.stride_tricks.sliding_window_view(images, (kernel, kernel), axis=(1, 2))
    patches = windows[:, ::stride, ::stride].reshape(-1, 3 * kernel**2)
    variances, directions = np.linalg.eigh(patches.T @ patches / len(patches))
    kept = slice(-architecture.components, None)
    weights = (directions / np.sqrt(np.maximum(variances, 0) + WHITENING_FLOOR)).T[kept]
    return torch.from_numpy(np.concatenate([weights, -weights]).reshape(-1, 3, kernel, kernel))
