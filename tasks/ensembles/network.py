"""LightGBM's own network among the members of a group: opened for one fit, closed in all cases."""

import os
import socket
import stat
import struct
import threading
import time
from collections.abc import Container, Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import Any

import lightgbm as lgb
import numpy as np

from infra.engines.collective import Communicator
from infra.errors import EngineError

TRIES = 5
TIMEOUT_MIN = 10  # that a member may compute while the others wait for it
ANSWER_TIMEOUT_S = 5


@contextmanager
def network(communicator: Communicator) -> Iterator[dict[str, Any]]:
    """Connect the members, in the order of their ranks; yields the parameters a fit among them needs.

    The network is that of the thread it is opened in. Each member listens on a free port until all are
    connected.

    Raises
    ------
    EngineError
        If a port was taken by somebody else at each of the bounded tries.
    """
    if communicator.size == 1:
        yield {}
        return
    holder = _holder()
    try:
        _connect(holder, communicator)
        yield {"num_machines": communicator.size, "tree_learner": "data"}
        communicator.allgather(None)  # nobody closes while others may still have something to receive
    finally:
        holder.free_network()


def _holder() -> lgb.Booster:
    """A booster whose parameters silence the library in this thread, and which opens and closes a network."""
    parameters = {"verbosity": -1, "num_threads": 1}
    return lgb.Booster(parameters, lgb.Dataset(np.zeros((2, 1)), np.zeros(2), params=parameters))


def _connect(holder: lgb.Booster, communicator: Communicator) -> None:
    failures: list[str] = []
    for _ in range(TRIES):
        with _reserved() as port:
            addresses = communicator.allgather((communicator.host, port))
        failure = None
        try:
            with _unheard:
                holder.set_network(
                    ",".join(f"{host}:{port}" for host, port in addresses),
                    local_listen_port=port,
                    listen_time_out=TIMEOUT_MIN,
                    num_machines=communicator.size,
                )
        except lgb.basic.LightGBMError as error:
            failure = str(error)
            _answer(communicator.rank, addresses)
        failures = [found for found in communicator.allgather(failure) if found]
        if not failures:
            _reset_when_lost({port for _, port in addresses})
            return
        holder.free_network()
    raise EngineError(f"LightGBM's network did not open in {TRIES} tries: {failures[0]}")


def _reset_when_lost(ports: Container[int]) -> None:
    """Have the connections at these ports reset when this process ends.

    LightGBM waits for ever on a connection that its other end has closed in good order, as the system does
    for a process that was killed; a reset is an error to it.
    """
    for descriptor in map(int, os.listdir("/dev/fd")):
        with suppress(OSError):
            if not stat.S_ISSOCK(os.fstat(descriptor).st_mode):
                continue
            with socket.socket(fileno=os.dup(descriptor)) as end:
                if end.family != socket.AF_INET:
                    continue
                if end.getsockname()[1] in ports or end.getpeername()[1] in ports:
                    end.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


@contextmanager
def _reserved() -> Iterator[int]:
    """A port that is free, and held so."""
    with socket.socket() as place:
        place.bind(("", 0))
        yield int(place.getsockname()[1])


def _answer(rank: int, addresses: Sequence[tuple[str, int]]) -> None:
    """Let those go on who wait for this member, which could not listen, so that all can try again."""
    until = time.monotonic() + ANSWER_TIMEOUT_S
    waiting = list(addresses[rank + 1 :])  # each member waits for all that come before it
    while waiting and time.monotonic() < until:
        try:
            with socket.create_connection(waiting[0], timeout=ANSWER_TIMEOUT_S) as connection:
                connection.sendall(struct.pack("i", rank))
            waiting.pop(0)
        except OSError:  # it does not listen yet
            time.sleep(0.05)


class _Unheard:
    """Keeps from standard output what LightGBM's listening thread prints at every verbosity.

    Members can be threads of one process: the first to come closes the output, the last to go opens it.
    """

    def __init__(self) -> None:
        self._lock, self._inside, self._kept = threading.Lock(), 0, -1

    def __enter__(self) -> None:
        with self._lock:
            if self._inside == 0:
                self._kept, nowhere = os.dup(1), os.open(os.devnull, os.O_WRONLY)
                os.dup2(nowhere, 1)
                os.close(nowhere)
            self._inside += 1

    def __exit__(self, *_error: object) -> None:
        with self._lock:
            self._inside -= 1
            if self._inside == 0:
                os.dup2(self._kept, 1)
                os.close(self._kept)


_unheard = _Unheard()
