"""The kinds of server in the local stack: what differs between Prefect's server and MLflow's.

To add a server to the stack, write its kind and add the kind to `KINDS`.
"""

import os
import sqlite3
import sys
from abc import ABC, abstractmethod
from contextlib import closing
from pathlib import Path
from typing import ClassVar

from infra.addresses import LOOPBACK_NAMES, base_url
from infra.errors import StackError
from infra.settings import Settings


class ServerKind(ABC):
    """One server of the local stack: its names, and how its process is started.

    Attributes
    ----------
    name : str
        Short name: of its entry in the stack's record, of its folder and its log file, and a word in the
        command line of its process.
    title : str
        Name that users read.
    api_path : str
        Path of the interface for clients, behind host and port.
    client_variable : str
        Environment variable in which clients of the server look for its address.
    url_setting : str
        Environment variable that names an existing server to use instead of a local one.
    protection : str
        Setting that lets the server listen on another host than loopback, in words.
    """

    name: ClassVar[str]
    title: ClassVar[str]
    api_path: ClassVar[str]
    client_variable: ClassVar[str]
    url_setting: ClassVar[str]
    protection: ClassVar[str]

    @abstractmethod
    def existing_url(self, settings: Settings) -> str | None:
        """Return the address of the existing server that the settings name, or None."""

    @abstractmethod
    def wanted_port(self, settings: Settings) -> int:
        """Return the port that the settings give to the server."""

    @abstractmethod
    def is_protected(self) -> bool:
        """Tell whether the local server asks its users for credentials."""

    @abstractmethod
    def command(self, settings: Settings, port: int) -> list[str]:
        """Return the program and its arguments that run the server in the foreground."""

    @abstractmethod
    def variables(self, settings: Settings, port: int) -> dict[str, str]:
        """Return the environment variables that only this server needs."""

    def prepare(self, settings: Settings) -> None:
        """Prepare the files of the server before its start.

        Raises
        ------
        StackError
            If a file cannot be used.
        """

    @property
    def port_setting(self) -> str:
        """Environment variable that names the port of the local server."""
        return f"TRILLA_{self.name.upper()}_PORT"

    def folder(self, settings: Settings) -> Path:
        """Return the folder of the server's files."""
        return settings.home / self.name

    def log(self, settings: Settings) -> Path:
        """Return the log file of the server."""
        return settings.home / "logs" / f"{self.name}.log"

    def server_id(self, settings: Settings) -> str:
        """Return the id that the environment of each process of the server carries.

        The id finds the processes of the server of this home folder when their record was lost.
        """
        return f"{self.name}:{settings.home}"

    def url(self, settings: Settings, port: int) -> str:
        """Return the address that clients of the local server on this port use."""
        everywhere = settings.host in ("0.0.0.0", "::")  # noqa: S104  (compared, not bound)
        return base_url("127.0.0.1" if everywhere else settings.host, port) + self.api_path


class PrefectServer(ServerKind):
    """The Prefect server."""

    name = "prefect"
    title = "Prefect"
    api_path = "/api"
    client_variable = "PREFECT_API_URL"
    url_setting = "TRILLA_PREFECT_API_URL"
    protection = "PREFECT_SERVER_API_AUTH_STRING=user:password"

    def existing_url(self, settings: Settings) -> str | None:
        return settings.prefect_api_url

    def wanted_port(self, settings: Settings) -> int:
        return settings.prefect_port

    def is_protected(self) -> bool:
        return bool(os.environ.get("PREFECT_SERVER_API_AUTH_STRING"))

    def command(self, settings: Settings, port: int) -> list[str]:
        address = ["--host", settings.host, "--port", str(port)]
        return [sys.executable, "-m", "prefect", "server", "start", *address]

    def variables(self, settings: Settings, port: int) -> dict[str, str]:
        origins = {base_url(host, port) for host in (*LOOPBACK_NAMES, settings.host)}
        database = self.folder(settings) / "prefect.db"
        return {
            "PREFECT_API_URL": self.url(settings, port),
            "PREFECT_SERVER_DATABASE_CONNECTION_URL": f"sqlite+aiosqlite:///{database}",
            # SQLite has one writer at a time: a second writer waits and does not fail
            "PREFECT_SERVER_DATABASE_TIMEOUT": "60",
            # Prefect's default allows pages of every site to read the server
            "PREFECT_SERVER_API_CORS_ALLOWED_ORIGINS": ",".join(sorted(origins)),
            "PREFECT_SERVER_UI_SHOW_PROMOTIONAL_CONTENT": "false",
        }


class MlflowServer(ServerKind):
    """The MLflow server, which has no authentication."""

    name = "mlflow"
    title = "MLflow"
    api_path = ""
    client_variable = "MLFLOW_TRACKING_URI"
    url_setting = "TRILLA_MLFLOW_TRACKING_URI"
    protection = "TRILLA_MLFLOW_TRACKING_URI naming a protected MLflow server"

    def existing_url(self, settings: Settings) -> str | None:
        return settings.mlflow_tracking_uri

    def wanted_port(self, settings: Settings) -> int:
        return settings.mlflow_port

    def is_protected(self) -> bool:
        return False

    def command(self, settings: Settings, port: int) -> list[str]:
        return [
            *(sys.executable, "-m", "mlflow", "server", "--host", settings.host, "--port", str(port)),
            *("--workers", "1"),  # SQLite has one writer; each worker needs 250 MB and a second to start
            *("--backend-store-uri", f"sqlite:///{self._database(settings)}"),
            *("--serve-artifacts", "--artifacts-destination", str(self.folder(settings) / "artifacts")),
            *("--uvicorn-opts", "--log-level warning"),  # by default each request writes a line
        ]

    def variables(self, settings: Settings, port: int) -> dict[str, str]:
        # job execution starts two more processes, which only evaluations of language models need
        return {"MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false"}

    def prepare(self, settings: Settings) -> None:
        """Switch the database to write-ahead mode, which stays on; Prefect does this for its own database.

        In this mode, a run with its parameters and metrics took 26 ms instead of 34 ms, and readers do not
        wait for the writer.

        Raises
        ------
        StackError
            If the file is not a database.
        """
        file = self._database(settings)
        try:
            with closing(sqlite3.connect(file)) as database:
                database.execute("PRAGMA journal_mode = WAL")
        except sqlite3.DatabaseError as error:
            raise StackError(f"{file} cannot be used ({error}): restore it, or move it away.") from None

    def _database(self, settings: Settings) -> Path:
        return self.folder(settings) / "mlflow.db"


PREFECT, MLFLOW = PrefectServer(), MlflowServer()
KINDS: tuple[ServerKind, ...] = (PREFECT, MLFLOW)
