"""How many short items of independent work share one task of an engine."""

import statistics
from collections import deque
from collections.abc import Iterable

from infra.arithmetic import ceil_div

RECENT = 32  # items whose times tell how long the next ones will take
LEAST_BATCHES = 4  # for each worker of what is left, so that all workers end at about the same time
SHORTEST_S = 1e-6


class AutoBatching:
    """Sizes of batches: one item until the first items have shown that a task costs more than they do.

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
        """Take in the times of items that are done."""
        self._recent.extend(seconds)

    def size(self, remaining: int) -> int:
        """Return the number of items for the next batch, at least 1, when so many items remain."""
        if not self._recent:
            return 1
        fitting = int(self._batch_s / max(statistics.median(self._recent), SHORTEST_S))
        most = ceil_div(remaining, LEAST_BATCHES * self._workers)
        return max(1, min(fitting, most))
