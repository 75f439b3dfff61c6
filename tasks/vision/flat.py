"""A network whose tensors are views of two vectors: a step of the optimizer, or a sum over ranks, is one call."""

from collections.abc import Iterator

import torch
from torch import Tensor, nn

from tasks.vision.network import ConvNet

METRICS = 2
"""Number of sums of a step that are not gradients or statistics: loss and correct predictions."""


class FlatNetwork:
    """A network whose parameters and batch statistics are views of one vector, `values`.

    A second vector, `sums`, has the same layout. It collects gradients and batch statistics over the groups of a
    batch, followed by `metrics` (sum of losses and number of correct predictions). The ranks of a training sum it.

    Parameters
    ----------
    network : ConvNet
        The network; its tensors are replaced by views.

    Attributes
    ----------
    values : Tensor of shape (n,), float32
        Parameters with weight decay (matrices and filters), other parameters, batch statistics.
    sums : Tensor of shape (n + 2,), float32
        Gradients, batch statistics and metrics of a batch.
    metrics : Tensor of shape (2,), float32
        Sum of losses and number of correct predictions of a batch; the end of `sums`.
    trained : dict of str to Tensor
        The parameters with weight decay as "decaying" and the other parameters as "others"; views of `values`.
    gradients : dict of str to Tensor
        The gradients of `trained`; views of `sums`.
    """

    def __init__(self, network: ConvNet) -> None:
        self.network = network
        parameters = list(network.parameters())
        decaying = [p for p in parameters if p.ndim > 1]
        others = [p for p in parameters if p.ndim == 1]
        statistics = list(_batch_statistics(network))
        counts = [sum(t.numel() for t in part) for part in (decaying, others, statistics)]
        device = parameters[0].device
        self.values = torch.empty(sum(counts), device=device)
        self.sums = torch.zeros(sum(counts) + METRICS, device=device)
        a, b = counts[0], counts[0] + counts[1]
        self._statistics, self.metrics = self.sums[b:-METRICS], self.sums[-METRICS:]
        for tensor, value, total in self._views([*decaying, *others, *statistics]):
            value.copy_(tensor.data)
            tensor.data = value
            if isinstance(tensor, nn.Parameter):
                tensor.grad = total
        self.trained = {"decaying": self.values[:a], "others": self.values[a:b]}
        self.gradients = {"decaying": self.sums[:a], "others": self.sums[a:b]}
        self._last_statistics = self.values[b:]

    def _views(self, tensors: list[Tensor]) -> Iterator[tuple[Tensor, Tensor, Tensor]]:
        """Yield each tensor with its view of `values` and its view of `sums`."""
        start = 0
        for tensor in tensors:
            stop = start + tensor.numel()
            yield tensor, _view(self.values[start:stop], tensor), _view(self.sums[start:stop], tensor)
            start = stop

    def add_statistics(self) -> None:
        """Add the batch statistics of the last group that the network has seen."""
        self._statistics.add_(self._last_statistics)

    def average_statistics(self, groups: int) -> None:
        """Set the batch statistics to their mean over all groups of a batch."""
        torch.div(self._statistics, groups, out=self._last_statistics)


def fixed_tensors(network: ConvNet) -> dict[str, Tensor]:
    """Tensors that a training does not change: those of normalisation and whitening."""
    return {
        "mean": network.mean,
        "deviation": network.deviation,
        "whitening.weight": network.whitening.weight,
    }


def _batch_statistics(network: ConvNet) -> Iterator[Tensor]:
    for name, buffer in network.named_buffers():
        if name.endswith(("running_mean", "running_var")):
            yield buffer


def _view(part: Tensor, tensor: Tensor) -> Tensor:
    """View a part of a vector in the shape of a tensor; filters lie in channels-last order."""
    if tensor.ndim < 4:
        return part.view(tensor.shape)
    outputs, inputs, height, width = tensor.shape
    return part.view(outputs, height, width, inputs).permute(0, 3, 1, 2)
