"""The way in which a fit is done, chosen before it starts from an estimate of the memory that each way needs."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
import psutil
from dask.utils import format_bytes

from infra.arithmetic import ceil_div
from infra.engines import BlockSource, Engine
from infra.errors import ParameterError

PROCESS = 230 * 2**20
"""Bytes of a Python process that has imported the libraries, before it has any rows."""
ALLOWED_SHARE = 0.8
"""Share of a worker's memory that a fit may need: Dask pauses a worker above this share."""


@dataclass(frozen=True)
class TableShape:
    """What the memory of a fit depends on."""

    rows: int
    """Number of rows of the table."""
    columns: int
    """Number of features."""
    itemsize: int
    """Bytes of one value of the features."""
    block_rows: int
    """Number of rows that are read at a time."""
    outputs: int
    """Number of trees of a boosting round: the number of classes if there are more than two."""
    dense: bool
    """Whether no value is missing."""
    held: bool
    """Whether the rows themselves are in memory, beside what the fit makes of them."""

    @classmethod
    def of(cls, source: BlockSource, *, classification: bool, held: bool) -> "TableShape":
        """Look at the first block of a source for the classes and missing values of the table.

        Parameters
        ----------
        source : BlockSource
            Source of the table.
        classification : bool
            Whether the targets are classes.
        held : bool
            Whether the rows themselves are in memory during the fit.

        Raises
        ------
        ParameterError
            If the blocks have no targets.
        """
        X, *others = source.block(0)
        if not others:
            raise ParameterError(
                "X: the blocks of the source have no target; a second array of targets is needed"
            )
        classes = len(np.unique(others[0])) if classification else 0
        return cls(
            source.n_rows,
            source.n_columns,
            X.dtype.itemsize,
            min(source.block_rows, source.n_rows),
            classes if classes > 2 else 1,
            not np.isnan(X).any(),
            held,
        )

    @property
    def block_bytes(self) -> int:
        """Bytes of the features of one block."""
        return self.block_rows * self.columns * self.itemsize

    def held_bytes(self, rows: int) -> int:
        """Bytes of the features of that many rows, if the rows are in memory; else those of a few blocks."""
        return rows * self.columns * self.itemsize if self.held else 3 * self.block_bytes


@dataclass(frozen=True)
class FitWay:
    """One way to do a fit."""

    shards: int
    """Number of processes that hold a part of the rows each."""
    on_disk: bool
    """Whether the binned rows are in files that each round reads."""
    in_this_process: bool
    """Whether this process does the fit."""

    def __str__(self) -> str:
        where = "one fit in one process" if self.in_this_process else "one fit on one worker"
        shared = where if self.shards == 1 else f"sharded over {self.shards} workers"
        return f"{shared}, streamed from binned rows on disk" if self.on_disk else shared


@dataclass(frozen=True)
class BlocksWay:
    """The way of a fit whose rounds run over blocks of rows."""

    workers: int
    """Number of workers of the engine."""
    in_this_process: bool
    """Whether the workers are threads of this process."""
    streamed: bool
    """Whether each round reads the blocks anew."""

    def __str__(self) -> str:
        workers = f"{self.workers} {'threads' if self.in_this_process else 'workers'}"
        return f"blocks of rows over {workers}" + (", read anew in each round" if self.streamed else "")


