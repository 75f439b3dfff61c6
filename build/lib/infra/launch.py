"""How each server of the local stack is launched: address, command, environment, database."""

import ipaddress
import os
import sqlite3
import sys
from collections.abc import Callable
from contextlib import closing
from typing import Literal

from infra import processes
from infra.errors import StackError
from infra.settings import Settings

Name = Literal["prefect", "mlflow"]
Report = Callable[[str], object]
NAMES: tuple[Name, Name] = ("prefect", "mlflow")
TITLE: dict[Name, str] = {"prefect": "Prefect", "mlflow": "MLflow"}

API_PATH: dict[Name, str] = {"prefect": "/api", "mlflow": ""}
LOOPBACK_NAMES = ("127.0.0.1", "localhost")

PORTS_TRIED = 100

HEARTBEAT_S = 30  # the least that Prefect allows: a killed flow is noticed after three missed ones


def wanted_port(settings: Settings, name: Name) -> int:
    """Return the port that the settings give to a server."""
    return settings.prefect_port if name == "prefect" else settings.mlflow_port


def server_url(settings: Settings, name: Name, port: int) -> str:
    """Return the address for the clients of a local server on this port."""
    everywhere = settings.host in ("0.0.0.0", "::")  # noqa: S104  (compared, not bound)
    return _base_url("127.0.0.1" if everywhere else settings.host, port) + API_PATH[name]


def _base_url(host: str, port: int) -> str:
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def is_loopback(host: str) -> bool:
    """Tell whether only processes of this machine reach a server on this address."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def refuse_exposure(settings: Settings, local: list[Name]) -> None:
    """Refuse a host that would open a server of ours to others without authentication.

    Raises
    ------
    StackError
        If that is the case; the message says what is allowed.
    """
    if is_loopback(settings.host) or not local:
        return
    if "mlflow" in local:
        raise StackError(
            f"TRILLA_HOST={settings.host} would open the local MLflow server, which has no authentication, "
            "to others. Allowed are 127.0.0.1, localhost and ::1, or another host together with "
            "TRILLA_MLFLOW_TRACKING_URI naming a protected MLflow server and PREFECT_SERVER_API_AUTH_STRING."
        )
    if not os.environ.get("PREFECT_SERVER_API_AUTH_STRING"):
        raise StackError(
            f"TRILLA_HOST={settings.host} would open the local Prefect server to others without "
            "authentication. Allowed are 127.0.0.1, localhost and ::1, or another host together with "
            "PREFECT_SERVER_API_AUTH_STRING=user:password."
        )


def choose_port(settings: Settings, name: Name, say: Report) -> int:
    """Choose the port of the settings, or the next free one, and say so.

    Raises
    ------
    StackError
        If there is none, or the host is not an address of this machine.
    """
    wanted = wanted_port(settings, name)
    if processes.is_free(settings.host, wanted):
        return wanted
    others = {wanted_port(settings, other) for other in NAMES}
    for port in range(wanted + 1, min(wanted + PORTS_TRIED, 65536)):
        if port not in others and processes.is_free(settings.host, port):
            say(f"Port {wanted} is taken by {processes.holder(wanted)}: {TITLE[name]} listens on {port}.")
            return port
    raise StackError(
        f"Port {wanted} is taken by {processes.holder(wanted)}, and so are those after it: set "
        f"TRILLA_{name.upper()}_PORT to a free one."
    )


def client_environment(settings: Settings) -> dict[str, str]:
    """Return what makes Prefect and MLflow quiet, offline and ours in any process; addresses apart."""
    environment = {
        "PREFECT_HOME": str(settings.home / "prefect"),
        "PREFECT_SERVER_ALLOW_EPHEMERAL_MODE": "false",
        "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
        "PREFECT_RESULTS_DEFAULT_SERIALIZER": "json",
        "PREFECT_FLOWS_HEARTBEAT_FREQUENCY": str(HEARTBEAT_S),
        "PREFECT_CLI_PROMPT": "false",
        "PREFECT_LOGGING_TO_API_WHEN_MISSING_FLOW": "ignore",  # workers log outside of flows too
        "DO_NOT_TRACK": "true",
        "MLFLOW_DISABLE_TELEMETRY": "true",
        "MLFLOW_DISABLE_AGENT_HINT": "true",
        "MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR": "false",
        "MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT": "true",
        "GIT_PYTHON_REFRESH": "quiet",  # MLflow asks for git, which need not be there
    }
    # a proxy that the environment names would get the requests to 127.0.0.1 too
    for variable in ("NO_PROXY", "no_proxy"):
        hosts = [host for host in os.environ.get(variable, "").split(",") if host]
        environment[variable] = ",".join(dict.fromkeys([*hosts, *LOOPBACK_NAMES]))
    if credentials := os.environ.get("PREFECT_SERVER_API_AUTH_STRING"):
        environment["PREFECT_API_AUTH_STRING"] = credentials
    return environment


def mark(settings: Settings, name: Name) -> str:
    """Return what the environment of a server's processes carries, to find them without a record."""
    return f"{name}:{settings.home}"


def server_environment(settings: Settings, name: Name, port: int) -> dict[str, str]:
    """Return all environment variables of a server's process."""
    environment = os.environ | client_environment(settings) | {processes.MARK: mark(settings, name)}
    environment["PYTHONSAFEPATH"] = "1"  # its working folder holds folders called prefect and mlflow
    if name == "mlflow":
        # two more processes, for evaluations of language models that nobody asks for here
        return environment | {"MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false"}
    origins = {_base_url(host, port) for host in (*LOOPBACK_NAMES, settings.host)}
    return environment | {
        "PREFECT_API_URL": server_url(settings, name, port),
        "PREFECT_SERVER_DATABASE_CONNECTION_URL": f"sqlite+aiosqlite:///{settings.home}/prefect/prefect.db",
        "PREFECT_SERVER_DATABASE_TIMEOUT": "60",  # SQLite has one writer at a time: wait, do not fail
        "PREFECT_SERVER_API_CORS_ALLOWED_ORIGINS": ",".join(sorted(origins)),  # the default is every site
        "PREFECT_SERVER_UI_SHOW_PROMOTIONAL_CONTENT": "false",
    }


def server_command(settings: Settings, name: Name, port: int) -> list[str]:
    """Return program and arguments that start a server in the foreground."""
    address = ["--host", settings.host, "--port", str(port)]
    if name == "prefect":
        return [sys.executable, "-m", "prefect", "server", "start", *address]
    return [
        *(sys.executable, "-m", "mlflow", "server", *address),
        *("--workers", "1"),  # SQLite has one writer; each worker costs 250 MB and a second of start
        *("--backend-store-uri", f"sqlite:///{settings.home}/mlflow/mlflow.db"),
        *("--serve-artifacts", "--artifacts-destination", str(settings.home / "mlflow" / "artifacts")),
        *("--uvicorn-opts", "--log-level warning"),  # else a line for every request
    ]


def prepare_database(settings: Settings, name: Name) -> None:
    """Put MLflow's database into write-ahead mode, which lasts; Prefect does that by itself.

    A run with its parameters and metrics took 26 ms instead of 34 ms so, and readers do not wait for
    the writer.

    Raises
    ------
    StackError
        If the file is not a database.
    """
    if name != "mlflow":
        return
    file = settings.home / "mlflow" / "mlflow.db"
    try:
        with closing(sqlite3.connect(file)) as database:
            database.execute("PRAGMA journal_mode = WAL")
    except sqlite3.DatabaseError as error:
        raise StackError(f"{file} cannot be used ({error}): restore it, or move it away.") from None
