"""Workers that Dask killed because they used too much memory: detection, error message, and a limit of the tries.

A nanny process watches each worker and kills it when its memory comes close to its limit. The nanny then logs an
event on the scheduler, which any client of the cluster can read.
"""

from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from threading import Lock
from typing import Any

from dask.utils import format_bytes
from distributed import Client
from distributed.diagnostics.plugin import SchedulerPlugin
from distributed.scheduler import Scheduler

MEMORY_TRIES = 2
"""Tries of work that has its worker killed for memory.

The same work needs the same memory again, so a third try would only cost time. There is a second try because the
killed worker may have held other work as well, and that other work may have needed the memory.
"""
TOPIC = "worker-restart-memory"  # under which a nanny of Dask logs that it kills its worker


@dataclass(frozen=True)
class MemoryKill:
    """One worker that Dask killed because it used too much memory."""

    worker: str
    """Address of the worker."""
    used: int
    """Bytes of memory that the worker used when it was killed."""
    limit: int | None
    """Bytes of memory that the worker was allowed; None if that is not known."""

    def __str__(self) -> str:
        limit = "is not known" if self.limit is None else f"is {format_bytes(self.limit)}"
        return (
            f"a Dask worker ran out of memory: it used {format_bytes(self.used)}, its limit {limit}, and Dask ends "
            "a worker that comes close to its limit; use fewer workers, workers with more memory, or a smaller table"
        )


class MemoryKills:
    """The workers that were killed for memory while they worked for one client of the cluster.

    Parameters
    ----------
    client : distributed.Client
        The client that asks the scheduler.
    ours : callable
        Called as `ours(key)`; tells whether the task or data of that key belongs to the work in question.
    """

    def __init__(self, client: Client, ours: Callable[[Any], bool]) -> None:
        self._client = client
        self._ours = ours
        self._limits: dict[str, int] = {}
        self.remember(workers_of(client))
        self._told: set[tuple[float, str]] = set()
        self._lock = Lock()

    def remember(self, workers: Mapping[str, Mapping[str, Any]]) -> None:
        """Remember the limits of workers, as `workers_of` returns them; the scheduler forgets a lost worker."""
        self._limits |= {address: worker["memory_limit"] for address, worker in workers.items()}

    def new(self, exchange: bool = False) -> list[MemoryKill]:
        """Return the kills that this method has not returned before, in their order.

        Parameters
        ----------
        exchange : bool, default=False
            Whether the work was an exchange of data with workers. No task tells then which workers took part, and
            all kills count.

        Returns
        -------
        list of MemoryKill
        """
        with self._lock, suppress(OSError):  # a scheduler that is gone has no more to tell
            self.remember(workers_of(self._client))
            return [
                self._told_once(time, event)
                for time, event in self._client.get_events(TOPIC)
                if (time, event["worker"]) not in self._told and (exchange or self._hit(event["worker"]))
            ]
        return []

    def _hit(self, worker: str) -> bool:
        """Tell whether a worker had a task or data of ours when it was lost."""
        lost = [event for _, event in self._client.get_events(worker) if event["action"] == "remove-worker"]
        held = ("processing-tasks", "lost-computed-tasks", "lost-scattered-tasks")
        return any(self._ours(key) for event in lost for part in held for key in event[part])

    def _told_once(self, time: float, event: Mapping[str, Any]) -> MemoryKill:
        self._told.add((time, event["worker"]))
        return MemoryKill(event["worker"], event["rss"], self._limit(event["worker"]))

    def _limit(self, worker: str) -> int | None:
        """Return the limit of a killed worker: its own limit if known, else the limit that all workers share."""
        if worker in self._limits:
            return self._limits[worker]
        shared = set(self._limits.values())
        return shared.pop() if len(shared) == 1 else None


class FailAtOnce(SchedulerPlugin):
    """Plugin that keeps a scheduler from trying a task again whose worker was killed for memory.

    The scheduler would run the task on three more workers, and each of these workers would be killed. With this plugin
    the task fails at the first kill, and the submitter of the task decides whether to try again.
    """

    async def start(self, scheduler: Scheduler) -> None:
        """Remember the scheduler, which calls this method when it starts."""
        self._scheduler = scheduler

    def log_event(self, topic: str, msg: Any) -> None:
        """Mark the tasks of a worker that is about to be killed as having had all their tries.

        Parameters
        ----------
        topic : str
            Topic of the logged event.
        msg : object
            The event.
        """
        if topic != TOPIC:
            return
        worker = self._scheduler.workers.get(msg["worker"])
        for task in worker.processing if worker else ():
            task.suspicious = self._scheduler.allowed_failures


def workers_of(client: Client) -> dict[str, dict[str, Any]]:
    """Return the scheduler's information about its workers, by their addresses."""
    # this asks the scheduler itself, because the client's own copy sometimes lacks the workers
    workers: dict[str, dict[str, Any]] = client.sync(client.scheduler.identity, n_workers=-1)["workers"]
    return workers
