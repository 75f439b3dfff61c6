"""A network's weights, batch statistics and gradients as vectors: one optimizer step, one sum over ranks, one file."""

from collections.abc import Iterator

import torch
from torch import Tensor, nn

from tasks.vision.network import ConvNet

EXTRAS = 2  # further sums of a step: loss and hits


class FlatNetwork:
    """A network whose parameters and batch statistics are views of one vector, `values`.

    A second vector, `sums`, collects over the groups of a batch what belongs to the same places (gradients and
    batch statistics), and beside them `extras` (loss and hits): it is what ranks add up.

    Attributes
    ----------
    values : Tensor of shape (n,), float32
        Weights that decay (matrices and filters), other parameters, batch statistics.
    sums : Tensor of shape (n + 2,), float32
    trained, gradients : dict of str to Tensor
        The first two parts of `values`, by the names "decaying" and "others", and the same parts of `sums`.
    """

    def __init__(self, network: ConvNet) -> None:
        self.network = network
        parameters = list(network.parameters())
        decaying = [p for p in parameters if p.ndim > 1]
        others = [p for p in parameters if p.ndim == 1]
        statistics = list(_statistics(network))
        counts = [sum(t.numel() for t in part) for part in (decaying, others, statistics)]
        device = parameters[0].device
        self.values = torch.empty(sum(counts), device=device)
        self.sums = torch.zeros(sum(counts) + EXTRAS, device=device)
        a, b = counts[0], counts[0] + counts[1]
        self._statistics, self.extras = self.sums[b:-EXTRAS], self.sums[-EXTRAS:]
        for tensor, value, total in self._places([*decaying, *others, *statistics]):
            value.copy_(tensor.data)
            tensor.data = value
            if isinstance(tensor, nn.Parameter):
                tensor.grad = total
        self.trained = {"decaying": self.values[:a], "others": self.values[a:b]}
        self.gradients = {"decaying": self.sums[:a], "others": self.sums[a:b]}
        self._last_statistics = self.values[b:]

    def _places(self, tensors: list[Tensor]) -> Iterator[tuple[Tensor, Tensor, Tensor]]:
        """Each tensor with its place in `values` and in `sums`, filters in channels-last order."""
        start = 0
        for tensor in tensors:
            stop = start + tensor.numel()
            yield tensor, _shaped(self.values[start:stop], tensor), _shaped(self.sums[start:stop], tensor)
            start = stop

    def add_statistics(self) -> None:
        """Add the batch statistics of the group that the network has just seen."""
        self._statistics.add_(self._last_statistics)

    def average_statistics(self, groups: int) -> None:
        """Take the mean over all groups for the batch statistics."""
        torch.div(self._statistics, groups, out=self._last_statistics)


def frozen(network: ConvNet) -> dict[str, Tensor]:
    """What is neither trained nor changes with the batches: normalisation and whitening."""
    return {
        "mean": network.mean,
        "deviation": network.deviation,
        "whitening.weight": network.whitening.weight,
    }


def _statistics(network: ConvNet) -> Iterator[Tensor]:
    for name, buffer in network.named_buffers():
        if name.endswith(("running_mean", "running_var")):
            yield buffer


def _shaped(part: Tensor, tensor: Tensor) -> Tensor:
    if tensor.ndim < 4:
        return part.view(tensor.shape)
    outputs, inputs, height, width = tensor.shape
    return part.view(outputs, height, width, inputs).permute(0, 3, 1, 2)
