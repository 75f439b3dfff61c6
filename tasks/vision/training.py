"""The training loop: epochs of batches, each batch cut into groups, and callbacks after each epoch."""

import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional
from torch.optim.sgd import sgd

from tasks.vision.augmentation import EpochAugmentation, augmented, draw_augmentation, mixed
from tasks.vision.flat import FlatNetwork, fixed_tensors
from tasks.vision.network import ConvNet

MOMENTUM = 0.9
WARM_UP = 0.2
"""Share of the steps in which the learning rate rises."""


class Callback(Protocol):
    """An object that is called after each epoch."""

    def on_epoch(self, epoch: int, metrics: Mapping[str, float]) -> None:
        """Receive the number of the epoch, counted from 1, and what was measured in it."""


class Ranks(Protocol):
    """The ranks that share a training, seen from one of them."""

    @property
    def rank(self) -> int:
        """Number of this rank, counted from 0."""

    @property
    def size(self) -> int:
        """Number of ranks."""

    def all_reduce(self, sums: Tensor) -> None:
        """Replace a vector by its sum over all ranks."""


class SingleRank:
    """A training that is not shared."""

    rank, size = 0, 1

    def all_reduce(self, sums: Tensor) -> None:
        """Leave the vector as it is."""


@dataclass(frozen=True)
class TrainingParameters:
    """Hyperparameters of a training, with the names and meanings that they have in `ConvNetClassifier`."""

    epochs: int
    """Number of epochs of the whole schedule."""
    learning_rate: float
    """Largest learning rate of the schedule."""
    weight_decay: float
    batch_size: int
    batch_groups: int
    """Number of groups of a batch, each with its own batch statistics."""
    label_smoothing: float
    augmentation: float
    mixup: float
    ema_decay: float
    seed: int
    """Seed of weights, order and augmentation."""
    precision: str
    """Precision of convolutions and matrix products: "float32" or "bfloat16"."""


@dataclass
class TrainingState:
    """All that is needed to resume a training after a whole epoch."""

    epoch: int
    """Number of epochs that are done."""
    tensors: dict[str, Tensor]
    """Weights, their moving average, momentum and fixed tensors, by name."""
    history: list[dict[str, float]]
    """Measurements of each epoch."""


