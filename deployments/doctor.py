"""`trilla doctor`: is everything here that a study needs, and if not, what is the remedy."""

import re
import shutil
import sys
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Literal

import psutil
from rich.console import Console
from rich.table import Table
from rich.text import Text

from infra import servers
from infra.addresses import is_free, process_on_port
from infra.errors import TrillaError
from infra.java import ensure_java
from infra.settings import Settings

State = Literal["ok", "warn", "bad"]

GIB = 2**30
LEAST_PYTHON = (3, 11)
DISK_BAD, DISK_LOW = 1 * GIB, 5 * GIB
MEMORY_BAD, MEMORY_LOW = 1 * GIB, 3 * GIB  # two servers take 0.8 GiB, a Spark driver 1 GiB
WORKER_LIMIT_S = 120
LOCK_FILE = Path(__file__).resolve().parents[1] / "requirements.lock"
STYLE: dict[State, str] = {"ok": "green", "warn": "yellow", "bad": "bold red"}


@dataclass(frozen=True)
class Finding:
    """What one check found; the remedy is empty where nothing is to be done."""

    name: str
    state: State
    found: str
    remedy: str = ""


def diagnose(settings: Settings) -> list[Finding]:
    """Check everything that a study needs; takes a few seconds, for a real Dask worker is started.

    Parameters
    ----------
    settings
        Home folder, ports and servers to check.
    """
    checks: list[Callable[[Settings], Iterable[Finding]]] = [
        _python,
        _java,
        _versions,
        _dask_worker,
        _disk,
        _memory,
        _ports,
        _servers,
    ]
    return [finding for check in checks for finding in check(settings)]


def print_findings(findings: list[Finding], console: Console | None = None) -> int:
    """Print the findings as a table, and return the exit status: 1 if something is bad, else 0.

    Parameters
    ----------
    findings
        What `diagnose` returned.
    console
        Where to print; standard output by default.
    """
    table = Table(box=None, pad_edge=False)
    for heading in ("", "Check", "Found", "Remedy"):
        table.add_column(heading, overflow="fold")
    for one in findings:
        table.add_row(Text(one.state, STYLE[one.state]), Text(one.name), Text(one.found), Text(one.remedy))
    (console or Console()).print(table)
    return 1 if any(one.state == "bad" for one in findings) else 0


def _python(_settings: Settings) -> Iterable[Finding]:
    found = f"{sys.version.split()[0]} at {sys.executable}"
    if sys.version_info < LEAST_PYTHON:
        least = ".".join(map(str, LEAST_PYTHON))
        yield Finding("Python", "bad", found, f"Install Python {least} or newer, then the project again.")
    else:
        yield Finding("Python", "ok", found)


def _java(_settings: Settings) -> Iterable[Finding]:
    try:
        yield Finding("Java", "ok", str(ensure_java()))
    except TrillaError as error:
        yield Finding(
            "Java", "bad", str(error), "Install OpenJDK 17 or newer, or leave the engine spark out."
        )


def _versions(_settings: Settings) -> Iterable[Finding]:
    if not LOCK_FILE.exists():
        return  # an installed package has no lock file beside it
    pinned = _pinned(LOCK_FILE.read_text())
    missing, different = [], []
    for name, version in pinned.items():
        try:
            installed = metadata.version(name)
        except metadata.PackageNotFoundError:
            missing.append(name)
            continue
        if installed.partition("+")[0] != version.partition("+")[0]:  # '+cpu' names a build
            different.append(f"{name} {installed} (pinned: {version})")
    remedy = f"Run `{sys.executable} -m pip install -r {LOCK_FILE}`."
    if missing:
        yield Finding("Packages", "bad", "Missing: " + ", ".join(missing), remedy)
    if different:
        yield Finding("Packages", "warn", "Different: " + ", ".join(different), remedy)
    if not missing and not different:
        yield Finding("Packages", "ok", f"All {len(pinned)} as pinned in {LOCK_FILE.name}")


