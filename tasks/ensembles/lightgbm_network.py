"""LightGBM's own network among the members of a group: opened for one fit, closed in all cases.

LightGBM can also be given functions that communicate for it (`LGBM_NetworkInitWithFunctions`). Those cannot
report that a member is lost: an error cannot leave a Python callback through LightGBM's C++ code, and training
would continue with wrong numbers.
"""

import os
import socket
import struct
import threading
import time
from collections.abc import Container, Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import Any

import lightgbm as lgb
import numpy as np
import psutil

from infra.engines.collective import Communicator
from infra.errors import EngineError
from infra.retrying import retry

TRIES = 5
TIMEOUT_MIN = 10
"""Minutes that a member may compute while the others wait for it."""
GREETING_TRIES = 100
GREETING_PAUSE_S = 0.05
GREETING_TIMEOUT_S = 5


class _NotConnectedError(EngineError):
    """A member could not open its network."""


@contextmanager
def lightgbm_network(communicator: Communicator) -> Iterator[dict[str, Any]]:
    """Connect the members, in the order of their ranks.

    The network belongs to the thread that opens it. Each member listens on a free port until all members are
    connected.

    Parameters
    ----------
    communicator : Communicator
        This member of the group.

    Yields
    ------
    dict of str to value
        LightGBM's parameters of a fit among the members.

    Raises
    ------
    EngineError
        If another program took a member's port at each of the bounded tries.
    """
    if communicator.size == 1:
        yield {}
        return
    booster = _network_booster()
    try:
        _connect(booster, communicator)
        yield {"num_machines": communicator.size, "tree_learner": "data"}
        communicator.allgather(None)  # no member closes while another may still have something to receive
    finally:
        booster.free_network()


def _network_booster() -> lgb.Booster:
    """A booster that opens and closes networks; its parameters silence LightGBM in this thread."""
    parameters = {"verbosity": -1, "num_threads": 1}
    return lgb.Booster(parameters, lgb.Dataset(np.zeros((2, 1)), np.zeros(2), params=parameters))


def _connect(booster: lgb.Booster, communicator: Communicator) -> None:
    try:
        retry(
            lambda: _try_to_connect(booster, communicator),
            tries=TRIES,
            on=_NotConnectedError,
            failed=lambda *_: booster.free_network(),
        )
    except _NotConnectedError as error:
        raise EngineError(f"LightGBM's network did not open in {TRIES} tries: {error}") from None


def _try_to_connect(booster: lgb.Booster, communicator: Communicator) -> None:
    """Open the network; all members succeed or fail together."""
    with _reserved_port() as port:
        addresses = communicator.allgather((communicator.host, port))
    failure = None
    try:
        with _no_standard_output:
            booster.set_network(
                ",".join(f"{host}:{port}" for host, port in addresses),
                local_listen_port=port,
                listen_time_out=TIMEOUT_MIN,
                num_machines=communicator.size,
            )
    except lgb.basic.LightGBMError as error:
        failure = str(error)
        _greet(addresses[communicator.rank + 1 :], communicator.rank)
    failures = [found for found in communicator.allgather(failure) if found]
    if failures:
        raise _NotConnectedError(failures[0])
    _reset_connections_at_exit({port for _, port in addresses})


def _reset_connections_at_exit(ports: Container[int]) -> None:
    """Have the connections at these ports reset, rather than closed in good order, when this process ends.

    LightGBM ends a fit with an error when a connection is reset. When a connection is closed normally, as the
    system does for a killed process, LightGBM reads from the connection for ever. The issue is known
    (github.com/lightgbm-org/LightGBM/pull/7178) and not fixed in version 4.7. LightGBM has no interface for the
    options or the descriptors of its sockets, so this function finds the sockets by their ports.
    """
    for connection in psutil.Process().net_connections("tcp4"):
        with suppress(OSError), socket.socket(fileno=os.dup(connection.fd)) as end:
            if end.getsockname()[1] in ports or end.getpeername()[1] in ports:
                end.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


@contextmanager
def _reserved_port() -> Iterator[int]:
    """A free port, which nobody else gets meanwhile."""
    with socket.socket() as holder:
        holder.bind(("", 0))
        yield int(holder.getsockname()[1])


def _greet(addresses: Sequence[tuple[str, int]], rank: int) -> None:
    """Release the members that wait for this one, which could not listen, so that all members can try again.

    Each member waits for the connections of all members of a lower rank.
    """
    waiting = list(addresses)

    def greet_all() -> None:
        while waiting:
            with socket.create_connection(waiting[0], timeout=GREETING_TIMEOUT_S) as connection:
                connection.sendall(struct.pack("i", rank))
            waiting.pop(0)

    with suppress(OSError):
        retry(
            greet_all,
            tries=GREETING_TRIES,
            on=ConnectionError,  # a member does not listen yet
            failed=lambda *_: time.sleep(GREETING_PAUSE_S),
        )


class _NoStandardOutput:
    """Discards what is written to file descriptor 1 while at least one thread is inside.

    LightGBM starts a thread to listen, and that thread prints "Listening..." whatever the verbosity: the
    level of the log and the callback that takes its lines belong to a thread (`thread_local` in LightGBM's
    include/LightGBM/utils/log.h), and nobody can set them in a thread that LightGBM itself starts
    (`Linkers::ListenThread` in src/network/linkers_socket.cpp). The line goes to C's standard output, which
    Python's `redirect_stdout` does not reach. Members of a group are single-threaded worker processes, so no
    other output is lost; where members are threads of one process, the first to enter discards and the last
    to leave restores.
    """

    def __init__(self) -> None:
        self._lock, self._inside, self._output = threading.Lock(), 0, -1

    def __enter__(self) -> None:
        with self._lock:
            if self._inside == 0:
                self._output, nowhere = os.dup(1), os.open(os.devnull, os.O_WRONLY)
                os.dup2(nowhere, 1)
                os.close(nowhere)
            self._inside += 1

    def __exit__(self, *_error: object) -> None:
        with self._lock:
            self._inside -= 1
            if self._inside == 0:
                os.dup2(self._output, 1)
                os.close(self._output)


_no_standard_output = _NoStandardOutput()
