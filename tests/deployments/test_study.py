"""The main job from end to end: users' own data, failing cells, interrupts, servers that go away."""

import csv
import random
import signal
from collections.abc import Iterator
from pathlib import Path

import httpx
import psutil
import pytest

from infra.mlflow_api import mlflow_client
from infra.servers import Stack, down, up
from infra.settings import Settings
from infra.tracking import Tracker
from tests.conftest import free_port, trilla
from tests.flows.studying import (
    SMALL,
    Environments,
    Study,
    environments_in,
    found_by,
    gone_within,
    ledger,
    settled_states,
    tracked,
    wait_for,
)


@pytest.fixture(scope="module")
def environments(stack: Stack, tmp_path_factory: pytest.TempPathFactory) -> Environments:
    return environments_in(tmp_path_factory.mktemp("study"), stack)


ODD = "Größe (cm), links"


@pytest.fixture(scope="module")
def own(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three classes, text categories, missing cells, an odd column name, a quoted comma."""
    path = tmp_path_factory.mktemp("own") / "my flowers 2.csv"
    chance = random.Random(1)
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow([ODD, "colour", "weight", "kind, of flower"])
        for row in range(120):
            kind = ("rose", "tulip", "Änne's, own")[row % 3]
            size = "" if row % 11 == 0 else f"{chance.gauss(10 * (row % 3), 4):.2f}"
            colour = "?" if row % 17 == 0 else chance.choice(["red", "white", "red"][: 1 + row % 3])
            writer.writerow([size, colour, f"{chance.gauss(5, 1):.3f}", kind])
    return path


@pytest.mark.parametrize(("number", "engines"), [(signal.SIGINT, "dask,spark"), (signal.SIGTERM, "local")])
def test_an_interrupt_ends_it_cleanly(
    number: signal.Signals, engines: str, environments: Environments, stack: Stack
) -> None:
    """Ctrl-C reaches every process of the terminal's group; `kill` only the command."""
    study = Study(environments(number.name), ("--engines", engines, *SMALL))
    study.recorded_more_than(5)
    family = study.family()
    assert any(one.name() == "java" for one in family) == ("spark" in engines)
    if number == signal.SIGINT:
        study.signal_group(number)
    else:
        study.process.send_signal(number)
    assert study.end(60) == 128 + number
    kept = len(ledger(study.home))
    assert (
        study.errors == f"trilla: interrupted; {kept} results are kept; the same command resumes from here\n"
    )
    assert gone_within(5, family)
    found = settled_states(stack.prefect_api_url, study.flow_run)
    assert sorted(name for name, _, _ in found["flows"]) == ["Completed", "Crashed", "Crashed"]
    statuses = {key: run.info.status for key, run in tracked(stack.mlflow_url, study.id).items()}
    assert statuses.pop(study.id) == "KILLED"
    assert sorted(statuses.values()) == ["FINISHED", "KILLED"]  # baseline, grid


def test_processes_of_a_killed_study_end(environments: Environments) -> None:
    study = Study(environments("orphans"), ("--engines", "spark", *SMALL))
    study.wait_for_output("MLflow run")
    wait_for(lambda: any(one.name() == "java" for one in study.family()))
    family = study.family()
    study.process.kill()
    study.process.wait()
    assert gone_within(30, family)


FAKE_JAVA = """#!/bin/sh
case "$*" in
  *-XshowSettings*) echo "    java.home = {home}" >&2; echo "    java.specification.version = 17" >&2;;
  *) echo "no memory for you" >&2; exit 1;;
esac
"""


@pytest.fixture(scope="module")
def broken(own: Path, environments: Environments, tmp_path_factory: pytest.TempPathFactory) -> Study:
    """A study with a Java that tells its version and then does not start."""
    home = tmp_path_factory.mktemp("java")
    java = home / "bin" / "java"
    java.parent.mkdir()
    java.write_text(FAKE_JAVA.format(home=home))
    java.chmod(0o755)
    chosen = ("--engines", "spark,local,dask", "--data", str(own), "--target", "kind, of flower")
    study = Study(environments("java") | {"JAVA_HOME": str(home)}, (*chosen, *SMALL[2:]), "broken")
    study.end()
    return study


@pytest.fixture(scope="module")
def held(broken: Study) -> dict[str, float]:
    """What is recorded when the broken study has ended."""
    return ledger(broken.home)


@pytest.fixture(scope="module")
def mended(broken: Study, held: dict[str, float], environments: Environments) -> Study:
    """The same study with a Java that works."""
    study = Study(environments("java"), broken.arguments, "mended")
    assert study.end() == 0, study.output + study.errors
    return study


def test_failed_cells_do_not_stop_the_others(broken: Study, own: Path, stack: Stack) -> None:
    assert broken.process.returncode == 1, broken.errors
    assert broken.errors == ""
    status = {place: cell["status"] for place, cell in broken.cells().items()}
    assert {engine for (engine, _), word in status.items() if word == "failed"} == {"spark"}
    assert {engine for (engine, _), word in status.items() if word == "completed"} == {"local", "dask"}
    assert broken.output.count("failed: EngineError: Spark does not start") == 3
    assert "failed" in broken.output.partition("hold-out n")[2]
    assert Path(broken.result["links"]["report"]).stat().st_size > 1000
    name, kind, message = settled_states(stack.prefect_api_url, broken.flow_run)["flows"][0]
    assert (name, kind) == ("Failed", "FAILED")
    assert (
        f"3 of 9 cells failed: {own.stem} xgboost spark baseline: EngineError: Spark does not start"
        in message
    )
    assert tracked(stack.mlflow_url, broken.id)[broken.id].info.status == "FAILED"


def test_only_failed_cells_are_computed_when_their_cause_is_mended(
    mended: Study, held: dict[str, float], stack: Stack
) -> None:
    after = ledger(mended.home)
    assert {key: after[key] for key in held} == held
    assert all("/spark/" in key for key in set(after) - set(held))
    cells = mended.cells()
    assert cells["spark", "grid"]["kept"] == 0
    for engine in ("local", "dask"):
        grid = cells[engine, "grid"]
        assert grid["kept"] == sum(len(trial["scores"]) for trial in grid["trials"])
    runs = tracked(stack.mlflow_url, mended.id)
    assert {run.info.status for run in runs.values()} == {"FINISHED"}


def test_own_classes_on_every_engine(mended: Study) -> None:
    (dataset,) = mended.result["datasets"]
    assert (dataset["task"], dataset["target"], dataset["rows"]) == ("classification", "kind, of flower", 120)
    assert set(dataset["columns"]) == {ODD, "colour", "weight"}
    assert f"{ODD}: 11 of 120 cells are missing" in dataset["notes"]
    found = found_by(mended)
    for search in ("baseline", "grid", "random"):
        assert found["local", search] == found["dask", search] == found["spark", search]
    assert found["local", "grid"][3]["holdout_accuracy"] > 0.5
    best = max(cell["metrics"]["holdout_accuracy"] for cell in mended.cells().values())
    assert f"{100 * best:.1f}" in mended.output.partition("hold-out")[2]
    for engine, search in found:
        assert f"{engine} {'base' if search == 'baseline' else search[:4]}" in mended.output
    report = Path(mended.result["links"]["report"]).read_text()
    assert "Änne" in report or "my flowers 2" in report


def test_a_fault_of_the_program_names_its_log(
    environments: Environments, tmp_path: Path, stack: Stack
) -> None:
    """Metadata of a package that cannot be read, as an example of a fault that nobody foresees."""
    (tmp_path / "sitecustomize.py").write_text(
        "import importlib.metadata as m\n"
        "known = m.version\n"
        "def version(name):\n"
        "    if name == 'prefect-dask':\n"
        "        raise RuntimeError('unreadable')\n"
        "    return known(name)\n"
        "m.version = version\n"
    )
    study = Study(environments("fault") | {"PYTHONPATH": str(tmp_path)}, ("--engines", "local", *SMALL))
    assert study.end() == 1
    (line,) = study.errors.splitlines()
    assert line.startswith("trilla: the study failed: RuntimeError: unreadable")
    log = Path(line.rpartition("see ")[2])
    assert log.parent == study.home / "logs"
    text = log.read_text()
    assert "Traceback" in text
    assert "recording.py" in text


@pytest.fixture(scope="module")
def own_stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Settings, Stack]]:
    """Servers of this module's own, to be stopped and started."""
    settings = Settings(
        home=tmp_path_factory.mktemp("servers") / "home", prefect_port=free_port(), mlflow_port=free_port()
    )
    yield settings, up(settings)
    down(settings)


