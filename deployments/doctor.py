"""`trilla doctor`: checks that this machine has everything that a study needs, and names the remedies."""

import re
import shutil
import sys
from collections.abc import Callable, Container, Iterable
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
from infra.extras import EXTRAS, SPARK
from infra.java import ensure_java
from infra.settings import Settings

Health = Literal["ok", "warn", "bad"]

GIB = 2**30
LEAST_PYTHON = (3, 11)
DISK_BAD, DISK_LOW = 1 * GIB, 5 * GIB
MEMORY_BAD, MEMORY_LOW = 1 * GIB, 3 * GIB  # two servers take 0.8 GiB, a Spark driver 1 GiB
WORKER_LIMIT_S = 120
LOCK_FILE = Path(__file__).resolve().parents[1] / "requirements.lock"
STYLE: dict[Health, str] = {"ok": "green", "warn": "yellow", "bad": "bold red"}


@dataclass(frozen=True)
class Finding:
    """The outcome of one check.

    Parameters
    ----------
    name : str
        Name of the check.
    health : {"ok", "warn", "bad"}
        Effect on a study: the study works, the study works with limits, or the study cannot run.
    found : str
        Result of the check, in words.
    remedy : str
        Advice to the user; empty where nothing is to be done.
    """

    name: str
    health: Health
    found: str
    remedy: str = ""


def diagnose(settings: Settings) -> list[Finding]:
    """Check everything that a study needs; the checks take a few seconds, because a real Dask worker is started.

    Parameters
    ----------
    settings : Settings
        Home folder, ports and servers to check.

    Returns
    -------
    list of Finding
        The outcomes, in the order of the checks.
    """
    checks: list[Callable[[Settings], Iterable[Finding]]] = [
        _python,
        _java,
        _extras,
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
    findings : list of Finding
        Outcomes that `diagnose` returned.
    console : Console, optional
        Console to print on; None: standard output.
    """
    table = Table(box=None, pad_edge=False)
    for heading in ("", "Check", "Found", "Remedy"):
        table.add_column(heading, overflow="fold")
    for one in findings:
        table.add_row(Text(one.health, STYLE[one.health]), Text(one.name), Text(one.found), Text(one.remedy))
    (console or Console()).print(table)
    return 1 if any(one.health == "bad" for one in findings) else 0


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
        health: Health = "bad" if SPARK.is_installed() else "warn"
        remedy = "Install OpenJDK 17 or newer, or leave the engine spark out."
        yield Finding("Java", health, str(error), remedy)


def _extras(_settings: Settings) -> Iterable[Finding]:
    for extra in EXTRAS:
        name = f"Extra {extra.name}"
        if extra.is_installed():
            yield Finding(name, "ok", f"{extra.module} is installed")
        else:
            found = f"{extra.what} cannot be used: {extra.module} is not installed"
            yield Finding(name, "warn", found, f"Run `{extra.remedy}`.")


def _versions(_settings: Settings) -> Iterable[Finding]:
    if not LOCK_FILE.exists():
        return  # only the source has a lock file
    left_out = {name for extra in EXTRAS if not extra.is_installed() for name in extra.packages}
    pinned = _pinned(LOCK_FILE.read_text(), left_out)
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
        yield Finding("Packages", "ok", f"All {len(pinned)} have the versions in {LOCK_FILE.name}")


def _pinned(lock: str, left_out: Container[str]) -> dict[str, str]:
    """Find names and versions in a lock file's lines `name==version` whose condition holds on this machine."""
    from packaging.requirements import Requirement

    pinned = {}
    for line in lock.replace("\\\n", " ").splitlines():
        text = re.split(r"\s#|\s--", line.strip())[0]
        if "==" not in text or text.startswith(("#", "-")):
            continue
        requirement = Requirement(text)
        if requirement.name in left_out:
            continue
        if requirement.marker is None or requirement.marker.evaluate():
            pinned[requirement.name] = next(iter(requirement.specifier)).version
    return pinned


def _dask_worker(_settings: Settings) -> Iterable[Finding]:
    name = "Dask worker"
    remedy = "Read the message; often a package is missing, or a firewall blocks 127.0.0.1."
    try:
        yield Finding(name, "ok", _ask_worker())
    except Exception as error:  # a worker can fail with any error, and the error is the result of the check
        yield Finding(name, "bad", f"{type(error).__name__}: {error}", remedy)


def _ask_worker() -> str:
    """Start one Dask worker process as a study does, and let the worker import the packages that a study needs."""
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
    """Import the packages that a worker of a study needs; the worker runs this function and returns its process id."""
    import importlib
    import os

    for name in ("flows", "tasks", "infra", "numba", "numpy", "pandas", "pyarrow", "sklearn", "xgboost"):
        importlib.import_module(name)
    return os.getpid()


def _disk(settings: Settings) -> Iterable[Finding]:
    folder = next(one for one in (settings.home, *settings.home.parents) if one.is_dir())
    free = shutil.disk_usage(folder).free
    health: Health = "bad" if free < DISK_BAD else "warn" if free < DISK_LOW else "ok"
    remedy = "" if health == "ok" else "Make room, or set TRILLA_HOME to a folder on a larger disk."
    yield Finding("Disk", health, f"{free / GIB:.1f} GiB free for {settings.home}", remedy)


def _memory(_settings: Settings) -> Iterable[Finding]:
    memory = psutil.virtual_memory()
    free = memory.available
    health: Health = "bad" if free < MEMORY_BAD else "warn" if free < MEMORY_LOW else "ok"
    remedy = "" if health == "ok" else "Close other programs, or take fewer workers (TRILLA_CORES)."
    yield Finding("Memory", health, f"{free / GIB:.1f} of {memory.total / GIB:.1f} GiB available", remedy)


def _ports(settings: Settings) -> Iterable[Finding]:
    """Check that the port of each server that is not up is free."""
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
        remedy = f"`trilla up` takes the next free port; {one.kind.port_setting} sets another port."
        yield Finding(name, "warn", f"taken by {process_on_port(port)}", remedy)


def _servers(settings: Settings) -> Iterable[Finding]:
    for one in servers.status(settings):
        name = f"{one.kind.title} server"
        if one.state == "running":
            yield Finding(name, "ok", f"running at {one.url}")
        elif one.state == "stopped":
            yield Finding(name, "ok", "not started", "`trilla up` or `trilla study` starts the server.")
        elif one.pid is None:
            found = f"{one.url} does not answer ({one.reason})"
            yield Finding(
                name, "bad", found, f"Start the server, or remove the setting {one.kind.url_setting}."
            )
        else:
            found = f"process {one.pid} at {one.url} does not answer ({one.reason})"
            yield Finding(name, "bad", found, "Run `trilla down`, then `trilla up`.")
