"""XGBoost's own collective among the members of a group: opened for one fit, closed in all cases."""

import ctypes
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

import numpy as np
from xgboost import collective
from xgboost.core import _LIB, XGBoostError
from xgboost.tracker import RabitTracker

from infra.engines.collective import Communicator
from infra.errors import EngineError

TIMEOUT_S = 120
TRACKER_START_S = 0.005  # asked before it is up, the tracker looks again only after 100 ms


@contextmanager
def summed_histograms(communicator: Communicator) -> Iterator[None]:
    """Within it, XGBoost sums its histograms over all members.

    Raises
    ------
    PeerLostError
        If another member is gone.
    EngineError
        If XGBoost fails in any member.
    """
    if communicator.size == 1:
        yield
        return
    failure = None
    with _tracker(communicator) as arguments:
        try:
            _enter(arguments, communicator)
            yield
        except XGBoostError as error:
            failure = str(error)
        finally:
            with suppress(XGBoostError):  # if it is broken, what broke it says why
                collective.finalize()
        # members meet after it, so that the loss of one is told apart from a broken connection
        failures = [found for found in communicator.allgather(failure) if found is not None]
    if failures:
        # one of them is the cause, the others the connections that it broke
        causes = "; ".join(
            dict.fromkeys(found.strip().splitlines()[0] for found in failures if found.strip())
        )
        raise EngineError(f"XGBoost failed in a group of {communicator.size} workers: {causes}")


@contextmanager
def _tracker(communicator: Communicator) -> Iterator[dict[str, Any]]:
    """The meeting point of the collective, at the first member; yields what each needs to enter."""
    if communicator.rank > 0:
        yield communicator.allgather(None)[0]
        return
    tracker = RabitTracker(
        n_workers=communicator.size, host_ip=communicator.host, sortby="task", timeout=TIMEOUT_S
    )
    tracker.start()
    time.sleep(TRACKER_START_S)
    try:
        yield communicator.allgather(tracker.worker_args())[0]
    finally:
        # a tracker that a broken group never told to end complains; what broke the group says why
        with suppress(XGBoostError):
            tracker.free()


def _enter(arguments: dict[str, Any], communicator: Communicator) -> None:
    # ranks follow the order of the task names
    context = collective.CommunicatorContext(
        **arguments, dmlc_task_id=f"{communicator.rank:06d}", dmlc_timeout=TIMEOUT_S
    )
    with _unannounced():
        collective.init(**context.args)
    # wait until everyone is in: a member that dies while another still waits for its connection would keep
    # that one waiting until the time is up
    collective.allreduce(np.zeros(1), collective.Op.SUM)
    if collective.get_rank() != communicator.rank:
        raise RuntimeError(f"the collective gave rank {collective.get_rank()} to member {communicator.rank}")


@contextmanager
def _unannounced() -> Iterator[None]:
    """Keep XGBoost from printing each member's rank, which it does at every verbosity."""
    silent = ctypes.CFUNCTYPE(None, ctypes.c_char_p)(lambda _message: None)
    _LIB.XGBRegisterLogCallback(silent)
    try:
        yield
    finally:
        _LIB.XGBRegisterLogCallback(_LIB.callback)