def server(stack: Stack, name: str) -> psutil.Process:
    process = getattr(stack, name).process()
    assert isinstance(process, psutil.Process)
    return process


def kill_with_children(process: psutil.Process) -> None:
    for one in [*process.children(recursive=True), process]:
        one.kill()
    assert gone_within(10, [process])


def test_bad_input_creates_no_run(own_stack: tuple[Settings, Stack], tmp_path: Path) -> None:
    """With the servers up; and as a process, whose libraries could say something at its end."""
    _, stack = own_stack
    environment = environments_in(tmp_path, stack)("bad")
    (tmp_path / "one.csv").write_text("a,y\n" + "1,p\n" * 60)
    for arguments in (["--data", str(tmp_path / "one.csv"), "--target", "y"], ["--folds", "1"], ["--nosuch"]):
        ended = trilla("study", *arguments, environment=environment)
        assert (ended.returncode, ended.stdout) == (2, "")
        assert ended.stderr.startswith("trilla: ")
        assert ended.stderr.count("\n") == 1
    assert httpx.post(f"{stack.prefect_api_url}/flow_runs/count", json={}).json() == 0
    experiments = mlflow_client(stack.mlflow_url).search_experiments()
    assert [one.name for one in experiments] == ["Default"], "a study makes an experiment of its own"
    assert not (tmp_path / "bad").exists()


