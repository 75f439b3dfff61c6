"""Processes that outlive the command that started them: how they start, are recognised, answer and stop."""

import errno
import http.client
import os
import socket
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Mapping, Sequence
from pathlib import Path

import psutil

from infra.errors import StackError

MARK = "TRILLA_SERVER"
"""Environment variable of every server process of ours: which server it is, and of which home folder."""

CLOCK_SLACK_S = 2.0  # a corrected system clock shifts the start time that psutil computes
STOP_LIMIT_S = 10.0
POLL_S = 0.05


def detach(command: Sequence[str], environment: Mapping[str, str], folder: Path, log: Path) -> psutil.Process:
    """Start a command in a session of its own, without our terminal and file descriptors.

    Parameters
    ----------
    command
        Program and arguments.
    environment
        All variables of the new process.
    folder
        Its working folder.
    log
        File for its output; the one of the start before is kept beside it as `<name>.1`.
    """
    if log.exists():
        os.replace(log, log.with_name(log.name + ".1"))
    with log.open("wb") as output:
        started = subprocess.Popen(
            command,
            env=environment,
            cwd=folder,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    return psutil.Process(started.pid)


def is_alive(process: psutil.Process) -> bool:
    """Tell whether the process runs: one that has ended and only waits to be reaped does not."""
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def recorded(pid: int, create_time: float, word: str) -> psutil.Process | None:
    """Find a recorded process; None if it has ended, even if another one has its pid now.

    Parameters
    ----------
    pid
        Recorded process id.
    create_time
        Recorded start, seconds since the epoch.
    word
        What its command line contains.
    """
    try:
        process = psutil.Process(pid)
        same_start = abs(process.create_time() - create_time) < CLOCK_SLACK_S
        command = process.cmdline()
    except (psutil.NoSuchProcess, psutil.AccessDenied):  # ended, or somebody else's: not the recorded one
        return None
    # the command line is empty for a moment while a process replaces its program
    same_command = not command or any(word in part for part in command)
    return process if same_start and same_command and is_alive(process) else None


def marked(mark: str) -> list[psutil.Process]:
    """Find the running processes whose environment has this mark and whose parent's has not."""
    found = {
        process.pid: process
        for process in psutil.process_iter(["environ"])
        if (process.info["environ"] or {}).get(MARK) == mark and is_alive(process)
    }
    return [process for process in found.values() if _parent_pid(process) not in found]


def _parent_pid(process: psutil.Process) -> int | None:
    try:
        return process.ppid()
    except psutil.NoSuchProcess:
        return None


def family(process: psutil.Process) -> list[psutil.Process]:
    """List the process and all its descendants; empty if it has ended."""
    try:
        return [process, *process.children(recursive=True)]
    except psutil.NoSuchProcess:
        return []


def stop(processes: Sequence[psutil.Process]) -> None:
    """End processes with all their descendants: ask first, kill what is left after ten seconds.

    Raises
    ------
    StackError
        If a process is still there afterwards.
    """
    left = list({member.pid: member for process in processes for member in family(process)}.values())
    for kill in (False, True):
        for member in left:
            _signal(member, kill=kill)
        left = outlasting(left, STOP_LIMIT_S)
    if left:
        pids = ", ".join(str(member.pid) for member in left)
        raise StackError(f"Process {pids} does not end, even when killed: end it by hand.")


def outlasting(members: list[psutil.Process], limit_s: float) -> list[psutil.Process]:
    """Wait for processes to end (whether or not their parents take note), and return those that do not.

    Parameters
    ----------
    members
        Processes to wait for.
    limit_s
        Seconds to wait at most.
    """
    deadline = time.monotonic() + limit_s
    while (left := [member for member in members if is_alive(member)]) and time.monotonic() < deadline:
        time.sleep(POLL_S)
    return left


def _signal(process: psutil.Process, *, kill: bool) -> None:
    try:
        if kill:
            process.kill()
        else:
            process.terminate()
    except psutil.NoSuchProcess:
        return  # it ended by itself, which is what we want
    except psutil.AccessDenied:
        raise StackError(f"Process {process.pid} belongs to another user: only they can stop it.") from None


def listening_port(process: psutil.Process) -> int | None:
    """Return the lowest TCP port that the process or a descendant listens on."""
    ports: set[int] = set()
    for member in family(process):
        try:
            connections = member.net_connections(kind="tcp")
        except (psutil.NoSuchProcess, psutil.AccessDenied):  # ended since, or not ours: has no port of ours
            continue
        ports.update(one.laddr.port for one in connections if one.status == psutil.CONN_LISTEN)
    return min(ports, default=None)


def is_free(host: str, port: int) -> bool:
    """Tell whether a server could listen on this address.

    Raises
    ------
    StackError
        If the address is none of this machine's, or the port needs more rights.
    """
    try:
        family_, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        with socket.socket(family_, kind, protocol) as probe:
            # as servers do: a port whose last connection is just closing counts as free
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(address)
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            return False
        raise StackError(f"Cannot listen on {host}:{port} ({error.strerror}): choose another.") from None
    return True


def holder(port: int) -> str:
    """Tell who listens on a port: 'python (pid 123)' where the system tells, else 'another process'."""
    try:
        connections = psutil.net_connections(kind="tcp")
    except psutil.AccessDenied:  # some systems tell only the administrator
        return "another process"
    for one in connections:
        if one.status == psutil.CONN_LISTEN and one.laddr and one.laddr.port == port and one.pid:
            try:
                return f"{psutil.Process(one.pid).name()} (pid {one.pid})"
            except psutil.NoSuchProcess:
                break
    return "another process"


def ailment(url: str, *, proxies: bool = False, timeout_s: float = 5.0) -> str | None:
    """Tell why a health address does not answer; None if it does.

    Parameters
    ----------
    url
        Address that a healthy server answers; a refusal for want of credentials is an answer too.
    proxies
        Whether to go through the proxies that the environment names (not for servers on this machine).
    timeout_s
        Seconds to wait for the answer.
    """
    handler = urllib.request.ProxyHandler() if proxies else urllib.request.ProxyHandler({})
    try:
        with urllib.request.build_opener(handler).open(url, timeout=timeout_s):
            return None
    except urllib.error.HTTPError as error:
        return None if error.code in (401, 403) else f"HTTP status {error.code}"
    except urllib.error.URLError as error:
        return str(error.reason)
    except (OSError, ValueError, http.client.HTTPException) as error:
        return str(error) or type(error).__name__


def tail(log: Path, lines: int = 15) -> str:
    """Return the last lines of a log file, indented."""
    text = log.read_text(errors="replace").rstrip() if log.exists() else ""
    return "\n".join(f"    {line}" for line in text.splitlines()[-lines:]) or "    (empty)"
