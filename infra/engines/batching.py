"""Batches: the number of short items of independent work that share one task of an engine."""

import statistics
from collections import deque
from collections.abc import Iterable

from infra.arithmetic import ceil_div

RECENT = 32  # number of last items whose times predict the time of the next items
LEAST_BATCHES = 4  # least number of batches for each worker, so that all workers end at about the same time
SHORTEST_S = 1e-6


class AutoBatching:
    """Sizes of batches: one item until the times of the first items are known, then more items if items are short.

    Parameters
    ----------
    workers : int
        Number of workers of the engine.
    batch_s : float
        Seconds that the items of one batch may take together. The results of a batch are lost with its worker.
    """

    def __init__(self, workers: int, batch_s: float) -> None:
        self._workers = workers
        self._batch_s = batch_s
        self._recent: deque[float] = deque(maxlen=RECENT)

    def observe(self, seconds: Iterable[float]) -> None:
        """Record the times of finished items."""
        self._recent.extend(seconds)

    def size(self, remaining: int) -> int:
        """Return the number of items for the next batch, at least 1, when `remaining` items remain."""
        if not self._recent:
            return 1
        fitting = int(self._batch_s / max(statistics.median(self._recent), SHORTEST_S))
        most = ceil_div(remaining, LEAST_BATCHES * self._workers)
        return max(1, min(fitting, most))
