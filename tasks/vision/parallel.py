"""A training shared by the workers of an engine: each rank has the same pictures and its groups of a batch."""

import socket
from abc import ABC, abstractmethod
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from functools import reduce
from typing import Any

import numpy as np
import torch
import torch.distributed as dist
from numpy.typing import NDArray
from torch import Tensor
from torch.distributed import AllreduceOptions, DistError, ProcessGroupGloo, Store, TCPStore  # type: ignore[attr-defined]

from infra.engines import BlockSource, Engine
from infra.engines.blocks import Block, Span
from infra.engines.collective import Communicator, ThreadCommunicator
from infra.errors import EngineError
from tasks.vision.fitting import Fit, Fitted, chosen_device, fitted
from tasks.vision.training import Ranks

MEETING_TIMEOUT = timedelta(seconds=60)
TIMEOUT = timedelta(minutes=10)  # that a rank may compute while the others wait for it


class Pictures(ABC):
    """Pictures and their classes, from memory or from where every worker can read them."""

    n_rows: int

    @abstractmethod
    def load(self) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
        """Pictures, uint8 of shape (n, height, width, 3), and classes from 0, int64 of shape (n,)."""

    @property
    @abstractmethod
    def travels(self) -> bool:
        """Whether the pictures themselves have to be sent, as no worker could read them."""


class ForEveryRank(BlockSource):
    """One block a rank, each of them all pictures."""

    def __init__(self, pictures: Pictures, ranks: int) -> None:
        self.pictures = pictures
        self.n_rows, self.n_columns, self.block_rows = ranks, 1, 1
        self.dtype = np.dtype(np.uint8)

    def load(self, span: Span) -> list[Block]:
        return [self.pictures.load()] * (span.stop - span.start)

    def detached(self, span: Span) -> BlockSource | list[Block]:
        return self.load(span) if self.pictures.travels else self


def fitted_together(engine: Engine, pictures: Pictures, ranks: int, fit: Fit) -> Fitted:
    """Train on so many workers of an engine; the group goes on from its last checkpoint if it loses a worker.

    Raises
    ------
    EngineError
        If workers are lost again and again, or do not reach each other.
    """
    blocks = engine.partition(ForEveryRank(pictures, ranks))
    result = engine.run_group(_as_rank, blocks, fit)[0]
    assert isinstance(result, Fitted)  # noqa: S101 (for the type checker)
    return result


def _as_rank(blocks: list[Block], communicator: Communicator, fit: Fit) -> Fitted | None:
    """One member's part; the first member has the result."""
    pictures, codes = blocks[0]
    if communicator.size == 1:
        return fitted(pictures, codes, fit)
    result, failure = None, None
    with _met(communicator, fit) as (device, ranks):
        try:
            result = fitted(
                pictures, codes, fit, device, ranks, lambda state: communicator.allgather(state)[0]
            )
        except DistError as error:
            failure = str(error)
        except RuntimeError as error:  # gloo's own errors have no type
            if "gloo" not in str(error).lower():
                raise
            failure = str(error)
        # members meet after it, so that the loss of one is told apart from a broken connection
        failures = [found for found in communicator.allgather(failure) if found]
    if failures:
        raise EngineError(f"the ranks of a training lost their connection: {failures[0]}")
    return result if communicator.rank == 0 else None


@dataclass(frozen=True)
class Group:
    """The ranks of a training, connected by gloo (through the CPU) or by NCCL (from GPU to GPU)."""

    rank: int
    size: int
    connected: Any
    direct: bool
    """Whether tensors are added up on their own device."""

    def add_up(self, sums: Tensor) -> None:
        """Replace a vector by its sum over all ranks."""
        buffer = sums if self.direct else sums.cpu()
        options = AllreduceOptions()
        options.timeout = TIMEOUT
        self.connected.allreduce([buffer], options).wait()
        if buffer is not sums:
            sums.copy_(buffer)


@dataclass(frozen=True)
class Threads:
    """The ranks of a training that are threads of one process."""

    communicator: ThreadCommunicator

    @property
    def rank(self) -> int:
        return self.communicator.rank

    @property
    def size(self) -> int:
        return self.communicator.size

    def add_up(self, sums: Tensor) -> None:
        """Replace a vector by its sum over all ranks."""
        sums.copy_(reduce(torch.add, self.communicator.allgather(sums)))


@contextmanager
def _met(communicator: Communicator, fit: Fit) -> Iterator[tuple[torch.device, Ranks]]:
    """The device of this rank, and its connection to the others, which is closed in all cases."""
    device = chosen_device(fit.device)
    if isinstance(communicator, ThreadCommunicator):
        yield device, Threads(communicator)
        return
    places = communicator.allgather((socket.gethostname(), device.type, torch.cuda.device_count()))
    before = sum(place == places[communicator.rank] for place in places[: communicator.rank])
    if device.type == "cuda":
        device = torch.device("cuda", before % torch.cuda.device_count())
        torch.cuda.set_device(device)
    # NCCL refuses two ranks on one GPU
    nccl = all(kind == "cuda" and places.count(place) <= place[2] for place in places for kind in [place[1]])
    connected = (_nccl if nccl else _gloo)(_store(communicator), communicator)
    try:
        yield device, Group(communicator.rank, communicator.size, connected, nccl or device.type == "cpu")
    finally:
        connected.abort() if nccl else connected.shutdown()


def _store(communicator: Communicator) -> Store:
    """The meeting point of the ranks, on the address of the first one and no other."""
    port, descriptor = 0, -1
    if communicator.rank == 0:
        listening = socket.create_server((communicator.host, 0))
        port, descriptor = listening.getsockname()[1], listening.detach()
    host, port = communicator.allgather((communicator.host, port))[0]
    if communicator.rank > 0:
        return TCPStore(host, port, communicator.size, False, MEETING_TIMEOUT)
    return TCPStore(
        host,
        port,
        communicator.size,
        True,
        MEETING_TIMEOUT,
        wait_for_workers=False,
        master_listen_fd=descriptor,
    )


def _gloo(store: Store, communicator: Communicator) -> Any:
    options = ProcessGroupGloo._Options()  # type: ignore[attr-defined]
    options._devices = [ProcessGroupGloo.create_device(hostname=communicator.host)]
    options._timeout = MEETING_TIMEOUT
    return ProcessGroupGloo(store, communicator.rank, communicator.size, options)


def _nccl(store: Store, communicator: Communicator) -> Any:
    options = dist.ProcessGroupNCCL.Options()
    options._timeout = MEETING_TIMEOUT
    return dist.ProcessGroupNCCL(store, communicator.rank, communicator.size, options)
