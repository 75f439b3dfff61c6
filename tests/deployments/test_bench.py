"""`trilla bench`: its own figures and nothing of what libraries log."""

import json
import os
from pathlib import Path

import pytest

from deployments import bench
from infra.errors import ParameterError
from tests.conftest import trilla

ROW = {"what": "sums", "ours": "1.00 s", "peer": "2.00 s", "ratio": "0.50", "aim": "below 1"}
GOOD = f"""
import logging, pathlib, sys
logging.basicConfig(level=logging.INFO)
logging.info("distributed.core - noise of a library")
print("  round 1: ours 1.00 s, peer 2.00 s", flush=True)
pathlib.Path(sys.argv[1]).write_text({json.dumps([ROW])!r})
"""


@pytest.fixture
def source(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A source tree with two benchmarks, a home folder, and no servers."""
    folder = tmp_path / "source" / "tests" / "benchmarks"
    folder.mkdir(parents=True)
    for package in (folder.parent, folder):
        (package / "__init__.py").touch()
    (folder / "bench_good.py").write_text(GOOD)
    (folder / "bench_more.py").write_text(GOOD)
    monkeypatch.setattr(bench, "ROOT", tmp_path / "source")
    monkeypatch.setattr(bench, "FOLDER", folder)
    monkeypatch.setattr(bench, "bring_up", lambda: None)
    monkeypatch.setenv("TRILLA_HOME", str(tmp_path / "home"))
    return folder


def logs(tmp_path: Path) -> list[Path]:
    return sorted((tmp_path / "home" / "logs").glob("bench-*.log"))


def test_figures_and_progress_are_shown_and_what_libraries_log_is_kept_in_a_file(
    source: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    assert bench.bench(None, tmp_path / "figures.json") == 0
    output, errors = capfd.readouterr()
    assert errors == ""
    assert "noise of a library" not in output
    for text in ("good (1 of 2)", "more (2 of 2)", "round 1: ours 1.00 s", "0.50", "below 1"):
        assert text in output
    assert json.loads((tmp_path / "figures.json").read_text()) == {"good": [ROW], "more": [ROW]}
    assert all("noise of a library" in log.read_text() for log in logs(tmp_path))


def test_a_benchmark_that_fails_names_its_log(
    source: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    (source / "bench_bad.py").write_text("raise ArithmeticError('no figure')")
    assert bench.bench("bad", None) == 1
    output, errors = capfd.readouterr()
    [log] = logs(tmp_path)
    assert errors == f"trilla: benchmark 'bad' failed: see {log}\n"
    assert "Traceback" not in output
    assert "ArithmeticError: no figure" in log.read_text()


@pytest.mark.parametrize(
    ("name", "json_file", "sentence"),
    [
        ("nosuch", None, "benchmark 'nosuch' is unknown; allowed: good, more"),
        ("good", Path("/nosuch/folder/x.json"), "--json /nosuch/folder/x.json: its folder does not exist"),
    ],
)
def test_wrong_input_starts_nothing(name: str, json_file: Path | None, sentence: str, source: Path) -> None:
    with pytest.raises(ParameterError, match=sentence):
        bench.bench(name, json_file)


def test_without_the_source_there_are_no_benchmarks(
    source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bench, "FOLDER", tmp_path / "nosuch")
    with pytest.raises(ParameterError, match="the benchmarks come with the source"):
        bench.bench(None, None)


def test_the_command_refuses_an_unknown_benchmark(tmp_path: Path) -> None:
    done = trilla("bench", "nosuch", environment={**os.environ, "TRILLA_HOME": str(tmp_path / "home")})
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("trilla: benchmark 'nosuch' is unknown; allowed: clustering, ensembles")
    assert not (tmp_path / "home").exists()
