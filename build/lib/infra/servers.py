"""The persistent local stack: one Prefect server and one MLflow server, started once and used by all."""

import json
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal
from urllib.parse import urlsplit

import psutil
from filelock import AcquireReturnProxy, BaseFileLock, FileLock, Timeout

from infra import launch, processes
from infra.errors import StackError
from infra.launch import NAMES, TITLE, Name, Report
from infra.settings import Settings

START_LIMIT_S = 120.0  # a first start takes 10 s on two idle cores; a loaded machine gets its time
LOCK_LIMIT_S = START_LIMIT_S + 30  # a start, and stopping it if it fails
POLL_S = 0.1

SETTING: dict[Name, str] = {"prefect": "TRILLA_PREFECT_API_URL", "mlflow": "TRILLA_MLFLOW_TRACKING_URI"}


@dataclass(frozen=True)
class Server:
    """A server of the stack; one that the settings name, not started by us, has neither pid nor log."""

    name: Name
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
        """Find the server's process, if it still runs."""
        if self.pid is None or self.create_time is None:
            return None
        return processes.recorded(self.pid, self.create_time, self.name)


@dataclass(frozen=True)
class Stack:
    """The two servers that flows need."""

    prefect: Server
    mlflow: Server

    @property
    def prefect_api_url(self) -> str:
        """Address for Prefect's clients."""
        return self.prefect.url

    @property
    def prefect_ui_url(self) -> str:
        """Address of Prefect's pages."""
        return self.prefect.page_url

    @property
    def mlflow_url(self) -> str:
        """Address of MLflow's pages, and for its clients."""
        return self.mlflow.url


@dataclass(frozen=True)
class ServerStatus:
    """How a server is: `since` is None where we did not start it."""

    name: Name
    state: Literal["running", "stopped", "unhealthy"]
    url: str
    pid: int | None = None
    since: datetime | None = None
    reason: str | None = None


def stack_environment(settings: Settings) -> dict[str, str]:
    """Environment variables that every process needs that talks to Prefect or MLflow.

    The addresses are those of the servers that the settings name, else of the running local stack, else
    the ones that `up` tries first.

    Raises
    ------
    StackError
        If the record of the local stack cannot be read.
    """
    named = _named(settings)
    running = _running(settings) if len(named) < len(NAMES) else {}
    urls = {name: launch.server_url(settings, name, launch.wanted_port(settings, name)) for name in NAMES}
    urls |= {name: server.url for name, server in (running | named).items()}
    return launch.client_environment(settings) | {
        "PREFECT_API_URL": urls["prefect"],
        "MLFLOW_TRACKING_URI": urls["mlflow"],
    }


def up(settings: Settings, report: Report | None = None) -> Stack:
    """Start what is missing of the stack, and wait until both servers are healthy.

    Parameters
    ----------
    settings
        Home folder, host, ports, or existing servers to use instead.
    report
        Called with one line of text for each thing a person wants to know.

    Raises
    ------
    StackError
        If a server does not start or does not answer, or if the host would expose it unprotected.
    """
    say = report or (lambda _line: None)
    named = _named(settings)
    for server in named.values():
        _check_named(server)
    local = [name for name in NAMES if name not in named]
    launch.refuse_exposure(settings, local)
    servers = _running(settings) if local else {}
    if not all(name in servers and not processes.ailment(servers[name].health_url) for name in local):
        with _locked(settings, say):
            servers = _complete(settings, local, say)
    servers = servers | named
    return Stack(servers["prefect"], servers["mlflow"])


def down(settings: Settings) -> list[Name]:
    """Stop the servers that `up` started for this home folder, and say which these were.

    Raises
    ------
    StackError
        If a process cannot be ended.
    """
    if not settings.home.exists():
        return []
    with _locked(settings, lambda _line: None):
        # also what is ours without a record: its file was lost, or its parent was killed
        found = {name: processes.marked(launch.mark(settings, name)) for name in NAMES}
        for name, server in _running(settings).items():
            found[name] += [process for process in [server.process()] if process]
        processes.stop([process for name in NAMES for process in found[name]])
        _state_file(settings).unlink(missing_ok=True)
    return [name for name in NAMES if found[name]]


def status(settings: Settings) -> list[ServerStatus]:
    """How both servers are at this moment: running, stopped, or unhealthy with the reason.

    Raises
    ------
    StackError
        If the record of the local stack cannot be read.
    """
    servers = _running(settings) | _named(settings)
    return [_status(settings, name, servers.get(name)) for name in NAMES]


def _status(settings: Settings, name: Name, server: Server | None) -> ServerStatus:
    if server is None:
        url = launch.server_url(settings, name, launch.wanted_port(settings, name))
        return ServerStatus(name, "stopped", url)
    since = datetime.fromtimestamp(server.create_time, UTC) if server.create_time else None
    reason = _ailment(server)
    return ServerStatus(name, "unhealthy" if reason else "running", server.url, server.pid, since, reason)


def _named(settings: Settings) -> dict[Name, Server]:
    """Return the existing servers that the settings name."""
    urls: dict[Name, str | None] = {
        "prefect": settings.prefect_api_url,
        "mlflow": settings.mlflow_tracking_uri,
    }
    return {name: Server(name, url) for name, url in urls.items() if url}


def _check_named(server: Server) -> None:
    setting = f"{SETTING[server.name]}={server.url}"
    if not server.url.startswith(("http://", "https://")):
        raise StackError(f"{setting} is not a server's address: it must begin with http:// or https://.")
    if reason := _ailment(server):
        raise StackError(
            f"{setting} does not answer at {server.health_url} ({reason}): start that server, correct the "
            "address, or remove the setting to use a local server."
        )


