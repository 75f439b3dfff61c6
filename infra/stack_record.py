"""The record of the started servers of a home folder, and the lock for their start and stop."""

import json
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

import psutil
from filelock import AcquireReturnProxy, BaseFileLock, FileLock, Timeout

from infra import processes
from infra.errors import StackError
from infra.launch import Report
from infra.server_kinds import KINDS, ServerKind
from infra.settings import Settings

LOCK_LIMIT_S = 150.0
"""Seconds to wait for another command: longer than a start may take, and stopping the servers if it fails."""


@dataclass(frozen=True)
class Server:
    """A server of the stack. A server that the settings name has only a name and a url.

    Parameters
    ----------
    name : str
        Name of the server's kind.
    url : str
        Address for clients.
    pid : int, optional
        Id of the topmost process.
    create_time : float, optional
        Creation time of that process in unix seconds.
    port : int, optional
        Port on which the server listens.
    log : str, optional
        Path of the log file.
    """

    name: str
    url: str
    pid: int | None = None
    create_time: float | None = None
    port: int | None = None
    log: str | None = None

    @property
    def health_url(self) -> str:
        """Address that answers when the server is healthy."""
        return f"{self.url.rstrip('/')}/health"

    @property
    def page_url(self) -> str:
        """Address for a browser."""
        return self.url.rstrip("/").removesuffix("/api")

    def process(self) -> psutil.Process | None:
        """Return the topmost process of the server, or None if it does not run."""
        if self.pid is None or self.create_time is None:
            return None
        return processes.recorded(self.pid, self.create_time, self.name)


def running(settings: Settings) -> dict[ServerKind, Server]:
    """Return the recorded servers whose processes still run.

    Raises
    ------
    StackError
        If the record cannot be read.
    """
    file = _file(settings)
    try:
        entries = json.loads(file.read_text())
        servers = {kind: Server(**entries[kind.name]) for kind in KINDS if kind.name in entries}
    except (FileNotFoundError, NotADirectoryError):  # `locked` reports a home that cannot be a folder
        return {}
    except (OSError, ValueError, TypeError) as error:
        raise StackError(f"{file} cannot be read ({error}): delete it, then run `trilla up`.") from None
    return {kind: server for kind, server in servers.items() if server.process()}


def write(settings: Settings, servers: Mapping[ServerKind, Server]) -> None:
    """Replace the record."""
    file = _file(settings)
    temporary = file.with_name(f"{file.name}.{os.getpid()}")
    entries = {kind.name: asdict(server) for kind, server in servers.items()}
    temporary.write_text(json.dumps(entries, indent=2))
    os.replace(temporary, file)


def remove(settings: Settings) -> None:
    """Remove the record."""
    _file(settings).unlink(missing_ok=True)


@contextmanager
def locked(settings: Settings, say: Report) -> Iterator[None]:
    """Hold the home folder for one command that starts or stops servers; the folder is made if it is missing.

    Raises
    ------
    StackError
        If the folder cannot be used, or if another command holds it for too long.
    """
    _make_folders(settings)
    lock: BaseFileLock = FileLock(settings.home / "stack.lock")
    try:
        held = lock.acquire(blocking=False)
    except Timeout:
        say("Waiting for another command, which starts or stops the servers.")
        held = _acquire(lock)
    with held:
        yield


def _make_folders(settings: Settings) -> None:
    try:
        settings.home.mkdir(parents=True, exist_ok=True, mode=0o700)
        for kind in KINDS:
            kind.folder(settings).mkdir(exist_ok=True)
            kind.log(settings).parent.mkdir(exist_ok=True)
    except OSError as error:
        raise StackError(
            f"TRILLA_HOME={settings.home} cannot be used ({error.strerror}): name a folder you can write to."
        ) from None


def _acquire(lock: BaseFileLock) -> AcquireReturnProxy[BaseFileLock]:
    try:
        return lock.acquire(timeout=LOCK_LIMIT_S)
    except Timeout:
        raise StackError(
            f"Another command has held {lock.lock_file} for more than {LOCK_LIMIT_S:.0f} s: end that command "
            "and try again."
        ) from None


def _file(settings: Settings) -> Path:
    return settings.home / "stack.json"
