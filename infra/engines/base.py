"""The interface of an engine: rows as resident blocks, rounds of kernels over the blocks, and independent work."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Generator, Mapping, Sequence
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, Self

import psutil

from infra.engines.blocks import BlockSource, Span, split_evenly
from infra.engines.collective import Communicator
from infra.engines.streaming import kept_blocks
from infra.engines.tree import finish, fold, leaves

Kernel = Callable[..., Any]
Merge = Callable[[Any, Any], Any]
Update = Callable[[Any, Any], tuple[Any, bool]]


@dataclass(frozen=True)
class Blocks:
    """Rows of an engine as blocks of a fixed size, in consecutive spans, one span for each worker.

    A worker holds the blocks of its span; of a streamed source it reads them anew, one at a time, in each round.
    """

    spans: tuple[Span, ...]
    residents: Any
    """The engine's own handles on the data, one for each span."""
    reload: Callable[[], Any] | None = field(default=None, repr=False)
    """Function that makes the residents anew after some were lost; None if the engine does so by itself."""

    @property
    def n_blocks(self) -> int:
        """Number of blocks."""
        return self.spans[-1].stop


class Engine(ABC):
    """One process, Dask or Spark behind the same verbs; a context manager that ends what it started.

    A kernel is a pure function of the arrays of one block (C-contiguous rows) and of a small state. Blocks have a
    fixed number of rows, and partial results are merged along a fixed binary tree. So every engine, with any number
    of workers, adds the same numbers in the same order.
    """

    name: str
    """Name of the engine: "local", "dask" or "spark"."""
    workers: int
    """Number of workers."""
    in_this_process = False
    """Whether the work is done by threads of this process."""
    memory_limit: int | None = None
    """Bytes of memory that a worker may use; None leaves it an equal share of the machine's memory."""

    @property
    def worker_memory(self) -> int | None:
        """Number of bytes of memory that one worker may use; None if the engine cannot know it.

        Unless a limit was asked for, this is the worker's equal share of the memory of this machine.
        """
        return self.memory_limit or int(psutil.virtual_memory().total // self.workers)

    @abstractmethod
    def partition(self, source: BlockSource, most: int | None = None) -> Blocks:
        """Give each worker one consecutive span of the blocks of a source: resident, or streamed if the source is.

        Parameters
        ----------
        source : BlockSource
            Source of the blocks.
        most : int, optional
            Largest number of spans; default: the number of workers.
        """

    @abstractmethod
    def map(self, kernel: Kernel, blocks: Blocks, *state: Any) -> list[Any]:
        """Run one round: a kernel on every block.

        Parameters
        ----------
        kernel : callable
            Function that is called as `kernel(*arrays, *state)` with the arrays of one block.
        blocks : Blocks
            Rows of this engine.
        *state : object
            Further arguments of the kernel, the same for all blocks.

        Returns
        -------
        list
            Results of the kernel, in the order of the blocks.
        """

    @abstractmethod
    def reduce(self, kernel: Kernel, merge: Merge, blocks: Blocks, *state: Any) -> Any:
        """Run one round whose results are merged near the data, along the fixed tree.

        Parameters
        ----------
        kernel : callable
            Function that is called as `kernel(*arrays, *state)` with the arrays of one block.
        merge : callable
            Function that is called as `merge(left, right)` and returns one result made from two.
        blocks : Blocks
            Rows of this engine.
        *state : object
            Further arguments of the kernel, the same for all blocks.

        Returns
        -------
        object
            The merged result of all blocks.
        """

    @abstractmethod
    def shuffle(self, kernel: Kernel, blocks: Blocks, count: int, *state: Any) -> Blocks:
        """Move rows between blocks.

        A row is sent directly from the worker that holds it to the worker that receives it: neither another worker
        nor the driver handles the row.

        Parameters
        ----------
        kernel : callable
            Function that is called as `kernel(number, *arrays, *state)` with the number and the arrays of one
            block. It returns the `count` parts of the block, each a tuple of arrays.
        blocks : Blocks
            Rows of this engine.
        count : int
            Number of blocks of the result.
        *state : object
            Further arguments of the kernel, the same for all blocks.

        Returns
        -------
        Blocks
            Block i joins part i of all blocks, in their order.
        """

    def iterate(
        self,
        kernel: Kernel,
        merge: Merge,
        update: Update,
        blocks: Blocks,
        state: Any,
        memory: Callable[..., Any] | None = None,
        outcome: Callable[..., Any] | None = None,
    ) -> tuple[Any, list[Any]]:
        """Run rounds of a kernel, merged along the fixed tree, until an update says that they are done.

        All rounds are one job, whose members exchange their partial results.

        Parameters
        ----------
        kernel : callable
            Function that is called as `kernel(*arrays, state)`, or `kernel(*arrays, state, memory)`, with the
            arrays of one block.
        merge : callable
            Function that is called as `merge(left, right)` and returns one result made from two.
        update : callable
            Function that every member calls as `update(state, merged)` after each round. It returns the next
            state, and whether the rounds are done.
        blocks : Blocks
            Rows of this engine.
        state : object
            State of the first round.
        memory : callable, optional
            Function that is called once for each block as `memory(*arrays)`. What it returns stays beside the
            block, and is the kernel's last argument.
        outcome : callable, optional
            Function that is called at the end, once for each block, as `outcome(*arrays)` or
            `outcome(*arrays, memory)`.

        Returns
        -------
        state : object
            The last state.
        outcomes : list
            Results of `outcome`, in the order of the blocks; empty without `outcome`.
        """
        parts = self.run_group(_rounds, blocks, blocks.spans, kernel, merge, update, state, memory, outcome)
        return parts[0][0], [found for _, outcomes in parts for found in outcomes]

    @abstractmethod
    def run_group(self, function: Callable[..., Any], blocks: Blocks, *state: Any) -> list[Any]:
        """Run a function on all workers at once, as one group whose members can exchange results.

        This is for native libraries that distribute themselves, and for iterations that would be too slow as
        separate rounds. A group that loses a member is run again as a whole, a bounded number of times.

        Parameters
        ----------
        function : callable
            Function that is called as `function(span, communicator, *state)`. `span` is the sequence of the worker's
            blocks, each a tuple of arrays; `communicator` is a `Communicator`.
        blocks : Blocks
            Rows of this engine.
        *state : object
            Further arguments of the function, the same for all members.

        Returns
        -------
        list
            Results of the function, in the order of the ranks.
        """

    @abstractmethod
    def run(
        self, function: Callable[..., Any], items: Sequence[Any], shared: Any = None
    ) -> Generator[tuple[int, Any]]:
        """Run independent work, and yield results as they are there.

        Each item is yielded once, though it may run again when its worker dies. Closing the generator drops the
        items that have not started.

        Parameters
        ----------
        function : callable
            Function that is called as `function(item, shared)`.
        items : sequence
            Items of work, one call for each.
        shared : object, optional
            Second argument of every call, sent once to each worker.

        Yields
        ------
        index : int
            Index of the item.
        result : object
            Result of the function; or an `EngineError` if the item's worker died at every try, while the other items
            continue.

        Raises
        ------
        Exception
            The exception that the function raised; Spark raises an `EngineError` that names this exception.
        """

    def close(self) -> None:
        """End the cluster that this engine started; a cluster that the engine only attached to keeps running."""

    def worker_pids(self) -> Mapping[str, int]:
        """Return the ids of the processes of this machine that do the engine's work, by name.

        The mapping is empty if this process itself does the work.
        """
        return {}

    @property
    def is_alive(self) -> bool:
        """Whether the processes that the engine depends on run, so that the engine can be given work."""
        return True

    @property
    def dashboard(self) -> str | None:
        """Address of the engine's own web page; None if the engine has no web page."""
        return None

    def _spans(self, n_blocks: int, most: int | None = None) -> tuple[Span, ...]:
        return split_evenly(n_blocks, min(self.workers, most or self.workers))

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def __deepcopy__(self, memo: dict[int, Any]) -> Self:
        # scikit-learn's clone() copies parameters deeply; a cluster is shared, never copied
        return self


def _rounds(
    arrays: Sequence[Any],
    communicator: Communicator,
    spans: tuple[Span, ...],
    kernel: Kernel,
    merge: Merge,
    update: Update,
    state: Any,
    memory: Callable[..., Any] | None,
    outcome: Callable[..., Any] | None,
) -> tuple[Any, list[Any]]:
    """Run one member's part of an iteration; return the last state (None except for rank 0) and the outcomes."""
    start, done = spans[communicator.rank].start, False
    with kept_blocks(arrays) as blocks:
        beside = [() if memory is None else (memory(*block),) for block in blocks]
        while not done:
            partials = (kernel(*block, state, *own) for block, own in zip(blocks, beside, strict=True))
            everyone = communicator.allgather(fold(leaves(partials, start), merge))
            state, done = update(state, finish((node for part in everyone for node in part), merge))
        outcomes = (
            [outcome(*block, *own) for block, own in zip(blocks, beside, strict=True)] if outcome else []
        )
    return (state if communicator.rank == 0 else None), outcomes
