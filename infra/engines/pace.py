"""How many short items of independent work share a task of the engine."""

import statistics
from collections import deque
from collections.abc import Iterable

RECENT = 32  # items whose times tell what the next ones will take
SHORTEST_SHARE = 4  # tasks a worker, at least, for what is left: all end at about the same time


class Pace:
    """Items share a task once the first ones have shown that a task costs more than they do.

    Parameters
    ----------
    workers : int
    task_s : float
        Seconds that the items of one task may take together; what they found is lost with their worker.
    """

    def __init__(self, workers: int, task_s: float) -> None:
        self._workers = workers
        self._task_s = task_s
        self._recent: deque[float] = deque(maxlen=RECENT)

    def add(self, seconds: Iterable[float]) -> None:
        """Take in the times of items that are done."""
        self._recent.extend(seconds)

    def share(self, remaining: int) -> int:
        """Number of items for the next task, at least 1."""
        if not self._recent:
            return 1
        fitting = int(self._task_s / max(statistics.median(self._recent), 1e-6))
        most = -(-remaining // (SHORTEST_SHARE * self._workers))
        return max(1, min(fitting, most))
