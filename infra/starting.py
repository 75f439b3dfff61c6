"""Start the servers of the local stack that do not run, and wait until they are healthy."""

import time
from collections.abc import Mapping, Sequence
from pathlib import Path

import psutil

from infra import launch, processes, stack_record
from infra.addresses import health_problem
from infra.errors import StackError
from infra.launch import Report
from infra.retrying import wait_until
from infra.server_kinds import ServerKind
from infra.settings import Settings
from infra.stack_record import Server

START_LIMIT_S = 120.0
"""Seconds that a start may take: the first start takes 10 s on two idle cores, more on a busy machine."""
POLL_S = 0.1


def complete(settings: Settings, kinds: Sequence[ServerKind], say: Report) -> dict[ServerKind, Server]:
    """Start the missing servers at the same time, and wait until all servers are healthy.

    The caller holds the lock of the home folder.

    Parameters
    ----------
    settings : Settings
        Home folder, host and ports.
    kinds : sequence of ServerKind
        Servers that have to run.
    say : callable
        Function that is called with one line of text for each event that the user wants to know.

    Returns
    -------
    dict
        The servers that run, by their kind.

    Raises
    ------
    StackError
        If a server does not start. The servers that were started in this call are stopped then.
    """
    servers, started = stack_record.running(settings), list[psutil.Process]()
    if missing := [kind.title for kind in kinds if kind not in servers]:
        say(f"Starting {' and '.join(missing)}; the first start takes up to 20 s.")
    try:
        for kind in kinds:
            if kind not in servers:
                servers[kind] = _adopt(settings, kind, say) or _start(settings, kind, started, say)
                stack_record.write(settings, servers)
        _wait({kind: servers[kind] for kind in kinds}, say)
    except BaseException:  # also after an interrupt, no half-started server stays behind
        processes.stop(started)
        stack_record.write(settings, stack_record.running(settings))
        raise
    return servers


def _adopt(settings: Settings, kind: ServerKind, say: Report) -> Server | None:
    """Find a running server of this home folder whose record was lost."""
    for process in processes.of_server(kind.server_id(settings)):
        port = processes.listening_port(process)
        if port is None:
            processes.stop([process])  # the command that started it was killed; nobody uses this server
            continue
        say(f"Found the running {kind.title} server of {settings.home} on port {port}.")
        return _server(settings, kind, process, port)
    return None


def _start(settings: Settings, kind: ServerKind, started: list[psutil.Process], say: Report) -> Server:
    port = launch.choose_port(kind, settings, say)
    kind.prepare(settings)
    process = processes.detach(
        kind.command(settings, port),
        launch.server_environment(kind, settings, port),
        folder=settings.home,
        log=kind.log(settings),
    )
    started.append(process)
    return _server(settings, kind, process, port)


def _server(settings: Settings, kind: ServerKind, process: psutil.Process, port: int) -> Server:
    url, log = kind.url(settings, port), str(kind.log(settings))
    return Server(kind.name, url, process.pid, process.create_time(), port, log)


def _wait(servers: Mapping[ServerKind, Server], say: Report) -> None:
    """Wait until all servers answer; fail at once if one of them has ended."""
    start, waiting = time.monotonic(), dict(servers)

    def all_answer() -> bool:
        for kind, server in list(waiting.items()):
            if _answers(kind, server):
                say(f"{kind.title} is up at {server.page_url} ({time.monotonic() - start:.1f} s).")
                del waiting[kind]
        return not waiting

    wait_until(all_answer, limit_s=START_LIMIT_S, every_s=POLL_S)
    for kind, server in waiting.items():
        raise StackError(_failure(kind, server, f"does not answer after {START_LIMIT_S:.0f} s"))


def _answers(kind: ServerKind, server: Server) -> bool:
    process = server.process()
    if process is None:
        raise StackError(_failure(kind, server, "ended while it started"))
    if health_problem(server.health_url, local=True):
        return False
    # another program may have taken the port first, and may have given the answer
    return processes.listening_port(process) == server.port


def _failure(kind: ServerKind, server: Server, what: str) -> str:
    log = Path(server.log or "")
    return (
        f"The {kind.title} server {what}: see {log}, then run `trilla down` and `trilla up`. "
        f"Its last lines:\n{processes.last_lines(log)}"
    )
