"""Groups of members that exchange results through sockets."""

import os
import pickle
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

import numpy as np
import pytest

from infra.engines.collective import HELLO, Communicator, Meeting, PeerLostError, join, rendezvous
from infra.errors import EngineError

Work = Callable[[Communicator], Any]


def group(works: list[Work], host: str = "127.0.0.1") -> list[Future[Any]]:
    """What each member of a group of threads, connected like processes, ends with."""
    with rendezvous(len(works), host) as meeting, ThreadPoolExecutor(len(works)) as pool:
        return [pool.submit(join, meeting, rank, len(works), work) for rank, work in enumerate(works)]


@pytest.mark.parametrize("size", [1, 2, 5])
@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "127.0.1.1"])
def test_values_of_any_length_in_rank_order(size: int, host: str) -> None:
    def exchange(communicator: Communicator) -> list[Any]:
        communicator.allgather(None)
        return [len(value) for value in communicator.allgather(np.zeros(communicator.rank * 300_000))]

    assert [found.result(60) for found in group([exchange] * size, host)] == [
        [rank * 300_000 for rank in range(size)]
    ] * size


def test_what_a_member_gives_stays_its_own() -> None:
    def exchange(communicator: Communicator) -> bool:
        mine = np.arange(3)
        everyone = communicator.allgather(mine)
        return [value is mine for value in everyone].count(True) == 1 and everyone[communicator.rank] is mine

    assert all(found.result(60) for found in group([exchange] * 3))


@pytest.mark.parametrize("guilty", [0, 1, 2])
def test_who_leaves_over_an_exception_is_lost_to_the_others(guilty: int) -> None:
    def work(communicator: Communicator) -> Any:
        communicator.allgather(0)
        if communicator.rank == guilty:
            raise ValueError("not to my taste")
        return communicator.allgather(communicator.rank)

    for rank, found in enumerate(group([work] * 3)):
        with pytest.raises(ValueError if rank == guilty else PeerLostError):
            found.result(60)


def test_a_meeting_to_which_nobody_comes_ends_in_silence() -> None:
    before = threading.active_count()
    with rendezvous(2, "127.0.0.1") as meeting:
        assert meeting is not None
    until = time.monotonic() + 10
    while threading.active_count() > before and time.monotonic() < until:
        time.sleep(0.01)
    assert threading.active_count() <= before


def test_who_waits_at_a_meeting_that_is_given_up_is_told() -> None:
    with ThreadPoolExecutor(1) as pool:
        with rendezvous(2, "127.0.0.1") as meeting:
            waiting = pool.submit(join, meeting, 0, 2, lambda communicator: communicator.allgather(0))
            time.sleep(0.3)
            assert not waiting.done()
        with pytest.raises(PeerLostError):
            waiting.result(10)
        with pytest.raises(PeerLostError):  # and so is who comes late
            join(meeting, 1, 2, lambda communicator: communicator.allgather(0))


def test_a_member_whose_peers_do_not_come_gives_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("infra.engines.collective.RENDEZVOUS_TIMEOUT_S", 2)
    with rendezvous(2, "127.0.0.1") as meeting, pytest.raises(EngineError, match="did not meet within 2 s"):
        join(meeting, 0, 2, lambda communicator: communicator.allgather(0))


PROCESS = """
import pickle, sys
from infra.engines.collective import join

def work(communicator):
    communicator.allgather(0)
    print("in", flush=True)
    for _ in range(int(sys.argv[2])):
        communicator.allgather(communicator.rank)

print("comes", flush=True)
join(pickle.loads(bytes.fromhex(sys.argv[1])), 1, 2, work)
"""


def process(meeting: Meeting | None, exchanges: int) -> subprocess.Popen[str]:
    """The second member of a group of two, in a process of its own; once it is in, it makes some exchanges."""
    command = [sys.executable, "-c", PROCESS, pickle.dumps(meeting).hex(), str(exchanges)]
    found = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert found.stdout
    assert found.stdout.readline() == "comes\n"
    return found


def test_a_killed_process_is_lost_to_the_others() -> None:
    def work(communicator: Communicator) -> Any:
        communicator.allgather(0)
        assert peer.stdout
        assert peer.stdout.readline() == "in\n"
        os.kill(peer.pid, signal.SIGKILL)
        while True:
            communicator.allgather(0)

    with rendezvous(2, "127.0.0.1") as meeting:
        peer = process(meeting, exchanges=10**9)
        with peer, pytest.raises(PeerLostError):
            join(meeting, 0, 2, work)
    assert peer.returncode == -signal.SIGKILL


def test_who_dies_while_it_waits_for_the_others_may_be_replaced() -> None:
    with rendezvous(2, "127.0.0.1") as meeting:
        with process(meeting, exchanges=1) as dying:
            time.sleep(0.3)
            dying.kill()
        with process(meeting, exchanges=1):
            assert join(meeting, 0, 2, lambda c: [c.allgather(0), c.allgather(0)][1]) == [0, 1]


def test_strangers_are_not_let_in() -> None:
    with rendezvous(2, "127.0.0.1") as meeting, ThreadPoolExecutor(2) as pool:
        assert meeting is not None
        assert meeting.secret.hex() not in repr(meeting)
        strange = HELLO.pack(b"?" * len(meeting.secret), 0, 1)
        for said in (b"", b"GET / HTTP/1.1\r\n\r\n" + b" " * 64, strange):
            with socket.create_connection((meeting.host, meeting.port)) as stranger:
                stranger.sendall(said)
        members = [
            pool.submit(join, meeting, rank, 2, lambda communicator: communicator.allgather("mine"))
            for rank in range(2)
        ]
        assert [member.result(60) for member in members] == [["mine", "mine"]] * 2


def test_a_driver_that_cannot_be_reached_is_named() -> None:
    meeting = Meeting("driver.invalid", 1234, b"")
    with pytest.raises(EngineError, match=r"does not reach the driver at driver\.invalid:1234") as found:
        join(meeting, 0, 2, lambda communicator: communicator.allgather(0))
    assert not isinstance(found.value, PeerLostError)


def test_who_dies_between_the_meeting_and_its_call_is_lost(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("infra.engines.collective.ANSWER_TIMEOUT_S", 1)
    with rendezvous(2, "127.0.0.1") as meeting, ThreadPoolExecutor(1) as pool:
        assert meeting is not None
        first = pool.submit(join, meeting, 0, 2, lambda communicator: communicator.allgather(0))
        with socket.create_connection((meeting.host, meeting.port)) as second:
            second.sendall(HELLO.pack(meeting.secret, 1, 0))
            assert second.recv(1)  # told where the first one listens, it never calls
        with pytest.raises(PeerLostError):
            first.result(30)
