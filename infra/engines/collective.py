"""A group of workers that exchange results: processes through XGBoost's collective, threads in memory."""

import ctypes
import pickle
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from copy import deepcopy
from dataclasses import dataclass
from threading import Barrier
from typing import Any, TypeVar

import numpy as np

from infra.errors import EngineError

T = TypeVar("T")

RENDEZVOUS_TIMEOUT_S = 120
TRACKER_START_S = 0.005  # asked before it is up, the tracker looks again only after 100 ms


@dataclass
class Communicator:
    """One member of the group: its rank, and the exchange with the others."""

    rank: int
    size: int
    host: str = "127.0.0.1"
    """Address at which the others reach this member."""

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


class ThreadCommunicator(Communicator):
    """A member among threads of one process."""

    def __init__(self, rank: int, size: int, places: list[Any], barrier: Barrier) -> None:
        super().__init__(rank, size)
        self._places, self._barrier = places, barrier

    def allgather(self, value: Any) -> list[Any]:
        """Everyone's `value`, in rank order."""
        self._places[self.rank] = value
        self._barrier.wait()
        # copies of what is others', as they would come from another process
        everyone = [value if i == self.rank else deepcopy(value) for i, value in enumerate(self._places)]
        self._barrier.wait()  # until all have read
        return everyone


@contextmanager
def rendezvous(size: int, host: str) -> Iterator[dict[str, Any]]:
    """Meeting point of `size` workers at the driver; yields what each needs to `join`."""
    from xgboost.core import XGBoostError
    from xgboost.tracker import RabitTracker

    if size == 1:
        yield {}
        return
    tracker = RabitTracker(n_workers=size, host_ip=host, sortby="task", timeout=RENDEZVOUS_TIMEOUT_S)
    tracker.start()
    time.sleep(TRACKER_START_S)
    try:
        yield tracker.worker_args()
    finally:
        # a tracker that a broken group never told to end complains; what broke the group says why
        with suppress(XGBoostError):
            tracker.free()


def join(arguments: dict[str, Any], rank: int, size: int, work: Callable[[Communicator], T]) -> T:
    """Take part in a group as member `rank` while `work` runs.

    Raises
    ------
    EngineError
        If the group does not come together in time.
    XGBoostError
        If another member is lost.
    """
    if size == 1:
        return work(Communicator(0, 1))
    from xgboost import collective
    from xgboost.core import XGBoostError

    # ranks follow the order of the task names
    context = collective.CommunicatorContext(
        **arguments, dmlc_task_id=f"{rank:06d}", dmlc_timeout=RENDEZVOUS_TIMEOUT_S
    )
    start = time.monotonic()
    try:
        with _unannounced():
            collective.init(**context.args)
        # wait until everyone is in: a member that dies while another still waits for its connection would
        # keep that one waiting until the time is up
        collective.allreduce(np.zeros(1), collective.Op.SUM)
    except XGBoostError as error:
        with suppress(XGBoostError):
            collective.finalize()
        if time.monotonic() - start < RENDEZVOUS_TIMEOUT_S:
            raise  # not the time was up: a member is gone
        raise EngineError(
            f"the {size} members of a group did not meet within {RENDEZVOUS_TIMEOUT_S} s; "
            "are other tasks holding their workers?"
        ) from error
    try:
        if collective.get_rank() != rank:
            raise RuntimeError(f"the group gave rank {collective.get_rank()} to member {rank}")
        result = work(Communicator(rank, size, _own_host(**arguments)))
    except BaseException:
        with suppress(XGBoostError):  # the group is broken, and the exception under way says why
            collective.finalize()
        raise
    collective.finalize()
    return result


def _own_host(dmlc_tracker_uri: str, dmlc_tracker_port: int, **_others: Any) -> str:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:  # connects nothing, finds the route
        probe.connect((dmlc_tracker_uri, int(dmlc_tracker_port)))
        return str(probe.getsockname()[0])


@contextmanager
def _unannounced() -> Iterator[None]:
    """Keep XGBoost from printing each member's rank, which it does at every verbosity."""
    from xgboost.core import _LIB

    silent = ctypes.CFUNCTYPE(None, ctypes.c_char_p)(lambda _message: None)
    _LIB.XGBRegisterLogCallback(silent)
    try:
        yield
    finally:
        _LIB.XGBRegisterLogCallback(_LIB.callback)