def way_over_blocks(
    name: str, source: BlockSource, engine: Engine, *, beside: int, in_memory: bool
) -> BlocksWay:
    """Choose whether workers hold their blocks or read them anew in each round.

    Parameters
    ----------
    name : str
        Name of what is fitted, for an error message.
    source : BlockSource
        Source of the rows.
    engine : Engine
        Engine whose workers do the rounds.
    beside : int
        Bytes that stay in memory for each row, beside the row itself.
    in_memory : bool
        Whether the rows are an array of this process, which is sent to the workers and cannot be read anew.

    Returns
    -------
    BlocksWay
        The chosen way.

    Raises
    ------
    ParameterError
        If no way fits; the sentence says how much is needed and how much is allowed.
    """
    processes = 1 if engine.in_this_process else min(engine.workers, source.n_blocks)
    rows = ceil_div(source.n_rows, processes)
    row = source.n_columns * source.dtype.itemsize
    readers = engine.workers if engine.in_this_process else 1
    held = PROCESS + rows * (row + beside)
    streamed = PROCESS + rows * beside + 3 * readers * min(source.block_rows, rows) * row
    allowed = allowed_bytes(engine)
    if allowed is None or held <= allowed or (in_memory and engine.in_this_process):
        return BlocksWay(engine.workers, engine.in_this_process, False)
    if in_memory or streamed > allowed:
        needed = held if in_memory else streamed
        raise refused(
            name, (source.n_rows, source.n_columns), needed, allowed, processes, engine.in_this_process
        )
    return BlocksWay(engine.workers, engine.in_this_process, True)


Estimate = Callable[[FitWay], int]
"""Function from a way to the bytes that each process of it needs at most."""


def ways(least: int, most: int, *, may_use_disk: bool, in_this_process: bool) -> list[FitWay]:
    """Return the ways of a fit, the fastest first.

    Parameters
    ----------
    least, most : int
        Smallest and largest number of shards.
    may_use_disk : bool
        Whether the library can train from binned rows on disk.
    in_this_process : bool
        Whether this process does the fit.
    """
    found = [FitWay(shards, False, in_this_process) for shards in range(least, most + 1)]
    return [*found, FitWay(most, True, in_this_process)] if may_use_disk else found


def way_to_fit(
    name: str, shape: TableShape, possible: Iterable[FitWay], estimate: Estimate, engine: Any
) -> FitWay:
    """Choose the first way whose memory is allowed.

    Parameters
    ----------
    name : str
        Name of what is fitted, for an error message.
    shape : TableShape
        The table.
    possible : iterable of FitWay
        The ways, the fastest first; at least one.
    estimate : callable
        Function from a way to the bytes that each process of it needs at most.
    engine : Engine or None
        Engine whose workers do the fit.

    Returns
    -------
    FitWay
        The chosen way.

    Raises
    ------
    ParameterError
        If no way fits; the sentence says how much is needed and how much is allowed.
    """
    allowed = allowed_bytes(engine)
    needs = [(way, estimate(way)) for way in possible]
    if allowed is None:
        return needs[0][0]
    for way, needed in needs:
        if needed <= allowed:
            return way
    way, needed = min(needs, key=lambda pair: pair[1])
    raise refused(name, (shape.rows, shape.columns), needed, allowed, way.shards, way.in_this_process)


def refused(
    name: str, size: tuple[int, int], needed: int, allowed: int, processes: int, in_this_process: bool
) -> ParameterError:
    """Make the error that says in one sentence how much memory a fit needs, how much is allowed, and the remedy.

    Parameters
    ----------
    name : str
        Name of what is fitted.
    size : tuple of int
        Number of rows and number of columns.
    needed, allowed : int
        Bytes that one process needs, and may use.
    processes : int
        Number of processes of the fit.
    in_this_process : bool
        Whether this process does the fit.

    Returns
    -------
    ParameterError
    """
    each = "this process" if in_this_process else f"each of {processes} workers"
    more = "a machine with more memory" if in_this_process else "more workers, or workers with more memory"
    return ParameterError(
        f"{name}: a fit to {size[0]:,} rows of {size[1]:,} columns needs about {format_bytes(needed)} of memory in "
        f"{each}, and {format_bytes(allowed)} are allowed ({ALLOWED_SHARE:.0%} of its memory); use {more}, or "
        "fewer rows"
    )


def allowed_bytes(engine: Engine | None) -> int | None:
    """Bytes that a fit may need in one process; None if the engine does not know its workers' memory."""
    if engine is None:
        return int(ALLOWED_SHARE * psutil.virtual_memory().total)
    if engine.in_this_process:  # its workers are threads of this process, which share its memory
        return int(ALLOWED_SHARE * (engine.worker_memory or 0) * engine.workers)
    return None if engine.worker_memory is None else int(ALLOWED_SHARE * engine.worker_memory)
