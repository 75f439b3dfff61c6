"""One training on several ranks of an engine: each rank has all images and computes its groups of a batch."""

import socket
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from functools import reduce
from typing import Any, NamedTuple, Protocol

import numpy as np
import torch
import torch.distributed as dist
from torch import Tensor
from torch.distributed import AllreduceOptions, DistError, ProcessGroupGloo, Store, TCPStore

from infra.engines import BlockSource, Engine
from infra.engines.blocks import Block, Span
from infra.engines.collective import Communicator, ThreadCommunicator
from infra.errors import EngineError
from tasks.vision.fitting import TrainedNetwork, TrainingSpec, chosen_device, train_network
from tasks.vision.inputs import TrainingImages
from tasks.vision.training import Ranks

CONNECT_TIMEOUT = timedelta(seconds=60)
ALL_REDUCE_TIMEOUT = timedelta(minutes=10)
"""Time that a rank waits for the slowest one."""


class ImagesForEveryRank(BlockSource):
    """A source with one block for each rank; every block holds all training images.

    Parameters
    ----------
    images : TrainingImages
        The training images.
    ranks : int
        Number of ranks.
    """

    def __init__(self, images: TrainingImages, ranks: int) -> None:
        self.images = images
        self.n_rows, self.n_columns, self.block_rows = ranks, 1, 1
        self.dtype = np.dtype(np.uint8)

    def load(self, span: Span) -> list[Block]:
        return [self.images.load()] * (span.stop - span.start)

    def detached(self, span: Span) -> BlockSource | list[Block]:
        return self.load(span) if self.images.travels else self


def train_on_ranks(engine: Engine, images: TrainingImages, ranks: int, spec: TrainingSpec) -> TrainedNetwork:
    """Train a network on some workers of an engine; after the loss of a worker all ranks resume from the checkpoint.

    Parameters
    ----------
    engine : Engine
        Engine whose workers are the ranks.
    images : TrainingImages
        The training images.
    ranks : int
        Number of ranks, at most the number of workers.
    spec : TrainingSpec
        Architecture and settings of the training.

    Raises
    ------
    EngineError
        If workers are lost at every try, or the ranks cannot connect to each other.
    """
    blocks = engine.partition(ImagesForEveryRank(images, ranks))
    network = engine.run_group(_train_as_rank, blocks, spec)[0]
    assert isinstance(network, TrainedNetwork)  # noqa: S101 (for the type checker)
    return network


def _train_as_rank(
    blocks: list[Block], communicator: Communicator, spec: TrainingSpec
) -> TrainedNetwork | None:
    """Train as one rank; the first rank returns the network."""
    images, codes = blocks[0]
    if communicator.size == 1:
        return train_network(images, codes, spec)
    network, failure = None, None
    with _connected(communicator, spec) as (device, ranks):
        try:
            network = train_network(
                images, codes, spec, device, ranks, lambda state: communicator.allgather(state)[0]
            )
        except DistError as error:
            failure = str(error)
        except RuntimeError as error:  # gloo's errors have no type of their own
            if "gloo" not in str(error).lower():
                raise
            failure = str(error)
        # this exchange fails if a rank was lost, so that a loss is not mistaken for a broken connection
        failures = [found for found in communicator.allgather(failure) if found]
    if failures:
        raise EngineError(f"the ranks of a training lost their connection: {failures[0]}")
    return network if communicator.rank == 0 else None


@dataclass(frozen=True)
class ThreadRanks:
    """The ranks of a training that are threads of one process."""

    communicator: ThreadCommunicator

    @property
    def rank(self) -> int:
        return self.communicator.rank

    @property
    def size(self) -> int:
        return self.communicator.size

    def all_reduce(self, sums: Tensor) -> None:
        """Replace a vector by its sum over all ranks."""
        sums.copy_(reduce(torch.add, self.communicator.allgather(sums)))


