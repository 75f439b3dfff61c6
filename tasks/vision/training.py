"""The training loop: epochs of batches, each batch in groups, with hooks after each epoch."""

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

from tasks.vision.augmentation import Draw, changed, draw, mixed
from tasks.vision.flat import FlatNetwork, frozen
from tasks.vision.network import ConvNet

MOMENTUM = 0.9
WARM_UP = 0.2  # share of the steps in which the learning rate rises


class Callback(Protocol):
    """What is called after each epoch."""

    def on_epoch(self, epoch: int, metrics: Mapping[str, float]) -> None:
        """Take note of epoch `epoch`, counted from 1, and of what was measured in it."""


class Ranks(Protocol):
    """The processes that share a training."""

    @property
    def rank(self) -> int: ...

    @property
    def size(self) -> int: ...

    def add_up(self, sums: Tensor) -> None:
        """Replace a vector by its sum over all ranks."""


class Alone:
    """One process."""

    rank, size = 0, 1

    def add_up(self, sums: Tensor) -> None:
        """Leave the sums of one process as they are."""


@dataclass(frozen=True)
class Recipe:
    """How a network is trained."""

    epochs: int
    """Of the whole schedule."""
    learning_rate: float
    """At its peak."""
    weight_decay: float
    batch_size: int
    batch_groups: int
    """Parts of a batch, each with batch statistics of its own."""
    label_smoothing: float
    augmentation: float
    mixup: float
    ema_decay: float
    seed: int
    precision: str
    """ "float32" or "bfloat16": of convolutions and matrix products."""


@dataclass
class State:
    """Where a training stands: enough to go on from it."""

    epoch: int
    tensors: dict[str, Tensor]
    history: list[dict[str, float]]


