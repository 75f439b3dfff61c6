"""A group of workers that exchange results: processes through sockets, threads in memory."""

import hmac
import pickle
import select
import socket
import struct
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from copy import deepcopy
from dataclasses import dataclass, field
from ipaddress import ip_address
from secrets import token_bytes
from threading import Barrier, Thread
from typing import Any, BinaryIO, TypeVar

from infra.errors import EngineError

T = TypeVar("T")

RENDEZVOUS_TIMEOUT_S = 120
ANSWER_TIMEOUT_S = 10  # once all members have come
# idle seconds, seconds between probes, probes: a machine that is silent for a minute is lost
KEEPALIVE = {"TCP_KEEPIDLE": 30, "TCP_KEEPINTVL": 5, "TCP_KEEPCNT": 6}
HELLO = struct.Struct(
    "!16sII"
)  # the group's secret, the caller's rank, the port where the first member listens
ROOT = struct.Struct("!64sI")  # the host and port where the first member listens


class PeerLostError(EngineError):
    """Another member of the group is gone, or has left the group because it raised an exception."""


@dataclass
class Communicator:
    """One member's side of the exchange with the other members of its group.

    The members form a star: the first member gathers the values of all, and sends them to all.
    """

    rank: int
    """Number of this member, from 0."""
    size: int
    """Number of members."""
    host: str = "127.0.0.1"
    """Address at which the other members reach this member."""
    streams: Mapping[int, BinaryIO] = field(default_factory=dict, repr=False)
    """Connections by rank: the first member has one to each other member, any other member has one to the first."""

    def allgather(self, value: Any) -> list[Any]:
        """Give a value to all members, and return the values of all members.

        Parameters
        ----------
        value : object
            Value of this member, which can be pickled.

        Returns
        -------
        list
            Values of all members, in the order of their ranks.

        Raises
        ------
        PeerLostError
            If another member is gone.
        """
        if self.size == 1:
            return [value]
        with _connected():
            if self.rank > 0:
                _send(self.streams[0], pickle.dumps(value, pickle.HIGHEST_PROTOCOL))
                everyone = pickle.load(self.streams[0])  # noqa: S301 (the sender knew the group's secret)
            else:
                others = [pickle.load(self.streams[rank]) for rank in range(1, self.size)]  # noqa: S301
                everyone = [value, *others]
                message = pickle.dumps(everyone, pickle.HIGHEST_PROTOCOL)
                for stream in self.streams.values():
                    _send(stream, message)
        everyone[self.rank] = value
        return list(everyone)


class ThreadCommunicator(Communicator):
    """The communicator of a group whose members are threads of one process.

    Parameters
    ----------
    rank : int
        Number of this member, from 0.
    size : int
        Number of members.
    places : list
        One place for the value of each member; all members share the list.
    barrier : threading.Barrier
        Barrier for all members.
    """

    def __init__(self, rank: int, size: int, places: list[Any], barrier: Barrier) -> None:
        super().__init__(rank, size)
        self._places, self._barrier = places, barrier

    def allgather(self, value: Any) -> list[Any]:
        """Give a value to all members, and return the values of all members, in the order of their ranks."""
        self._places[self.rank] = value
        self._barrier.wait()
        # copies of the other members' values, as they would come from another process
        everyone = [value if i == self.rank else deepcopy(value) for i, value in enumerate(self._places)]
        self._barrier.wait()  # until all members have read
        return everyone


@dataclass(frozen=True)
class Meeting:
    """The address where the members of a group meet, and the secret that proves that they belong to the group."""

    host: str
    """Address of the process that waits for the members."""
    port: int
    """Port on which it listens."""
    secret: bytes = field(repr=False)
    """Random bytes that only the members of the group know."""


@contextmanager
def rendezvous(size: int, host: str) -> Iterator[Meeting | None]:
    """Open the meeting point of a group for the time of a context.

    A member that still waits there when the context ends gets a `PeerLostError`.

    Parameters
    ----------
    size : int
        Number of members.
    host : str
        Address at which the members reach this process.

    Yields
    ------
    Meeting or None
        Address and secret that each member needs to `join`; None if there is only one member.
    """
    if size == 1:
        yield None
        return
    with socket.create_server((host if _is_loopback(host) else "", 0), backlog=size) as server:
        meeting = Meeting(host, server.getsockname()[1], token_bytes(16))
        Thread(target=_introduce, args=(server, size, meeting.secret), name="rendezvous", daemon=True).start()
        try:
            yield meeting
        finally:
            with suppress(OSError):
                server.shutdown(socket.SHUT_RDWR)


def _introduce(server: socket.socket, size: int, secret: bytes) -> None:
    """Tell all members where the first member listens, as soon as all of them are there."""
    with ExitStack() as stack, suppress(OSError):  # the server is shut down
        members: dict[int, tuple[socket.socket, int]] = {}
        while len(members) < size:
            connection, rank, port = _caller(server, secret)
            members[rank] = stack.enter_context(connection), port
            members = {rank: member for rank, member in members.items() if not _has_hung_up(member[0])}
        connection, port = members[0]
        root = ROOT.pack(connection.getpeername()[0].encode(), port)
        for connection, _ in members.values():
            with suppress(OSError):
                connection.sendall(root)


