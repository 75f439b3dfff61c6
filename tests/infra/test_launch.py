"""What a server may be started with."""

import subprocess
import sys
from pathlib import Path

import pytest

from infra import launch
from infra.errors import StackError
from infra.server_kinds import PREFECT
from infra.servers import up
from infra.settings import Settings


@pytest.mark.parametrize("host", ["0.0.0.0", "192.0.2.1", "::", "some.example"])
def test_a_remote_bind_is_refused(host: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    settings = Settings(home=tmp_path / "home", host=host)
    monkeypatch.delenv("PREFECT_SERVER_API_AUTH_STRING", raising=False)
    with pytest.raises(StackError, match=f"TRILLA_HOST={host} .*MLflow.*127.0.0.1"):
        up(settings)
    with pytest.raises(StackError, match=f"TRILLA_HOST={host} .*Prefect.*AUTH_STRING"):
        launch.refuse_exposure(settings, [PREFECT])
    monkeypatch.setenv("PREFECT_SERVER_API_AUTH_STRING", "user:word")
    launch.refuse_exposure(settings, [PREFECT])
    assert launch.client_environment(settings)["PREFECT_API_AUTH_STRING"] == "user:word"
    assert not settings.home.exists()


def test_mlflow_knows_every_variable() -> None:
    from mlflow import environment_variables

    names = [name for name in launch.client_environment(Settings()) if name.startswith("MLFLOW_")]
    assert names
    for name in [*names, "MLFLOW_SERVER_ENABLE_JOB_EXECUTION"]:
        assert hasattr(environment_variables, name)


def test_starting_imports_neither_prefect_nor_mlflow() -> None:
    script = (
        "import sys, infra.servers; print([m for m in ('prefect', 'mlflow', 'httpx') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_requests_to_this_machine_pass_by_the_proxy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_PROXY", "intranet.example,localhost")
    environment = launch.client_environment(Settings(home=tmp_path))
    assert environment["NO_PROXY"] == "intranet.example,localhost,127.0.0.1"


@pytest.mark.parametrize(
    ("host", "url"),
    [
        ("127.0.0.1", "http://127.0.0.1:7/api"),
        ("::1", "http://[::1]:7/api"),
        ("0.0.0.0", "http://127.0.0.1:7/api"),
        ("server.example", "http://server.example:7/api"),
    ],
)
def test_addresses_for_clients(host: str, url: str, tmp_path: Path) -> None:
    assert PREFECT.url(Settings(home=tmp_path, host=host), 7) == url


def test_a_host_of_another_machine_is_named(tmp_path: Path) -> None:
    with pytest.raises(StackError, match=r"Cannot listen on 192\.0\.2\.1:4200"):
        launch.choose_port(PREFECT, Settings(home=tmp_path, host="192.0.2.1"), print)
