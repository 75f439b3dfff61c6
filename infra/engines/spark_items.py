"""Independent work on Spark: the task that runs some items, and the outcome of each item."""

import pickle
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from queue import SimpleQueue
from typing import Any

from pyspark import TaskContext
from pyspark.accumulators import AccumulatorParam

from infra.errors import EngineError

TRIES = 3
"""Tries of an item whose worker dies."""


@dataclass(frozen=True)
class ItemOutcome(ABC):
    """The outcome of one item of `run`."""

    item: int
    """Index of the item."""
    seconds: float = field(default=0.0, kw_only=True)
    """Seconds that the item took."""

    @abstractmethod
    def result(self) -> Any:
        """Return the result that `run` yields for the item, or raise the error that ends `run`."""


@dataclass(frozen=True)
class Done(ItemOutcome):
    """An item that has a result."""

    pickled: bytes
    """Pickled result of the function."""

    def result(self) -> Any:
        return pickle.loads(self.pickled)  # noqa: S301 (our own workers' bytes)


@dataclass(frozen=True)
class Raised(ItemOutcome):
    """An item for which the function raised an exception."""

    cause: str
    """Type and text of the exception."""

    def result(self) -> Any:
        raise EngineError(f"Spark's job failed: {self.cause}")


@dataclass(frozen=True)
class Lost(ItemOutcome):
    """An item whose worker died at every try."""

    def result(self) -> Any:
        return EngineError("its worker died (a crash, or no memory left) each time it ran")


@dataclass(frozen=True)
class RetriedItem(Lost):
    """An item that shared a task with other items when the worker died, and that is tried again alone."""


def task_of(
    function: Callable[..., Any], broadcast: Any, arrived: Any, alone: bool
) -> Callable[[Iterator[tuple[int, Any]]], None]:
    """Return the task that runs some items. If a worker has died over these items, they become suspects.

    Parameters
    ----------
    function : callable
        Function that is called as `function(item, shared)`.
    broadcast : pyspark.Broadcast
        The shared value, broadcast to the workers.
    arrived : pyspark.Accumulator
        Accumulator that takes the outcome of each item.
    alone : bool
        Whether each item has a task of its own, so that no other item can be to blame for a worker's death.

    Returns
    -------
    callable
        Function of a partition of `(index, item)` pairs.
    """

    def outcome(i: int, item: Any) -> ItemOutcome:
        start = time.perf_counter()
        try:
            result = pickle.dumps(function(item, broadcast.value))
        except Exception as error:
            return Raised(i, f"{type(error).__name__}: {error}", seconds=time.perf_counter() - start)
        return Done(i, result, seconds=time.perf_counter() - start)

    def each(part: Iterator[tuple[int, Any]]) -> None:
        context = TaskContext.get()
        failed = 0 if context is None else context.attemptNumber()
        for i, item in part:
            if failed and not alone:
                arrived.add(RetriedItem(i))
            elif failed >= TRIES - 1:
                arrived.add(Lost(i))
            else:
                arrived.add(outcome(i, item))

    return each


class OutcomeQueue(AccumulatorParam[Any]):
    """Carries the outcomes of each task to a queue on the driver when the task ends, once even if it is retried.

    Parameters
    ----------
    results : queue.SimpleQueue or None
        Queue on the driver; None on a worker.
    """

    def __init__(self, results: SimpleQueue[Any] | None) -> None:
        self._results = results

    def zero(self, value: Any) -> Any:
        """Return the value that a task starts with."""
        return []

    def addInPlace(self, value1: Any, value2: Any) -> Any:  # noqa: N802 (Spark's name)
        """Collect outcomes on a worker, and put them into the queue on the driver."""
        outcomes = [value2] if isinstance(value2, ItemOutcome) else value2
        if self._results is None:  # on a worker: collect until the task ends
            return [*(value1 or []), *outcomes]
        for outcome in outcomes:
            self._results.put(outcome)
        return None

    def __reduce__(self) -> Any:
        return (OutcomeQueue, (None,))
