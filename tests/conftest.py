"""What all tests share: one pair of servers for the whole run, whatever the number of test processes."""

import json
import os
import random
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import hypothesis
import pytest
from filelock import FileLock

from infra.servers import Stack, down, up
from infra.settings import Settings
from tests.infra.engines.starting import close_spark
from tests.object_store import Bucket, bucket_of, serving

TRILLA = Path(sys.executable).parent / "trilla"

# A busy machine must not fail a test, and each run of the suite tries the same examples, so that a change is accepted
# or refused for what it changes. To try other examples: pytest --hypothesis-profile=others
hypothesis.settings.register_profile("trilla", deadline=None, database=None, derandomize=True)
hypothesis.settings.register_profile("others", deadline=None, database=None, max_examples=1000)
hypothesis.settings.load_profile("trilla")

# The tests start many Java processes that live for a few seconds: without Java's second compiler, and with one thread
# that collects garbage, each of them uses half as much of the processors until its first result.
os.environ.setdefault("SPARK_SUBMIT_OPTS", "-XX:TieredStopAtLevel=1 -XX:+UseSerialGC")


def free_port() -> int:
    """A port that nobody listens on, and that the system gives to nobody who asks for any."""
    while True:
        port = random.randrange(10_000, 30_000)
        with socket.socket() as probe, suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return port


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin the longest file that would come last early: else one of two processes waits for it at the end."""
    items.sort(key=lambda item: item.path.name != "test_contracts.py")


@pytest.fixture(scope="session", autouse=True)
def _spark_ends() -> Iterator[None]:
    yield
    close_spark()


@pytest.fixture(scope="session")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """A Prefect and an MLflow server, started by the first test that asks and stopped after the last."""
    parallel = "PYTEST_XDIST_WORKER" in os.environ
    base = tmp_path_factory.getbasetemp()
    shared = (base.parent if parallel else base) / "stack"
    shared.mkdir(exist_ok=True)
    users = shared / "users.json"
    with FileLock(shared / "lock"):
        state = (
            json.loads(users.read_text())
            if users.exists()
            else {"count": 0, "ports": [free_port(), free_port()]}
        )
        prefect, mlflow = state["ports"]
        settings = Settings(home=shared / "home", prefect_port=prefect, mlflow_port=mlflow)
        found = up(settings)
        users.write_text(json.dumps({**state, "count": state["count"] + 1}))
    yield found
    with FileLock(shared / "lock"):
        state = json.loads(users.read_text())
        users.write_text(json.dumps({**state, "count": state["count"] - 1}))
        if state["count"] == 1:
            down(settings)
            users.unlink()


@pytest.fixture
def environment(stack: Stack, tmp_path: Path) -> dict[str, str]:
    """Environment of a `trilla` command with a home of its own and the shared servers."""
    return {
        **os.environ,
        "TRILLA_HOME": str(tmp_path / "home"),
        "TRILLA_PREFECT_API_URL": stack.prefect_api_url,
        "TRILLA_MLFLOW_TRACKING_URI": stack.mlflow_url,
    }


def trilla(
    *arguments: str, environment: dict[str, str], timeout: float = 280
) -> subprocess.CompletedProcess[str]:
    """Run the `trilla` command to its end."""
    return subprocess.run(
        [TRILLA, *arguments], env=environment, capture_output=True, text=True, timeout=timeout, check=False
    )


Command = Callable[..., "subprocess.CompletedProcess[str]"]
"""The `trilla` command: arguments in, exit status and what was printed out."""


@pytest.fixture
def trilla_here(
    environment: dict[str, str], monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> Command:
    """The command in this process, which has the libraries that a process of its own would have to import."""
    from deployments.cli import main

    for name, value in environment.items():
        monkeypatch.setenv(name, value)

    def run(*arguments: str) -> "subprocess.CompletedProcess[str]":
        status = 0
        capfd.readouterr()
        try:
            main(arguments)
        except SystemExit as ended:
            status = int(ended.code or 0)
        return subprocess.CompletedProcess(arguments, status, *capfd.readouterr())

    return run


@pytest.fixture(scope="session")
def object_store() -> Iterator[str]:
    """The address of a server of S3's protocol."""
    with serving() as server:
        yield server


@pytest.fixture
def bucket(object_store: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Bucket]:
    """A bucket of the server that is empty."""
    with bucket_of(object_store, monkeypatch) as bucket:
        yield bucket
