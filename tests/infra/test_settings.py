from pathlib import Path

import pytest

from infra.errors import ParameterError
from infra.settings import load_settings, usable_cores


def test_defaults_suit_one_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("TRILLA_HOME", "TRILLA_CORES", "TRILLA_PREFECT_PORT", "TRILLA_HOST"):
        monkeypatch.delenv(name, raising=False)
    settings = load_settings()
    assert settings.home == Path.home() / ".trilla"
    assert settings.host == "127.0.0.1"
    assert settings.cores == usable_cores() >= 1
    assert (settings.prefect_port, settings.mlflow_port) == (4200, 5000)


def test_the_environment_is_read_when_asked_for(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("TRILLA_HOME", str(tmp_path))
    monkeypatch.setenv("TRILLA_CORES", "3")
    assert (load_settings().home, load_settings().cores) == (tmp_path, 3)
    monkeypatch.setenv("TRILLA_CORES", "5")
    assert load_settings().cores == 5


@pytest.mark.parametrize(
    ("name", "value"),
    [("TRILLA_CORES", "0"), ("TRILLA_PREFECT_PORT", "high"), ("TRILLA_MLFLOW_PORT", "70000")],
)
def test_a_wrong_value_is_named(monkeypatch: pytest.MonkeyPatch, name: str, value: str) -> None:
    monkeypatch.setenv(name, value)
    with pytest.raises(ParameterError, match=f"{name}={value}"):
        load_settings()