def _pinned(lock: str) -> dict[str, str]:
    """Names and versions of a lock file's lines `name==version`, where their condition holds here."""
    from packaging.requirements import Requirement

    pinned = {}
    for line in lock.replace("\\\n", " ").splitlines():
        text = re.split(r"\s#|\s--", line.strip())[0]
        if "==" not in text or text.startswith(("#", "-")):
            continue
        requirement = Requirement(text)
        if requirement.marker is None or requirement.marker.evaluate():
            pinned[requirement.name] = next(iter(requirement.specifier)).version
    return pinned


def _dask_worker(_settings: Settings) -> Iterable[Finding]:
    name = "Dask worker"
    remedy = "Read the message; often a package is missing, or a firewall blocks 127.0.0.1."
    try:
        yield Finding(name, "ok", _ask_worker())
    except Exception as error:  # whatever a process can die of is the finding
        yield Finding(name, "bad", f"{type(error).__name__}: {error}", remedy)


def _ask_worker() -> str:
    """Start one Dask worker process as a study does, and let it import what a study needs."""
    from distributed import Client, LocalCluster

    with (
        LocalCluster(
            n_workers=1,
            threads_per_worker=1,
            processes=True,
            host="127.0.0.1",
            dashboard_address="127.0.0.1:0",
        ) as cluster,
        Client(cluster, timeout=WORKER_LIMIT_S) as client,
    ):
        pid = client.submit(import_packages, pure=False).result(timeout=WORKER_LIMIT_S)
    return f"Process {pid} started and imported the packages"


def import_packages() -> int:
    """Import what a worker of a study needs, and return the pid: runs on the worker."""
    import importlib
    import os

    for name in ("flows", "tasks", "infra", "numba", "numpy", "pandas", "pyarrow", "sklearn", "xgboost"):
        importlib.import_module(name)
    return os.getpid()


def _disk(settings: Settings) -> Iterable[Finding]:
    folder = next(one for one in (settings.home, *settings.home.parents) if one.is_dir())
    free = shutil.disk_usage(folder).free
    state: State = "bad" if free < DISK_BAD else "warn" if free < DISK_LOW else "ok"
    remedy = "" if state == "ok" else "Make room, or set TRILLA_HOME to a folder on a larger disk."
    yield Finding("Disk", state, f"{free / GIB:.1f} GiB free for {settings.home}", remedy)


def _memory(_settings: Settings) -> Iterable[Finding]:
    memory = psutil.virtual_memory()
    free = memory.available
    state: State = "bad" if free < MEMORY_BAD else "warn" if free < MEMORY_LOW else "ok"
    remedy = "" if state == "ok" else "Close other programs, or take fewer workers (TRILLA_CORES)."
    yield Finding("Memory", state, f"{free / GIB:.1f} of {memory.total / GIB:.1f} GiB available", remedy)


def _ports(settings: Settings) -> Iterable[Finding]:
    """Of a server that is not up, the port must be free; one that is up has its own."""
    for one in servers.status(settings):
        if one.state != "stopped":
            continue
        port = one.kind.wanted_port(settings)
        name = f"Port {port} ({one.kind.title})"
        try:
            if is_free(settings.host, port):
                yield Finding(name, "ok", "free")
                continue
        except TrillaError as error:
            yield Finding(name, "bad", str(error), f"Correct TRILLA_HOST or {one.kind.port_setting}.")
            continue
        remedy = f"`trilla up` takes the next free one; {one.kind.port_setting} names another."
        yield Finding(name, "warn", f"taken by {process_on_port(port)}", remedy)


def _servers(settings: Settings) -> Iterable[Finding]:
    for one in servers.status(settings):
        name = f"{one.kind.title} server"
        if one.state == "running":
            yield Finding(name, "ok", f"running at {one.url}")
        elif one.state == "stopped":
            yield Finding(name, "ok", "not started", "`trilla up` or `trilla study` starts it.")
        elif one.pid is None:
            found = f"{one.url} does not answer ({one.reason})"
            yield Finding(name, "bad", found, f"Start it, or remove the setting {one.kind.url_setting}.")
        else:
            found = f"process {one.pid} at {one.url} does not answer ({one.reason})"
            yield Finding(name, "bad", found, "Run `trilla down`, then `trilla up`.")
