"""What an engine offers: rows as resident blocks, rounds of kernels over them, and independent work."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Generator, Mapping, Sequence
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, Self

from infra.engines.blocks import BlockSource, Span, finish, fold, leaves, split_evenly
from infra.engines.collective import Communicator

Kernel = Callable[..., Any]
Merge = Callable[[Any, Any], Any]
Update = Callable[[Any, Any], tuple[Any, bool]]


@dataclass(frozen=True)
class Blocks:
    """Rows held by an engine as blocks of a fixed size, in consecutive spans, one span a worker."""

    spans: tuple[Span, ...]
    residents: Any
    """The engine's own handle on the data, one entry a span."""
    again: Callable[[], Any] | None = field(default=None, repr=False)
    """Makes the residents anew after some were lost, where the engine does not do so by itself."""

    @property
    def n_blocks(self) -> int:
        return self.spans[-1].stop


class Engine(ABC):
    """One process, Dask or Spark behind the same verbs; a context manager that ends what it started.

    A kernel is a pure function of the arrays of one block (C-contiguous rows) and of a small state. Blocks
    have a fixed number of rows and partial results are merged along a fixed binary tree, so that every
    engine, with any number of workers, adds the same numbers in the same order.
    """

    name: str
    workers: int
    in_this_process = False
    """Whether the work is done by threads of this process."""

    @abstractmethod
    def partition(self, source: BlockSource) -> Blocks:
        """Make the rows of `source` resident, in one consecutive span of blocks a worker."""

    @abstractmethod
    def map(self, kernel: Kernel, blocks: Blocks, *state: Any) -> list[Any]:
        """One round: `kernel(*arrays, *state)` on every block; results in block order."""

    @abstractmethod
    def reduce(self, kernel: Kernel, merge: Merge, blocks: Blocks, *state: Any) -> Any:
        """One round whose results are merged near the data, along the fixed tree."""

    @abstractmethod
    def shuffle(self, kernel: Kernel, blocks: Blocks, count: int, *state: Any) -> Blocks:
        """Rows change blocks: `kernel(number, *arrays, *state)` cuts block `number` into `count` parts.

        A part is a tuple of arrays; block i of the result joins part i of all blocks, in their order. What
        a worker is not to hold never passes through it, nor through the driver.
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
        """Rounds of `kernel(*arrays, state)`, merged along the fixed tree, until `update` says stop.

        All rounds are one job whose members exchange their partial results; `update(state, merged)` runs
        on each and answers `(state, done)`. With `memory`, `memory(*arrays)` is made for each block at the
        start, stays beside it and is the kernel's last argument.

        Returns the last state, and `outcome(*arrays, [memory])` of each block, in block order.
        """
        parts = self.run_group(_rounds, blocks, blocks.spans, kernel, merge, update, state, memory, outcome)
        return parts[0][0], [found for _, outcomes in parts for found in outcomes]

    @abstractmethod
    def run_group(self, function: Callable[..., Any], blocks: Blocks, *state: Any) -> list[Any]:
        """Run `function(span, communicator, *state)` on all workers at once; results in rank order.

        `span` is the list of the worker's blocks, each a tuple of arrays. For native libraries that
        distribute themselves and for iterations that would be too slow as separate rounds. A group that
        loses a member is run again as a whole, a bounded number of times.
        """

    @abstractmethod
    def run(
        self, function: Callable[..., Any], items: Sequence[Any], shared: Any = None
    ) -> Generator[tuple[int, Any]]:
        """Independent work: yields `(i, function(items[i], shared))` as results complete.

        `shared` reaches each worker once. Each item is yielded once, though it may run again when its
        worker dies; one whose worker died at every one of the bounded tries yields an `EngineError` in
        place of its result, and the others go on. An exception of `function` is raised here (by Spark as
        an `EngineError` that names it). Closing the generator drops what has not started.
        """

    def close(self) -> None:
        """End what this engine started; what it only attached to goes on."""

    def worker_pids(self) -> Mapping[str, int]:
        """Processes on this machine that do this engine's work, by name (empty: this process does it)."""
        return {}

    @property
    def dashboard(self) -> str | None:
        """Address of the engine's own page, where it has one."""
        return None

    def _spans(self, n_blocks: int) -> tuple[Span, ...]:
        return split_evenly(n_blocks, self.workers)

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
    arrays: list[Any],
    communicator: Communicator,
    spans: tuple[Span, ...],
    kernel: Kernel,
    merge: Merge,
    update: Update,
    state: Any,
    memory: Callable[..., Any] | None,
    outcome: Callable[..., Any] | None,
) -> tuple[Any, list[Any]]:
    """One member's part of an iteration: the last state, which the first member tells, and its outcomes."""
    start, done = spans[communicator.rank].start, False
    beside = [() if memory is None else (memory(*block),) for block in arrays]
    while not done:
        partials = (kernel(*block, state, *own) for block, own in zip(arrays, beside, strict=True))
        everyone = communicator.allgather(fold(leaves(partials, start), merge))
        state, done = update(state, finish((node for part in everyone for node in part), merge))
    outcomes = [outcome(*block, *own) for block, own in zip(arrays, beside, strict=True)] if outcome else []
    return (state if communicator.rank == 0 else None), outcomes