class _Backend(Protocol):
    """A library that sums vectors over processes."""

    group: Any
    """The connected processes, as PyTorch represents them."""

    def buffer(self, sums: Tensor) -> Tensor:
        """Return the vector where the library can sum it."""

    def close(self) -> None:
        """Close the connections."""


class _Gloo:
    """Gloo, which sums vectors in the memory of the CPU."""

    def __init__(self, store: Store, communicator: Communicator) -> None:
        options = ProcessGroupGloo._Options()
        options._devices = [ProcessGroupGloo.create_device(hostname=communicator.host)]
        options._timeout = CONNECT_TIMEOUT
        self.group: Any = ProcessGroupGloo(store, communicator.rank, communicator.size, options)

    def buffer(self, sums: Tensor) -> Tensor:
        return sums.cpu()

    def close(self) -> None:
        self.group.shutdown()


class _Nccl:
    """NCCL, which sums vectors from GPU to GPU; it refuses two ranks on one GPU."""

    def __init__(self, store: Store, communicator: Communicator) -> None:
        options = dist.ProcessGroupNCCL.Options()
        options._timeout = CONNECT_TIMEOUT
        self.group: Any = dist.ProcessGroupNCCL(store, communicator.rank, communicator.size, options)

    def buffer(self, sums: Tensor) -> Tensor:
        return sums

    def close(self) -> None:
        self.group.abort()


@dataclass(frozen=True)
class ProcessRanks:
    """The ranks of a training that are processes, on one machine or on several."""

    rank: int
    size: int
    backend: _Backend

    def all_reduce(self, sums: Tensor) -> None:
        """Replace a vector by its sum over all ranks."""
        buffer = self.backend.buffer(sums)
        options = AllreduceOptions()
        options.timeout = ALL_REDUCE_TIMEOUT
        self.backend.group.allreduce([buffer], options).wait()
        if buffer is not sums:
            sums.copy_(buffer)


class Machine(NamedTuple):
    """The machine on which a rank runs."""

    host: str
    """Name of the machine."""
    device_type: str
    """Type of the rank's device: "cpu" or "cuda"."""
    gpus: int
    """Number of GPUs of the machine."""


@contextmanager
def _connected(communicator: Communicator, spec: TrainingSpec) -> Iterator[tuple[torch.device, Ranks]]:
    """Connect this rank to the others and yield its device; the connection is closed in every case."""
    device = chosen_device(spec.device)
    if isinstance(communicator, ThreadCommunicator):
        yield device, ThreadRanks(communicator)
        return
    machine = Machine(socket.gethostname(), device.type, torch.cuda.device_count())
    machines = communicator.allgather(machine)
    if device.type == "cuda":
        ranks_before = machines[: communicator.rank].count(machine)
        device = torch.device("cuda", ranks_before % machine.gpus)
        torch.cuda.set_device(device)
    backend = (_Nccl if each_has_a_gpu(machines) else _Gloo)(_store(communicator), communicator)
    try:
        yield device, ProcessRanks(communicator.rank, communicator.size, backend)
    finally:
        backend.close()


def each_has_a_gpu(machines: list[Machine]) -> bool:
    """Whether each rank has a GPU that no other rank uses."""
    return all(one.device_type == "cuda" and machines.count(one) <= one.gpus for one in machines)


def _store(communicator: Communicator) -> Store:
    """Connect to the store where the ranks exchange their addresses; the first rank serves it on its own address."""
    port, descriptor = 0, -1
    if communicator.rank == 0:
        listening = socket.create_server((communicator.host, 0))
        port, descriptor = listening.getsockname()[1], listening.detach()
    host, port = communicator.allgather((communicator.host, port))[0]
    if communicator.rank > 0:
        return TCPStore(host, port, communicator.size, False, CONNECT_TIMEOUT)
    return TCPStore(
        host,
        port,
        communicator.size,
        True,
        CONNECT_TIMEOUT,
        wait_for_workers=False,
        master_listen_fd=descriptor,
    )