def _ailment(server: Server) -> str | None:
    local = launch.is_loopback(urlsplit(server.url).hostname or "")
    return processes.ailment(server.health_url, proxies=not local)


def _state_file(settings: Settings) -> Path:
    return settings.home / "stack.json"


def _running(settings: Settings) -> dict[Name, Server]:
    """Return the recorded servers whose processes still run."""
    file = _state_file(settings)
    try:
        entries = json.loads(file.read_text())
        servers = {name: Server(**entries[name]) for name in NAMES if name in entries}
    except (FileNotFoundError, NotADirectoryError):  # a home that cannot be one is named when it is made
        return {}
    except (OSError, ValueError, TypeError) as error:
        raise StackError(f"{file} cannot be read ({error}): delete it, then run `trilla up`.") from None
    return {name: server for name, server in servers.items() if server.process()}


def _record(settings: Settings, servers: dict[Name, Server]) -> None:
    file = _state_file(settings)
    temporary = file.with_name(f"{file.name}.{os.getpid()}")
    temporary.write_text(json.dumps({name: asdict(server) for name, server in servers.items()}, indent=2))
    os.replace(temporary, file)


@contextmanager
def _locked(settings: Settings, say: Report) -> Iterator[None]:
    """Hold the home folder for one command that starts or stops servers."""
    try:
        settings.home.mkdir(parents=True, exist_ok=True, mode=0o700)
        for folder in ("prefect", "mlflow", "logs"):
            (settings.home / folder).mkdir(exist_ok=True)
    except OSError as error:
        raise StackError(
            f"TRILLA_HOME={settings.home} cannot be used ({error.strerror}): name a folder you can write to."
        ) from None
    lock: BaseFileLock = FileLock(settings.home / "stack.lock")
    try:
        held = lock.acquire(blocking=False)
    except Timeout:
        say("Another command starts or stops the servers: waiting for it.")
        held = _acquire(lock)
    with held:
        yield


def _acquire(lock: BaseFileLock) -> AcquireReturnProxy[BaseFileLock]:
    try:
        return lock.acquire(timeout=LOCK_LIMIT_S)
    except Timeout:
        raise StackError(
            f"Another command has held {lock.lock_file} for more than {LOCK_LIMIT_S:.0f} s: end it, then try "
            "again."
        ) from None


def _complete(settings: Settings, local: list[Name], say: Report) -> dict[Name, Server]:
    """Start the servers that are missing, side by side, and wait for all; the lock is held."""
    servers, started = _running(settings), list[psutil.Process]()
    if missing := [TITLE[name] for name in local if name not in servers]:
        say(f"Starting {' and '.join(missing)}; the first start takes up to 20 s.")
    try:
        for name in local:
            if name not in servers:
                servers[name] = _adopt(settings, name, say) or _start(settings, name, started, say)
                _record(settings, servers)
        _wait({name: servers[name] for name in local}, say)
    except BaseException:  # an interrupt too: no half-started server stays behind
        processes.stop(started)
        _record(settings, _running(settings))
        raise
    return servers


def _adopt(settings: Settings, name: Name, say: Report) -> Server | None:
    """Find a running server of this home folder whose record was lost."""
    for process in processes.marked(launch.mark(settings, name)):
        port = processes.listening_port(process)
        if port is None:
            processes.stop([process])  # it was left behind in the middle of its start: nobody uses it
            continue
        say(f"Found the running {TITLE[name]} server of {settings.home} on port {port}.")
        return _server(settings, name, process, port)
    return None


def _start(settings: Settings, name: Name, started: list[psutil.Process], say: Report) -> Server:
    port = launch.choose_port(settings, name, say)
    launch.prepare_database(settings, name)
    process = processes.detach(
        launch.server_command(settings, name, port),
        launch.server_environment(settings, name, port),
        folder=settings.home,
        log=_log(settings, name),
    )
    started.append(process)
    return _server(settings, name, process, port)


def _server(settings: Settings, name: Name, process: psutil.Process, port: int) -> Server:
    url = launch.server_url(settings, name, port)
    return Server(name, url, process.pid, process.create_time(), port, str(_log(settings, name)))


def _log(settings: Settings, name: Name) -> Path:
    return settings.home / "logs" / f"{name}.log"


def _wait(servers: dict[Name, Server], say: Report) -> None:
    """Wait until all answer; fail at once if one has ended."""
    start, waiting = time.monotonic(), dict(servers)
    while waiting:
        for name, server in list(waiting.items()):
            process = server.process()
            if process is None:
                raise StackError(_failure(server, "ended while it started"))
            # the answer must be its own, not that of a stranger who took the port first
            if not processes.ailment(server.health_url) and processes.listening_port(process) == server.port:
                say(f"{TITLE[name]} is up at {server.page_url} ({time.monotonic() - start:.1f} s).")
                del waiting[name]
            elif time.monotonic() - start > START_LIMIT_S:
                raise StackError(_failure(server, f"does not answer after {START_LIMIT_S:.0f} s"))
        time.sleep(POLL_S if waiting else 0)


def _failure(server: Server, what: str) -> str:
    log = Path(server.log or "")
    return (
        f"The {TITLE[server.name]} server {what}: see {log}, then run `trilla down` and `trilla up`. "
        f"Its last lines:\n{processes.tail(log)}"
    )
