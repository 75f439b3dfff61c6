"""The persistent local stack: a Prefect and an MLflow server, started once and used by all studies."""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Literal

from infra import launch, processes, stack_record, starting
from infra.addresses import health_problem
from infra.errors import StackError
from infra.launch import Report
from infra.server_kinds import KINDS, MLFLOW, PREFECT, ServerKind
from infra.settings import Settings
from infra.stack_record import Server


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
        """Address of MLflow's pages, and for MLflow's clients."""
        return self.mlflow.url


@dataclass(frozen=True)
class ServerStatus:
    """State of a server at one moment.

    Parameters
    ----------
    kind : ServerKind
        Kind of the server.
    state : {"running", "stopped", "unhealthy"}
        State of the server.
    url : str
        Address for clients; of a stopped server, the address that `up` tries first.
    pid : int, optional
        Id of the topmost process of a server that `up` started.
    since : datetime, optional
        Time of the start of a server that `up` started.
    reason : str, optional
        Reason why the server is unhealthy.
    """

    kind: ServerKind
    state: Literal["running", "stopped", "unhealthy"]
    url: str
    pid: int | None = None
    since: datetime | None = None
    reason: str | None = None


def stack_environment(settings: Settings) -> dict[str, str]:
    """Return the environment variables that each process needs that uses Prefect or MLflow.

    The addresses in them are those of the servers that the settings name. For any other server, it is the
    address of the running local server, or the address that `up` tries first if none runs.

    Raises
    ------
    StackError
        If the record of the local stack cannot be read.
    """
    existing = _existing(settings)
    running = {} if set(existing) == set(KINDS) else stack_record.running(settings)
    urls = {kind: _first_url(settings, kind) for kind in KINDS}
    urls |= {kind: server.url for kind, server in (running | existing).items()}
    return launch.client_environment(settings) | {kind.client_variable: urls[kind] for kind in KINDS}


def up(settings: Settings, report: Report | None = None) -> Stack:
    """Start the missing servers of the stack, and wait until both servers are healthy.

    Parameters
    ----------
    settings : Settings
        Home folder, host, ports, or existing servers to use instead.
    report : callable, optional
        Function that is called with one line of text for each event that the user wants to know.

    Returns
    -------
    Stack
        The two servers.

    Raises
    ------
    StackError
        If a server does not start or does not answer, or if others could use it without authentication.
    """
    say = report or (lambda _line: None)
    existing = _existing(settings)
    for kind, server in existing.items():
        _check_existing(kind, server)
    local = [kind for kind in KINDS if kind not in existing]
    launch.refuse_exposure(settings, local)
    servers = stack_record.running(settings) if local else {}
    if not all(kind in servers and _is_healthy(servers[kind]) for kind in local):
        with stack_record.locked(settings, say):
            servers = starting.complete(settings, local, say)
    servers = servers | existing
    return Stack(servers[PREFECT], servers[MLFLOW])


def down(settings: Settings) -> list[str]:
    """Stop the servers that `up` started for this home folder.

    Returns
    -------
    list of str
        Names of the servers that were stopped.

    Raises
    ------
    StackError
        If a process cannot be ended.
    """
    if not settings.home.exists():
        return []
    with stack_record.locked(settings, lambda _line: None):
        # the processes of a server without a record count too: its file was lost, or its parent was killed
        found = {kind: processes.of_server(kind.server_id(settings)) for kind in KINDS}
        for kind, server in stack_record.running(settings).items():
            found[kind] += [process for process in [server.process()] if process]
        processes.stop([process for kind in KINDS for process in found[kind]])
        stack_record.remove(settings)
    return [kind.name for kind in KINDS if found[kind]]


def status(settings: Settings) -> list[ServerStatus]:
    """Return the state of each server at this moment.

    Raises
    ------
    StackError
        If the record of the local stack cannot be read.
    """
    servers = stack_record.running(settings) | _existing(settings)
    return [_status(settings, kind, servers.get(kind)) for kind in KINDS]


def _status(settings: Settings, kind: ServerKind, server: Server | None) -> ServerStatus:
    if server is None:
        return ServerStatus(kind, "stopped", _first_url(settings, kind))
    since = datetime.fromtimestamp(server.create_time, UTC) if server.create_time else None
    reason = health_problem(server.health_url)
    return ServerStatus(kind, "unhealthy" if reason else "running", server.url, server.pid, since, reason)


def _first_url(settings: Settings, kind: ServerKind) -> str:
    return kind.url(settings, kind.wanted_port(settings))


def _existing(settings: Settings) -> dict[ServerKind, Server]:
    """Return the existing servers that the settings name."""
    return {kind: Server(kind.name, url) for kind in KINDS if (url := kind.existing_url(settings))}


def _check_existing(kind: ServerKind, server: Server) -> None:
    setting = f"{kind.url_setting}={server.url}"
    if not server.url.startswith(("http://", "https://")):
        raise StackError(f"{setting} is not the address of a server: it must begin with http:// or https://.")
    if reason := health_problem(server.health_url):
        raise StackError(
            f"{setting} does not answer at {server.health_url} ({reason}): start that server, correct the "
            "address, or remove the setting to use a local server."
        )


def _is_healthy(server: Server) -> bool:
    return health_problem(server.health_url, local=True) is None
