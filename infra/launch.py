"""Launch of the servers of the local stack: exposure, port, environment."""

import os
from collections.abc import Callable, Sequence

from infra.addresses import LOOPBACK_NAMES, is_free, is_loopback, process_on_port
from infra.errors import StackError
from infra.processes import SERVER_VARIABLE
from infra.server_kinds import KINDS, PREFECT, ServerKind
from infra.settings import Settings

Report = Callable[[str], object]
"""Function that is called with one line of text for the user."""

PORTS_TRIED = 100

HEARTBEAT_S = 30
"""Seconds between two heartbeats of a flow: the least that Prefect allows.

A flow is taken to be dead after three missed heartbeats.
"""


def refuse_exposure(settings: Settings, kinds: Sequence[ServerKind]) -> None:
    """Refuse a host on which others could use a local server without authentication.

    Raises
    ------
    StackError
        If a server of these kinds would be open to others; the message says what is allowed.
    """
    exposed = [kind for kind in kinds if not kind.is_protected()]
    if is_loopback(settings.host) or not exposed:
        return
    servers = " and ".join(f"the local {kind.title} server" for kind in exposed)
    protections = " and ".join(kind.protection for kind in exposed)
    raise StackError(
        f"TRILLA_HOST={settings.host} would open {servers} to others without authentication. Allowed are "
        f"127.0.0.1, localhost and ::1, or another host together with {protections}."
    )


def choose_port(kind: ServerKind, settings: Settings, say: Report) -> int:
    """Choose the port that the settings give to the server, or the next free port.

    Parameters
    ----------
    kind : ServerKind
        Kind of the server.
    settings : Settings
        Host and ports.
    say : callable
        Function that is called with one line of text if the wanted port is taken.

    Returns
    -------
    int
        A free port.

    Raises
    ------
    StackError
        If no port is free, or if the host is not an address of this machine.
    """
    wanted = kind.wanted_port(settings)
    if is_free(settings.host, wanted):
        return wanted
    reserved = {other.wanted_port(settings) for other in KINDS}
    for port in range(wanted + 1, min(wanted + PORTS_TRIED, 65536)):
        if port not in reserved and is_free(settings.host, port):
            say(f"Port {wanted} is taken by {process_on_port(wanted)}: {kind.title} listens on {port}.")
            return port
    raise StackError(
        f"Port {wanted} is taken by {process_on_port(wanted)}, and so are the ports after it: set "
        f"{kind.port_setting} to a free port."
    )


def client_environment(settings: Settings) -> dict[str, str]:
    """Return environment variables for every process that uses Prefect or MLflow, without the addresses.

    With them, Prefect and MLflow keep their files in the home folder, send nothing to their makers, and write
    no messages that users of trilla do not need.
    """
    environment = {
        "PREFECT_HOME": str(PREFECT.folder(settings)),
        "PREFECT_SERVER_ALLOW_EPHEMERAL_MODE": "false",
        "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
        "PREFECT_RESULTS_DEFAULT_SERIALIZER": "json",
        "PREFECT_FLOWS_HEARTBEAT_FREQUENCY": str(HEARTBEAT_S),
        "PREFECT_CLI_PROMPT": "false",
        "PREFECT_LOGGING_TO_API_WHEN_MISSING_FLOW": "ignore",  # workers also log outside of flows
        "DO_NOT_TRACK": "true",
        "MLFLOW_DISABLE_TELEMETRY": "true",
        "MLFLOW_DISABLE_AGENT_HINT": "true",
        "MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR": "false",
        "MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT": "true",
        "GIT_PYTHON_REFRESH": "quiet",  # MLflow looks for git, which need not be installed
    }
    # without this, a proxy that the environment names would also get the requests to 127.0.0.1
    for variable in ("NO_PROXY", "no_proxy"):
        hosts = [host for host in os.environ.get(variable, "").split(",") if host]
        environment[variable] = ",".join(dict.fromkeys([*hosts, *LOOPBACK_NAMES]))
    if credentials := os.environ.get("PREFECT_SERVER_API_AUTH_STRING"):
        environment["PREFECT_API_AUTH_STRING"] = credentials
    return environment


def server_environment(kind: ServerKind, settings: Settings, port: int) -> dict[str, str]:
    """Return all environment variables of a server's process.

    Parameters
    ----------
    kind : ServerKind
        Kind of the server.
    settings : Settings
        Home folder and host.
    port : int
        Port of the server.
    """
    return {
        **os.environ,
        **client_environment(settings),
        SERVER_VARIABLE: kind.server_id(settings),
        "PYTHONSAFEPATH": "1",  # the working folder has folders called prefect and mlflow
        **kind.variables(settings, port),
    }
