"""Settings from `TRILLA_*` variables."""

import os
import re
from pathlib import Path

import pytest
from pydantic import ValidationError

from infra.errors import ParameterError
from infra.settings import Settings, load_settings, usable_cores


@pytest.fixture(autouse=True)
def without_variables(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in os.environ if name.startswith("TRILLA_")]:
        monkeypatch.delenv(name)


def test_defaults_keep_to_this_machine() -> None:
    settings = load_settings()
    assert settings.home == Path("~/.trilla").expanduser()
    assert settings.host == "127.0.0.1"
    assert (settings.prefect_port, settings.mlflow_port) == (4200, 5000)
    assert settings.dask_address is settings.spark_master is settings.mlflow_tracking_uri is None
    assert settings.cores == usable_cores() >= 1


def test_variables_are_read_when_asked_for(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("TRILLA_HOME", str(tmp_path))
    monkeypatch.setenv("TRILLA_CORES", "3")
    monkeypatch.setenv("TRILLA_DASK_ADDRESS", "tcp://h:8786")
    settings = load_settings()
    assert (settings.home, settings.cores, settings.dask_address) == (tmp_path, 3, "tcp://h:8786")
    monkeypatch.setenv("TRILLA_CORES", "1")
    assert load_settings().cores == 1


def test_an_empty_variable_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TRILLA_CATS_DOGS", "")
    assert load_settings().cats_dogs is None


def test_home_is_made_absolute(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    assert Settings(home=Path("here")).home == tmp_path / "here"
    assert Settings(home=Path("~/there")).home == Path("~/there").expanduser()


@pytest.mark.parametrize(
    ("name", "value", "allowed"),
    [
        ("TRILLA_PREFECT_PORT", "0", "greater than or equal to 1"),
        ("TRILLA_MLFLOW_PORT", "65536", "less than or equal to 65535"),
        ("TRILLA_CORES", "many", "valid integer"),
    ],
)
def test_a_wrong_value_is_refused_by_the_name_of_its_variable(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str, allowed: str
) -> None:
    monkeypatch.setenv(name, value)
    with pytest.raises(ParameterError, match=f"^{name}={value}: .*{allowed}"):
        load_settings()


def test_settings_do_not_change() -> None:
    with pytest.raises(ValidationError, match="frozen"):
        load_settings().cores = 7  # type: ignore[misc]


def test_prepared_tables_have_a_place_of_their_own(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("TRILLA_HOME", str(tmp_path))
    assert load_settings().tables == load_settings().images == tmp_path / "data"
    monkeypatch.setenv("TRILLA_DATA", "~/prepared")
    assert load_settings().tables == Path.home() / "prepared"
    monkeypatch.setenv("TRILLA_DATA", "s3://team/prepared")
    assert str(load_settings().tables) == "s3://team/prepared"
    assert load_settings().images == tmp_path / "data"


@pytest.mark.parametrize("data", ["https://example.org/x", "s3://team/x?region=eu-west-1", "s3:///x"])
def test_prepared_tables_cannot_be_at_every_address(monkeypatch: pytest.MonkeyPatch, data: str) -> None:
    monkeypatch.setenv("TRILLA_DATA", data)
    with pytest.raises(ParameterError, match=f"TRILLA_DATA={re.escape(data)}: give a folder, or an address"):
        load_settings()