class Trainer:
    """Trains a network by SGD with Nesterov momentum and a learning rate that rises and falls linearly.

    A batch is cut into a fixed number of groups, each normalised by its own statistics (ghost batches: Hoffer,
    Hubara and Soudry, "Train longer, generalize better", 2017), whose gradients are summed; ranks deal the
    groups among themselves. Order and changes of pictures are functions of seed and epoch. So the course of a
    training does not depend on the number of ranks, but for the rounding of sums.

    Predictions are made with the moving average of weights and batch statistics.

    Parameters
    ----------
    network : ConvNet
        On the device to train on.
    pictures : ndarray of shape (n, height, width, 3), uint8
        May be memory-mapped.
    codes : ndarray of shape (n,), int64
        Classes from 0.
    recipe : Recipe
    ranks : Ranks
    """

    def __init__(
        self,
        network: ConvNet,
        pictures: NDArray[np.uint8],
        codes: NDArray[np.int64],
        recipe: Recipe,
        ranks: Ranks | None = None,
    ) -> None:
        self.recipe, self.ranks = recipe, ranks or Alone()
        self.network, self.flat = network, FlatNetwork(network)
        self.averaged = self.flat.values.clone()
        self.device = self.flat.values.device
        self.pictures, self.codes = pictures, torch.from_numpy(codes).to(self.device)
        self.resident = None if self.device.type == "cpu" else torch.tensor(pictures).to(self.device)
        self.batch = min(recipe.batch_size, len(codes))
        self.groups = max(1, min(recipe.batch_groups, self.batch // 2))
        self.steps = len(codes) // self.batch
        self.epoch = 0
        self.history: list[dict[str, float]] = []
        self.velocity = {name: torch.zeros_like(weights) for name, weights in self.flat.trained.items()}

    def train(self, until: int, callbacks: Sequence[Callback] = ()) -> None:
        """Train up to the end of epoch `until` of the schedule; the callbacks run on every rank they are given to."""
        self.network.train()
        while self.epoch < until:
            start = time.perf_counter()
            metrics = self._epoch()
            seconds = time.perf_counter() - start
            metrics |= {"seconds": seconds, "images_per_second": self.steps * self.batch / seconds}
            self.epoch += 1
            self.history.append(metrics)
            for callback in callbacks:
                callback.on_epoch(self.epoch, metrics)

    def _epoch(self) -> dict[str, float]:
        recipe = self.recipe
        drawn = draw(len(self.codes), recipe.seed, self.epoch, recipe.augmentation, recipe.mixup)
        totals = torch.zeros_like(self.flat.extras)
        for number in range(self.steps):
            done = self.epoch * self.steps + number
            rate = learning_rate(done, recipe.epochs * self.steps, recipe.learning_rate)
            self._step(drawn, number * self.batch, rate)
            totals += self.flat.extras
            self._average(done)
        loss, hits = (totals / (self.steps * self.batch)).tolist()
        return {"loss": loss, "accuracy": hits, "learning_rate": rate}

    def _step(self, drawn: Draw, start: int, rate: float) -> None:
        self.flat.sums.zero_()
        groups = np.array_split(np.arange(start, start + self.batch), self.groups)
        for places in groups[self.ranks.rank :: self.ranks.size]:
            self._group(drawn, places)
        self.ranks.add_up(self.flat.sums)
        self._descend(rate)
        self.flat.average_statistics(self.groups)

    def _descend(self, rate: float) -> None:
        # the function of torch.optim.SGD, whose constructor has a process import a second of PyTorch's compiler
        for name, weights in self.flat.trained.items():
            sgd(
                [weights],
                [self.flat.gradients[name]],
                [self.velocity[name]],
                weight_decay=self.recipe.weight_decay if name == "decaying" else 0.0,
                momentum=MOMENTUM,
                lr=rate,
                dampening=0.0,
                nesterov=True,
                maximize=False,
            )

    def _group(self, drawn: Draw, places: NDArray[np.int64]) -> None:
        """Add up gradients, batch statistics, loss and hits of one group."""
        recipe, rows = self.recipe, drawn.rows[places]
        pictures = changed(self._normalised(rows), drawn, places, recipe.augmentation)
        codes = self.codes[torch.from_numpy(rows).to(self.device)]
        targets = functional.one_hot(codes, self.network.head.out_features).float()
        if recipe.mixup > 0:
            pictures, targets = mixed(
                pictures, targets, drawn.shares[torch.from_numpy(places)].to(self.device)
            )
        pictures = pictures.contiguous(memory_format=torch.channels_last)
        with autocast(self.device, recipe.precision):
            scores = self.network(pictures)
        loss = functional.cross_entropy(
            scores.float(), targets, reduction="sum", label_smoothing=recipe.label_smoothing
        )
        torch.autograd.backward(loss / self.batch)
        self.flat.add_statistics()
        hits = (scores.argmax(1) == codes).sum()
        self.flat.extras.add_(torch.stack([loss.detach(), hits.float()]))

    def _normalised(self, rows: NDArray[np.int64]) -> Tensor:
        if self.resident is not None:
            return self.network.normalised(self.resident[torch.from_numpy(rows).to(self.device)])
        return self.network.normalised(torch.from_numpy(self.pictures[rows]))

    def _average(self, done: int) -> None:
        # the first steps count less, so that the start is forgotten soon
        decay = min(self.recipe.ema_decay, (1 + done) / (10 + done))
        self.averaged.lerp_(self.flat.values, 1 - decay)

    def state(self) -> State:
        """Where the training stands, after a whole epoch."""
        tensors = {"values": self.flat.values, "averaged": self.averaged, **frozen(self.network)}
        tensors |= {f"momentum.{name}": velocity for name, velocity in self.velocity.items()}
        copied = {name: tensor.detach().cpu().contiguous().clone() for name, tensor in tensors.items()}
        return State(self.epoch, copied, list(self.history))

    def restore(self, state: State) -> None:
        """Go on from a state."""
        self.epoch, self.history = state.epoch, list(state.history)
        self.flat.values.copy_(state.tensors["values"])
        self.averaged.copy_(state.tensors["averaged"])
        for name, tensor in frozen(self.network).items():
            tensor.copy_(state.tensors[name])
        for name, velocity in self.velocity.items():
            velocity.copy_(state.tensors[f"momentum.{name}"])

    def weights(self) -> dict[str, NDArray[Any]]:
        """The averaged weights and statistics by the names of the network's state."""
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
    """Learning rate of a step: up to the peak in the first fifth of all steps, down to nearly zero in the others."""
    progress = (step + 1) / (steps + 1)
    return peak * min(progress / WARM_UP, (1 - progress) / (1 - WARM_UP))


def autocast(device: torch.device, precision: str) -> Any:
    """Context in which convolutions and matrix products run in the given precision."""
    return torch.autocast(device.type, torch.bfloat16, enabled=precision == "bfloat16")


@contextmanager
def own_threads() -> Iterator[None]:
    """Keep this thread's number of threads, and that of new ones, whatever other threads set meanwhile."""
    with threads(torch.get_num_threads()):
        yield


@contextmanager
def threads(count: int) -> Iterator[None]:
    """Run tensor operations of this thread on so many threads."""
    before = torch.get_num_threads()
    torch.set_num_threads(count)
    try:
        yield
    finally:
        torch.set_num_threads(before)
