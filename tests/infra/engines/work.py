"""What the tests have workers do: the same work, and the same accidents, on every engine."""

import os
import signal
import threading
import time
import weakref
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import psutil
from distributed import get_worker

from infra.engines import ArraySource, BlockSource
from infra.engines.blocks import Block, Span
from infra.engines.collective import Communicator


def squared(item: int, shared: int | None) -> int:
    return item * item + (shared or 0)


def rejects_three(item: int, _shared: Any) -> int:
    if item == 3:
        raise ValueError(f"item {item} is not to my taste")
    return item


def dies_over_three(item: int, folder: str | None) -> int:
    if folder is not None:
        note(folder, item)
    if item == 3:
        die()
    return item


def dies_once(item: int, folder: str) -> int:
    """Item 3 kills its worker the first time."""
    if item == 3 and first_time(folder, "died"):
        die()
    note(folder, item)
    return item


def slow(item: int, folder: str) -> int:
    note(folder, item)
    time.sleep(0.3)
    return item


def width(_item: int, shared: Any) -> int:
    return int(shared[0].shape[1])


def task_name(_item: int, _shared: Any) -> str:
    return str(get_worker().get_current_task())


def ranks(_span: list[Any], communicator: Communicator, *_state: Any) -> list[int]:
    return communicator.allgather(communicator.rank)


def rows(span: list[Any], communicator: Communicator) -> list[int]:
    """How many rows each member holds."""
    return communicator.allgather(sum(len(block[0]) for block in span))


def last_rejects(_span: list[Any], communicator: Communicator) -> list[int]:
    if communicator.rank == communicator.size - 1:
        raise ValueError("not to my taste")
    return communicator.allgather(communicator.rank)


def last_dies_once(_span: list[Any], communicator: Communicator, folder: str) -> list[int]:
    note(folder, communicator.rank)
    if communicator.rank == communicator.size - 1 and first_time(folder, "died"):
        die()
    return communicator.allgather(communicator.rank)


def last_dies(_span: list[Any], communicator: Communicator, folder: str) -> list[int]:
    if communicator.rank == communicator.size - 1:
        note(folder, communicator.rank)
        die()
    return communicator.allgather(communicator.rank)


class Dying:
    """The update of an iteration, which kills one worker in each of some rounds the first time."""

    def __init__(self, update: Any, rounds: tuple[int, ...], folder: str) -> None:
        self.update, self.rounds, self.folder = update, rounds, folder

    def __call__(self, state: Any, merged: Any) -> Any:
        if state.n_iter in self.rounds and first_time(self.folder, str(state.n_iter)):
            die()
        return self.update(state, merged)


def halved(_number: int, X: Any, *_rest: Any) -> list[tuple[Any, ...]]:
    """The first column and the others."""
    return [(X[:, :1],), (X[:, 1:],)]


def dying(_X: Any, *_rest: Any) -> None:
    die()


def summed(X: Any, *_rest: Any) -> float:
    return float(X.sum())


def die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def first_time(folder: str, name: str) -> bool:
    try:
        (Path(folder) / name).touch(exist_ok=False)
    except FileExistsError:
        return False
    return True


def note(folder: str, item: int) -> None:
    """Leave a note that an item was run, for `notes`."""
    with (Path(folder) / "notes").open("a") as file:
        file.write(f"{item}\n")


def notes(folder: Path) -> list[int]:
    return [int(line) for line in (folder / "notes").read_text().split()]


def hungry_over_three(item: int, folder: str) -> int:
    """Item 3 takes memory until its worker is killed for it."""
    note(folder, item)
    if item == 3:
        take_memory()
    return item


def hungry_once(item: int, folder: str) -> int:
    """Item 3 takes memory until its worker is killed for it, the first time."""
    if item == 3 and first_time(folder, "killed"):
        take_memory()
    return item


def last_is_hungry(_span: list[Any], communicator: Communicator, folder: str) -> list[int]:
    if communicator.rank == communicator.size - 1:
        note(folder, communicator.rank)
        take_memory()
    return communicator.allgather(communicator.rank)


def hungry_block(X: Any, folder: str, *_rest: Any) -> float:
    """The block that starts with 0 takes memory until its worker is killed for it."""
    if X[0, 0] == 0:
        note(folder, 0)
        take_memory()
    return float(X.sum())


def hungry_cut(_number: int, X: Any, folder: str) -> list[tuple[Any, ...]]:
    hungry_block(X, folder)
    return [(X,)]


def nearly_full(span: list[Any], communicator: Communicator, limit: int, seconds: float) -> float:
    """Hold so much memory for some time that Dask gives the worker no new work, but does not end the worker."""
    held: list[bytes] = []
    while psutil.Process().memory_info().rss < 0.87 * limit:
        held.append(b"1" * (4 << 20))
    time.sleep(seconds)
    return float(sum(communicator.allgather(sum(X.sum() for X, *_ in span))))


def take_memory() -> None:
    held = []
    for _ in range(1000):
        held.append(b"1" * (16 << 20))
        time.sleep(0.01)
    raise MemoryError("16 GB, and nobody minds")


class CountedSource(BlockSource):
    """Rows of an array; each process counts the blocks of its own that are alive at the same time."""

    alive = 0
    most = 0
    lock = threading.Lock()

    def __init__(self, X: Any, block_rows: int) -> None:
        self.rows = ArraySource(X, np.arange(len(X)), block_rows=block_rows)
        self.n_rows, self.n_columns = self.rows.n_rows, self.rows.n_columns
        self.dtype, self.block_rows = self.rows.dtype, block_rows

    def load(self, span: Span) -> list[Block]:
        return list(map(counted, self.rows.load(span)))


def counted(block: Block) -> Block:
    copy = block[0].copy()
    with CountedSource.lock:
        CountedSource.alive += 1
        CountedSource.most = max(CountedSource.most, CountedSource.alive)
    weakref.finalize(copy, released)
    return (copy, block[1])


def released() -> None:
    CountedSource.alive -= 1


def column_sums(X: Any, _numbers: Any, *_state: Any) -> tuple[Any, int]:
    """Sums of a block, and the most blocks that were alive so far in this process."""
    return X.sum(axis=0), CountedSource.most


def added(a: tuple[Any, int], b: tuple[Any, int]) -> tuple[Any, int]:
    return a[0] + b[0], max(a[1], b[1])


def three_rounds(state: int, _merged: Any) -> tuple[Any, bool]:
    return (state + 1 if state < 2 else _merged), state == 2


def sums_of_span(span: Any, communicator: Communicator) -> tuple[list[Any], int]:
    sums: Iterator[Any] = (X.sum(axis=0) for X, _ in span)
    return communicator.allgather(list(sums)), CountedSource.most


def by_parity(_number: int, X: Any, numbers: Any) -> list[tuple[Any, ...]]:
    return [(X[numbers % 2 == part], numbers[numbers % 2 == part]) for part in (0, 1)]
