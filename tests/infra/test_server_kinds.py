"""What every kind of server of the stack keeps to."""

from pathlib import Path

import pytest

from infra import launch
from infra.server_kinds import KINDS, MLFLOW, PREFECT, ServerKind
from infra.settings import Settings

kinds = pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)


@kinds
def test_an_existing_server_is_named_by_its_setting(
    kind: ServerKind, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv(kind.url_setting, raising=False)
    assert kind.existing_url(Settings()) is None
    monkeypatch.setenv(kind.url_setting, "http://server.example")
    assert kind.existing_url(Settings()) == "http://server.example"


@kinds
def test_the_port_is_named_by_its_setting(kind: ServerKind, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(kind.port_setting, "1234")
    assert kind.wanted_port(Settings()) == 1234


@kinds
def test_the_command_listens_where_the_settings_say_and_has_the_name_of_the_kind(
    kind: ServerKind, tmp_path: Path
) -> None:
    """A recorded process is recognised by that name."""
    command = kind.command(Settings(home=tmp_path, host="::1"), 7)
    assert kind.name in command
    assert "--host ::1 --port 7" in " ".join(command)


@kinds
def test_the_environment_names_the_server_and_keeps_its_files_in_the_home_folder(
    kind: ServerKind, tmp_path: Path
) -> None:
    environment = launch.server_environment(kind, Settings(home=tmp_path), 7)
    assert environment["TRILLA_SERVER"] == f"{kind.name}:{tmp_path}"
    assert environment["PREFECT_HOME"] == str(tmp_path / "prefect")
    assert kind.folder(Settings(home=tmp_path)).parent == tmp_path


def test_no_two_kinds_share_a_name_a_port_or_a_variable() -> None:
    for values in (
        {kind.name for kind in KINDS},
        {kind.title for kind in KINDS},
        {kind.client_variable for kind in KINDS},
        {kind.url_setting for kind in KINDS},
        {kind.wanted_port(Settings()) for kind in KINDS},
    ):
        assert len(values) == len(KINDS)


def test_prefect_is_protected_by_credentials_and_mlflow_never(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("PREFECT_SERVER_API_AUTH_STRING", raising=False)
    assert not PREFECT.is_protected()
    monkeypatch.setenv("PREFECT_SERVER_API_AUTH_STRING", "user:word")
    assert PREFECT.is_protected()
    assert not MLFLOW.is_protected()
