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
TRACKER_START_S = 0.005
"""Seconds until a tracker listens: a member that calls earlier tries again only after 100 ms."""


@contextmanager
def xgboost_collective(communicator: Communicator) -> Iterator[None]:
    """Connect the members; inside, XGBoost sums its histograms over all of them.

    Parameters
    ----------
    communicator : Communicator
        This member of the group.

    Raises
    ------
    PeerLostError
        If another member is lost.
    EngineError
        If XGBoost fails at any member.
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
            with suppress(XGBoostError):  # a broken collective fails here again; the first error says why
                collective.finalize()
        # members meet after the fit, so that a lost member is distinguished from a broken connection
        failures = [found for found in communicator.allgather(failure) if found is not None]
    if failures:
        raise EngineError(f"XGBoost failed in a group of {communicator.size} workers: {_causes(failures)}")


def _causes(failures: list[str]) -> str:
    """First lines of all errors: one is the cause, the others are connections that it broke."""
    return "; ".join(dict.fromkeys(found.strip().splitlines()[0] for found in failures if found.strip()))


@contextmanager
def _tracker(communicator: Communicator) -> Iterator[dict[str, Any]]:
    """Run XGBoost's tracker, where the members meet, at the first member; yield the arguments to join it."""
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
        # the tracker raises an error if a broken group did not end it, but the group's own error has the cause
        with suppress(XGBoostError):
            tracker.free()


def _enter(arguments: dict[str, Any], communicator: Communicator) -> None:
    # XGBoost gives ranks in the order of the task names
    context = collective.CommunicatorContext(
        **arguments, dmlc_task_id=f"{communicator.rank:06d}", dmlc_timeout=TIMEOUT_S
    )
    with _no_log():
        collective.init(**context.args)
    # wait until all members are connected: if a member died while another still waits for its connection, the
    # other one would wait until the timeout
    collective.allreduce(np.zeros(1), collective.Op.SUM)
    if collective.get_rank() != communicator.rank:
        raise RuntimeError(f"the collective gave rank {collective.get_rank()} to member {communicator.rank}")


@contextmanager
def _no_log() -> Iterator[None]:
    """Discard XGBoost's log: it prints each member's rank at every verbosity.

    XGBoost sets its log callback once, at import, through the C API, and has no function in Python that
    replaces it (`_register_log_callback` in xgboost/core.py).
    """
    silent = ctypes.CFUNCTYPE(None, ctypes.c_char_p)(lambda _message: None)
    _LIB.XGBRegisterLogCallback(silent)
    try:
        yield
    finally:
        _LIB.XGBRegisterLogCallback(_LIB.callback)