def _has_hung_up(connection: socket.socket) -> bool:
    """Tell whether a member has closed its connection after its hello; a waiting member sends nothing."""
    poll = select.poll()
    poll.register(connection, select.POLLIN)
    return bool(poll.poll(0))


def join(meeting: Meeting | None, rank: int, size: int, work: Callable[[Communicator], T]) -> T:
    """Take part in a group for the time of some work.

    Parameters
    ----------
    meeting : Meeting or None
        Meeting point of the group; None if there is only one member.
    rank : int
        Number of this member, from 0.
    size : int
        Number of members.
    work : callable
        Function that is called as `work(communicator)`.

    Returns
    -------
    object
        Result of `work`.

    Raises
    ------
    EngineError
        If the group does not come together in time.
    PeerLostError
        If another member is lost.
    """
    if meeting is None:
        return work(Communicator(0, 1))
    with ExitStack() as stack:
        with _connected():
            communicator = _met(meeting, rank, size, stack)
        return work(communicator)


def _met(meeting: Meeting, rank: int, size: int, stack: ExitStack) -> Communicator:
    """Come to the meeting, and connect: the first member accepts the connections of all other members."""
    with _at_the_meeting(meeting) as driver, ExitStack() as listening:
        host = driver.getsockname()[0]
        server, own_port = None, 0
        if rank == 0:
            server = listening.enter_context(socket.create_server((host, 0), backlog=size))
            own_port = server.getsockname()[1]
        driver.sendall(HELLO.pack(meeting.secret, rank, own_port))
        try:
            address, port = ROOT.unpack(_received(driver, ROOT.size))
        except TimeoutError:
            raise EngineError(
                f"the {size} members of a group did not meet within {RENDEZVOUS_TIMEOUT_S} s; "
                "are other tasks holding their workers?"
            ) from None
        streams = {}
        if server is None:
            root = stack.enter_context(
                socket.create_connection((address.rstrip(b"\0").decode(), port), ANSWER_TIMEOUT_S)
            )
            root.sendall(HELLO.pack(meeting.secret, rank, 0))
            streams[0] = _stream(root, stack)
        else:
            server.settimeout(ANSWER_TIMEOUT_S)
            while len(streams) < size - 1:
                connection, caller, _ = _caller(server, meeting.secret)
                streams[caller] = _stream(stack.enter_context(connection), stack)
    return Communicator(rank, size, host, streams)


def _at_the_meeting(meeting: Meeting) -> socket.socket:
    try:
        return socket.create_connection((meeting.host, meeting.port), RENDEZVOUS_TIMEOUT_S)
    except ConnectionRefusedError:
        raise  # the meeting has been given up
    except OSError as error:
        raise EngineError(
            f"this worker does not reach the driver at {meeting.host}:{meeting.port} ({error}); "
            "is the driver's address one that the workers know, and open to them?"
        ) from error


def _caller(server: socket.socket, secret: bytes) -> tuple[socket.socket, int, int]:
    """Return the connection, rank and port of the next caller who knows the secret."""
    while True:
        connection, _ = server.accept()
        try:
            connection.settimeout(ANSWER_TIMEOUT_S)
            told, rank, port = HELLO.unpack(_received(connection, HELLO.size))
        except (OSError, EOFError):
            connection.close()
            continue
        if hmac.compare_digest(told, secret):
            return connection, rank, port
        connection.close()


def _received(connection: socket.socket, size: int) -> bytes:
    received = b""
    while len(received) < size:
        part = connection.recv(size - len(received))
        if not part:
            raise EOFError
        received += part
    return received


def _stream(connection: socket.socket, stack: ExitStack) -> BinaryIO:
    """Return a connection as a file.

    The connection has no time limit, because a member may compute for long while the others wait. The system checks
    whether the other machine is still there.
    """
    connection.settimeout(None)
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    for name, value in KEEPALIVE.items():
        if hasattr(socket, name):  # not every system has all of them
            connection.setsockopt(socket.IPPROTO_TCP, getattr(socket, name), value)
    stream = connection.makefile("rwb")
    stack.push(lambda *_error: _closed(stream))
    return stream  # type: ignore[return-value]


def _closed(stream: Any) -> None:
    with suppress(OSError):  # the rest of its buffer cannot be sent any more
        stream.close()


def _send(stream: BinaryIO, message: bytes) -> None:
    stream.write(message)
    stream.flush()


@contextmanager
def _connected() -> Iterator[None]:
    try:
        yield
    except (EOFError, OSError, pickle.UnpicklingError) as error:
        raise PeerLostError(f"a member of the group is gone ({type(error).__name__}: {error})") from error


def _is_loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:  # a name
        return host == "localhost"
