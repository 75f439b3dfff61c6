"""A group of workers that exchange small results among themselves, through XGBoost's collective."""

import pickle
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np

RENDEZVOUS_TIMEOUT_S = 120


@dataclass(frozen=True)
class Communicator:
    """One member of the group: its rank, and the exchange with the others."""

    rank: int
    size: int

    def allgather(self, value: Any) -> list[Any]:
        """Everyone's `value` (picklable), in rank order."""
        if self.size == 1:
            return [value]
        from xgboost import collective

        mine = np.frombuffer(pickle.dumps(value, protocol=pickle.HIGHEST_PROTOCOL), dtype=np.uint8)
        lengths = np.zeros(self.size, dtype=np.int64)
        lengths[self.rank] = len(mine)
        stops = np.cumsum(collective.allreduce(lengths, collective.Op.SUM))
        # each member fills its own part of a buffer of zeros, so that the sum is the concatenation
        buffer = np.zeros(int(stops[-1]), dtype=np.uint8)
        stop = int(stops[self.rank])
        buffer[stop - len(mine) : stop] = mine
        joined = collective.allreduce(buffer, collective.Op.SUM).tobytes()
        starts = [0, *stops[:-1].tolist()]
        return [pickle.loads(joined[a:b]) for a, b in zip(starts, stops.tolist(), strict=True)]  # noqa: S301


@contextmanager
def rendezvous(size: int, host: str) -> Iterator[dict[str, Any]]:
    """Meeting point of `size` workers at the driver; yields what each needs to `join`."""
    from xgboost.tracker import RabitTracker

    if size == 1:
        yield {}
        return
    tracker = RabitTracker(n_workers=size, host_ip=host, sortby="task", timeout=RENDEZVOUS_TIMEOUT_S)
    tracker.start()
    try:
        yield tracker.worker_args()
    finally:
        tracker.free()


def join(arguments: dict[str, Any], rank: int, size: int, work: Callable[[Communicator], Any]) -> Any:
    """Take part in a group as member `rank` while `work` runs."""
    if size == 1:
        return work(Communicator(0, 1))
    from xgboost import collective

    # ranks follow the order of the task names
    with collective.CommunicatorContext(
        **arguments, dmlc_task_id=f"{rank:06d}", dmlc_timeout=RENDEZVOUS_TIMEOUT_S
    ):
        if collective.get_rank() != rank:
            raise RuntimeError(f"the group gave rank {collective.get_rank()} to member {rank}")
        return work(Communicator(rank, size))