class Trainer:
    """A training by SGD with Nesterov momentum and a learning rate that rises and falls linearly.

    A batch is cut into a fixed number of groups. Each group is normalised by its own statistics (ghost batches:
    Hoffer, Hubara and Soudry, "Train longer, generalize better", 2017), and the gradients of all groups are summed.
    The groups are distributed over the ranks. Order and augmentation of the images are functions of seed and epoch.
    So the result of a training does not depend on the number of ranks, except for the rounding of sums.

    Predictions are made with the moving average of weights and batch statistics.

    Parameters
    ----------
    network : ConvNet
        Network on the device where it is trained.
    images : ndarray of shape (n, height, width, 3), uint8
        Training images; may be memory-mapped.
    codes : ndarray of shape (n,), int64
        Class of each image, counted from 0.
    parameters : TrainingParameters
        Hyperparameters of the training.
    ranks : Ranks
        Ranks that share the training.
    """

    def __init__(
        self,
        network: ConvNet,
        images: NDArray[np.uint8],
        codes: NDArray[np.int64],
        parameters: TrainingParameters,
        ranks: Ranks,
    ) -> None:
        self.parameters, self.ranks = parameters, ranks
        self.network, self.flat = network, FlatNetwork(network)
        self.averaged = self.flat.values.clone()
        self.device = self.flat.values.device
        self.images, self.codes = images, torch.from_numpy(codes).to(self.device)
        self.images_on_gpu = None if self.device.type == "cpu" else torch.tensor(images).to(self.device)
        self.batch_size = min(parameters.batch_size, len(codes))
        self.groups = max(1, min(parameters.batch_groups, self.batch_size // 2))
        self.steps = len(codes) // self.batch_size
        self.epoch = 0
        self.history: list[dict[str, float]] = []
        self.velocity = {name: torch.zeros_like(weights) for name, weights in self.flat.trained.items()}

    def train(self, until: int, callbacks: Sequence[Callback] = ()) -> None:
        """Train until the end of epoch `until` of the schedule, and call the callbacks after each epoch."""
        self.network.train()
        while self.epoch < until:
            start = time.perf_counter()
            metrics = self._epoch()
            seconds = time.perf_counter() - start
            metrics |= {"seconds": seconds, "images_per_second": self.steps * self.batch_size / seconds}
            self.epoch += 1
            self.history.append(metrics)
            for callback in callbacks:
                callback.on_epoch(self.epoch, metrics)

    def _epoch(self) -> dict[str, float]:
        parameters = self.parameters
        augmentation = draw_augmentation(
            len(self.codes), parameters.seed, self.epoch, parameters.augmentation, parameters.mixup
        )
        totals = torch.zeros_like(self.flat.metrics)
        for number in range(self.steps):
            done = self.epoch * self.steps + number
            rate = learning_rate(done, parameters.epochs * self.steps, parameters.learning_rate)
            self._step(augmentation, number * self.batch_size, rate)
            totals += self.flat.metrics
            self._update_average(done)
        loss, accuracy = (totals / (self.steps * self.batch_size)).tolist()
        return {"loss": loss, "accuracy": accuracy, "learning_rate": rate}

    def _step(self, augmentation: EpochAugmentation, start: int, rate: float) -> None:
        self.flat.sums.zero_()
        groups = np.array_split(np.arange(start, start + self.batch_size), self.groups)
        for positions in groups[self.ranks.rank :: self.ranks.size]:
            self._add_group(augmentation, positions)
        self.ranks.all_reduce(self.flat.sums)
        self._descend(rate)
        self.flat.average_statistics(self.groups)

    def _descend(self, rate: float) -> None:
        # this is the function of torch.optim.SGD; that class imports PyTorch's compiler, which takes a second
        for name, weights in self.flat.trained.items():
            sgd(
                [weights],
                [self.flat.gradients[name]],
                [self.velocity[name]],
                weight_decay=self.parameters.weight_decay if name == "decaying" else 0.0,
                momentum=MOMENTUM,
                lr=rate,
                dampening=0.0,
                nesterov=True,
                maximize=False,
            )

    def _add_group(self, augmentation: EpochAugmentation, positions: NDArray[np.int64]) -> None:
        """Add gradients, batch statistics and metrics of one group to the sums of the batch."""
        parameters, rows = self.parameters, augmentation.order[positions]
        images = augmented(self._normalised(rows), augmentation, positions, parameters.augmentation)
        codes = self.codes[torch.from_numpy(rows).to(self.device)]
        targets = functional.one_hot(codes, self.network.head.out_features).float()
        if parameters.mixup > 0:
            shares = augmentation.mixup_shares[torch.from_numpy(positions)].to(self.device)
            images, targets = mixed(images, targets, shares)
        images = images.contiguous(memory_format=torch.channels_last)
        with autocast(self.device, parameters.precision):
            scores = self.network(images)
        loss = functional.cross_entropy(
            scores.float(), targets, reduction="sum", label_smoothing=parameters.label_smoothing
        )
        torch.autograd.backward(loss / self.batch_size)
        self.flat.add_statistics()
        correct = (scores.argmax(1) == codes).sum()
        self.flat.metrics.add_(torch.stack([loss.detach(), correct.float()]))

    def _normalised(self, rows: NDArray[np.int64]) -> Tensor:
        if self.images_on_gpu is not None:
            return self.network.normalised(self.images_on_gpu[torch.from_numpy(rows).to(self.device)])
        return self.network.normalised(torch.from_numpy(self.images[rows]))

    def _update_average(self, done: int) -> None:
        # a smaller decay in the first steps keeps the initial weights out of the average
        decay = min(self.parameters.ema_decay, (1 + done) / (10 + done))
        self.averaged.lerp_(self.flat.values, 1 - decay)

    def state(self) -> TrainingState:
        """Copy the state of the training after a whole epoch."""
        tensors = {"values": self.flat.values, "averaged": self.averaged, **fixed_tensors(self.network)}
        tensors |= {f"momentum.{name}": velocity for name, velocity in self.velocity.items()}
        copied = {name: tensor.detach().cpu().contiguous().clone() for name, tensor in tensors.items()}
        return TrainingState(self.epoch, copied, list(self.history))

    def restore(self, state: TrainingState) -> None:
        """Return to a state, from which `train` continues."""
        self.epoch, self.history = state.epoch, list(state.history)
        self.flat.values.copy_(state.tensors["values"])
        self.averaged.copy_(state.tensors["averaged"])
        for name, tensor in fixed_tensors(self.network).items():
            tensor.copy_(state.tensors[name])
        for name, velocity in self.velocity.items():
            velocity.copy_(state.tensors[f"momentum.{name}"])

    def weights(self) -> dict[str, NDArray[Any]]:
        """Copy the averaged weights and batch statistics, by their names in the network."""
        current = self.flat.values.clone()
        self.flat.values.copy_(self.averaged)
        found = {
            name: tensor.detach().cpu().contiguous().numpy().copy()
            for name, tensor in self.network.state_dict().items()
            if not name.endswith("num_batches_tracked")
        }
        self.flat.values.copy_(current)
        return found


def learning_rate(step: int, steps: int, peak: float) -> float:
    """Learning rate of one step; it rises in the first fifth of all steps and then falls nearly to zero.

    Parameters
    ----------
    step : int
        Number of the step, counted from 0.
    steps : int
        Number of all steps.
    peak : float
        Largest learning rate.
    """
    progress = (step + 1) / (steps + 1)
    return peak * min(progress / WARM_UP, (1 - progress) / (1 - WARM_UP))


def autocast(device: torch.device, precision: str) -> Any:
    """Make a context in which convolutions and matrix products run in the given precision."""
    return torch.autocast(device.type, torch.bfloat16, enabled=precision == "bfloat16")


@contextmanager
def restored_torch_threads() -> Iterator[None]:
    """Restore PyTorch's number of threads at the end, for this thread and for new ones.

    PyTorch's number for new threads is the one that any thread has set last.
    """
    with torch_threads(torch.get_num_threads()):
        yield


@contextmanager
def torch_threads(count: int) -> Iterator[None]:
    """Run the tensor operations of this thread on `count` threads."""
    before = torch.get_num_threads()
    torch.set_num_threads(count)
    try:
        yield
    finally:
        torch.set_num_threads(before)
