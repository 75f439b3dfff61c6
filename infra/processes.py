"""Start, recognise and stop processes that outlive the command that started them."""

import os
import subprocess
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from pathlib import Path

import psutil

from infra.errors import StackError
from infra.retrying import wait_until

SERVER_VARIABLE = "TRILLA_SERVER"
"""Environment variable that every process of a local server has; its value is the id of the server."""

CLOCK_SLACK_S = 2.0
"""Tolerance in seconds for creation times: psutil computes them anew after the system clock was corrected."""

STOP_LIMIT_S = 10.0
POLL_S = 0.05


def detach(command: Sequence[str], environment: Mapping[str, str], folder: Path, log: Path) -> psutil.Process:
    """Start a command in its own session, without the terminal and the open files of this process.

    Parameters
    ----------
    command : sequence of str
        Program and arguments.
    environment : mapping
        All environment variables of the new process.
    folder : Path
        Working folder of the new process.
    log : Path
        File for the output of the new process. The file of the previous start is kept beside it, with the
        ending `.1`.

    Returns
    -------
    psutil.Process
        The new process.
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


@cache
def _created(pid: int) -> float:
    return psutil.Process(pid).create_time()


def this_process() -> tuple[int, float]:
    """Return the process id and the creation time (unix seconds) of this process.

    The system gives a process id to another process later; together with the creation time it is unique.
    """
    return os.getpid(), _created(os.getpid())


def is_alive(process: psutil.Process) -> bool:
    """Tell whether a process runs. A process that has ended but was not waited for does not run."""
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def process_lives(pid: int, created: float) -> bool:
    """Tell whether the process with this process id and creation time (unix seconds) still runs."""
    return _find(pid, created) is not None


def recorded(pid: int, created: float, word: str) -> psutil.Process | None:
    """Find a recorded process.

    Parameters
    ----------
    pid : int
        Recorded process id.
    created : float
        Recorded creation time in unix seconds.
    word : str
        Word that the command line of the process contains.

    Returns
    -------
    psutil.Process or None
        The process; None if it has ended, even if another process has its process id now.
    """
    process = _find(pid, created)
    if process is None:
        return None
    try:
        command = process.cmdline()
    except (psutil.NoSuchProcess, psutil.AccessDenied):  # the recorded process has ended
        return None
    # the command line is empty for a moment while a process replaces its program
    return process if not command or any(word in part for part in command) else None


def _find(pid: int, created: float) -> psutil.Process | None:
    """Find a running process by its process id and its creation time."""
    try:
        process = psutil.Process(pid)
        same = abs(process.create_time() - created) < CLOCK_SLACK_S
    except (psutil.NoSuchProcess, psutil.AccessDenied):
        return None
    return process if same and is_alive(process) else None


def of_server(server_id: str) -> list[psutil.Process]:
    """Find the topmost running processes of a local server by the id in their environment."""
    found = {
        process.pid: process
        for process in psutil.process_iter(["environ"])
        if (process.info["environ"] or {}).get(SERVER_VARIABLE) == server_id and is_alive(process)
    }
    return [process for process in found.values() if _parent_pid(process) not in found]


def _parent_pid(process: psutil.Process) -> int | None:
    try:
        return process.ppid()
    except psutil.NoSuchProcess:
        return None


def process_tree(process: psutil.Process) -> list[psutil.Process]:
    """Return a process and all its descendants; an empty list if the process has ended."""
    try:
        return [process, *process.children(recursive=True)]
    except psutil.NoSuchProcess:
        return []


def stop(processes: Sequence[psutil.Process]) -> None:
    """Terminate processes and all their descendants, and kill those that still run ten seconds later.

    Raises
    ------
    StackError
        If a process still runs afterwards.
    """
    left = list({member.pid: member for process in processes for member in process_tree(process)}.values())
    for send in (psutil.Process.terminate, psutil.Process.kill):
        for member in left:
            _signal(member, send)
        left = still_alive(left, STOP_LIMIT_S)
    if left:
        pids = ", ".join(str(member.pid) for member in left)
        raise StackError(f"Process {pids} does not end, even when killed: end it by hand.")


def still_alive(processes: Sequence[psutil.Process], limit_s: float) -> list[psutil.Process]:
    """Wait until processes have ended, whether or not their parents have waited for them.

    Parameters
    ----------
    processes : sequence of psutil.Process
        Processes to wait for.
    limit_s : float
        Largest number of seconds to wait.

    Returns
    -------
    list of psutil.Process
        The processes that still run.
    """
    wait_until(lambda: not any(map(is_alive, processes)), limit_s=limit_s, every_s=POLL_S)
    return [process for process in processes if is_alive(process)]


def _signal(process: psutil.Process, send: Callable[[psutil.Process], None]) -> None:
    try:
        send(process)
    except psutil.NoSuchProcess:
        return  # the process has ended by itself
    except psutil.AccessDenied:
        raise StackError(
            f"Process {process.pid} belongs to another user: only that user can stop it."
        ) from None


def listening_port(process: psutil.Process) -> int | None:
    """Return the lowest TCP port on which the process or one of its descendants listens."""
    ports: set[int] = set()
    for member in process_tree(process):
        try:
            connections = member.net_connections(kind="tcp")
        except (psutil.NoSuchProcess, psutil.AccessDenied):  # ended, or another user's: no server of ours
            continue
        ports.update(one.laddr.port for one in connections if one.status == psutil.CONN_LISTEN)
    return min(ports, default=None)


def last_lines(log: Path, lines: int = 15) -> str:
    """Return the last lines of a log file, indented."""
    text = log.read_text(errors="replace").rstrip() if log.exists() else ""
    return "\n".join(f"    {line}" for line in text.splitlines()[-lines:]) or "    (empty)"