def test_nothing_is_lost_while_servers_are_away(own_stack: tuple[Settings, Stack], tmp_path: Path) -> None:
    """MLflow is killed and starts again after the study only, Prefect hangs meanwhile: nothing is lost or doubled."""
    settings, stack = own_stack
    study = Study(environments_in(tmp_path, stack)("away"), ("--engines", "local", *SMALL))
    study.recorded_more_than(3)
    prefect = server(stack, "prefect")
    prefect.suspend()
    kill_with_children(server(stack, "mlflow"))
    try:
        study.recorded_more_than(90)
    finally:
        prefect.resume()
    assert study.end() == 0, study.output + study.errors
    assert "does not answer" in study.output or "accepts no data now" in study.output
    outbox = study.home / "outbox.sqlite"
    assert f"operations for MLflow wait in {outbox}" in study.output
    states = settled_states(stack.prefect_api_url, study.flow_run)
    assert {name for kind in states.values() for name, _, _ in kind} == {"Completed"}
    stack = up(settings)
    with Tracker(stack.mlflow_url, outbox, "trilla") as tracker:  # as the next study does
        assert tracker.flush(timeout=60)
    runs = tracked(stack.mlflow_url, study.id)
    assert len(runs) == 1 + 3 + 2 * 3
    assert {run.info.status for run in runs.values()} == {"FINISHED"}
    grid = next(run for run in runs.values() if run.info.run_name == "diabetes xgboost local grid")
    assert grid.data.metrics["cv_accuracy"] == study.cells()["local", "grid"]["cv_score"]
    artifacts = {one.path for one in mlflow_client(stack.mlflow_url).list_artifacts(grid.info.run_id)}
    assert "trials.csv" in artifacts
