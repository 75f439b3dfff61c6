"""Tracking against a real MLflow server, which is stopped, killed and started again."""

import logging
import os
import signal
import socket
import sqlite3
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from infra.errors import ParameterError
from infra.mlflow_api import mlflow_client
from infra.run_owners import end_orphaned_runs
from infra.tracking import Tracker
from tests.deployments.browser import browsing


class Server:
    def __init__(self, folder: Path) -> None:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        self.uri = f"http://127.0.0.1:{self.port}"
        self.folder = folder

    def start(self) -> None:
        command = [sys.executable, "-m", "mlflow", "server", "--host", "127.0.0.1", "--port", str(self.port)]
        command += ["--backend-store-uri", f"sqlite:///{self.folder}/mlflow.db", "--workers", "1"]
        command += ["--artifacts-destination", str(self.folder / "artifacts")]
        environment = os.environ | {"MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false", "DO_NOT_TRACK": "true"}
        with (self.folder / "log").open("a") as log:
            self.process = subprocess.Popen(
                command, cwd=self.folder, env=environment, stdout=log, stderr=log, start_new_session=True
            )
        deadline = time.monotonic() + 90
        while not self.healthy():
            assert self.process.poll() is None, (self.folder / "log").read_text()
            assert time.monotonic() < deadline
            time.sleep(0.2)

    def healthy(self) -> bool:
        try:
            with urllib.request.urlopen(f"{self.uri}/health", timeout=2) as answer:
                return bool(answer.status == 200)
        except OSError:
            return False

    def signal(self, number: signal.Signals) -> None:
        os.killpg(self.process.pid, number)
        if number == signal.SIGKILL:
            self.process.wait()


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    server = Server(tmp_path_factory.mktemp("mlflow"))
    server.start()
    yield server
    server.signal(signal.SIGKILL)


@pytest.fixture
def experiment(request: pytest.FixtureRequest) -> str:
    return str(request.node.name)


@pytest.fixture
def tracker(server: Server, tmp_path: Path, experiment: str) -> Iterator[Tracker]:
    with Tracker(server.uri, tmp_path / "outbox.sqlite", experiment) as tracker:
        yield tracker


def runs(server: Server, experiment: str) -> dict[str, Any]:
    """All runs of the experiment by their key; fails if two have the same."""
    client = mlflow_client(server.uri)
    found = client.search_runs([client.get_experiment_by_name(experiment).experiment_id])
    by_key = {run.data.tags["trilla.key"]: run for run in found}
    assert len(by_key) == len(found)
    return by_key


def child(server: Server, outbox: Path, experiment: str, code: str) -> subprocess.Popen[str]:
    """Start another process that has `tracker`."""
    text = "import os, signal, time\nfrom pathlib import Path\nfrom infra.tracking import Tracker\n"
    text += (
        f"tracker = Tracker({server.uri!r}, Path({str(outbox)!r}), {experiment!r})\n{code}\nprint('done')\n"
    )
    return subprocess.Popen([sys.executable, "-c", text], stdout=subprocess.PIPE, text=True)


def test_starting_runs_does_not_wait_for_the_server(
    tracker: Tracker, server: Server, experiment: str
) -> None:
    took = []
    for number in range(20):
        begun = time.perf_counter()
        tracker.start_run(f"run-{number}", f"Run {number}", parent="run-0" if number else None)
        took.append(1000 * (time.perf_counter() - begun))
    print(f"20 starts: slowest {max(took):.2f} ms, all {sum(took):.2f} ms")
    begun = time.perf_counter()
    assert tracker.flush(60)
    print(f"sent in {time.perf_counter() - begun:.1f} s")
    found = runs(server, experiment)
    parent = found["run-0"].info.run_id
    assert len(found) == 20
    assert [run.data.tags.get("mlflow.parentRunId") for run in found.values()].count(parent) == 19
    assert found["run-3"].info.run_name == "Run 3"


def test_a_run_has_what_was_logged(tracker: Tracker, server: Server, experiment: str, tmp_path: Path) -> None:
    (tmp_path / "model").mkdir()
    (tmp_path / "model" / "weights.json").write_text("[1]")
    tracker.start_run("a", "A", tags={"colour": "green"}, start_time_ms=1_700_000_000_000)
    tracker.log("a", metrics={f"metric-{i}": i for i in range(2500)}, params={"depth": 3, "long": "x" * 9000})
    tracker.log_series(
        "a", [("system/worker-0/cpu_percent", 10.0 * i, 1_700_000_000_000 + i, i) for i in range(5)]
    )
    tracker.log_text("a", "top 25", "tables/top.txt")
    tracker.log_artifact("a", tmp_path / "model", "files")
    (tmp_path / "model" / "weights.json").unlink()
    dataset = {"name": "diabetes", "digest": "ab" * 32, "source": "/data/diabetes.csv"}
    for _ in range(2):
        tracker.log_dataset("a", **dataset, rows=768, columns=["glucose", "age"])
    tracker.end_run("a")
    assert tracker.flush(60)
    run = runs(server, experiment)["a"]
    client = mlflow_client(server.uri)
    assert run.info.status == "FINISHED"
    assert run.info.start_time == 1_700_000_000_000
    assert {f"metric-{i}" for i in range(2500)} <= set(run.data.metrics)
    assert run.data.params["depth"] == "3"
    assert len(run.data.params["long"]) == 6000
    assert run.data.params["long"].endswith("[cut: 9000 characters]")
    assert run.data.tags["colour"] == "green"
    history = client.get_metric_history(run.info.run_id, "system/worker-0/cpu_percent")
    assert [(m.step, m.value) for m in history] == [(i, 10.0 * i) for i in range(5)]
    assert [i.dataset.name for i in run.inputs.dataset_inputs] == ["diabetes"]
    address = f"{server.uri}/get-artifact?run_uuid={run.info.run_id}&path="
    with urllib.request.urlopen(f"{address}tables/top.txt") as answer:
        assert answer.read() == b"top 25"
    with urllib.request.urlopen(f"{address}files/model/weights.json") as answer:
        assert answer.read() == b"[1]"
    assert not list((tmp_path / "outbox.sqlite-files").glob("*/*"))
    assert tracker.run_id("a") == run.info.run_id
    page = f"experiments/{run.info.experiment_id}/runs/{run.info.run_id}"
    assert tracker.run_url("a") == f"{server.uri}/#/{page}?workflowType=machine_learning"


def test_the_page_of_a_run_is_among_those_for_training_and_shows_its_description(tracker: Tracker) -> None:
    tracker.start_run("a", "Run A")
    tracker.log("a", metrics={"auc": 0.9})
    tracker.describe("a", "# An earlier text")
    tracker.describe("a", "# Best model\n\nUse the **forest**.")
    tracker.end_run("a")
    assert tracker.flush(60)
    address = tracker.run_url("a")
    assert address is not None
    with browsing() as page:
        page.goto(address)
        page.get_by_role("heading", name="Best model").wait_for()
        navigation = page.get_by_role("navigation").first
        navigation.get_by_role("link", name="Runs", exact=True).wait_for()
        assert navigation.get_by_text("Prompts").count() == 0, "a page for language models"
        assert page.get_by_text("An earlier text").count() == 0


def test_more_than_a_request_may_hold(tracker: Tracker, server: Server, experiment: str) -> None:
    tracker.start_run("a", "A")
    long = {f"name-{i}": "ä" * 5900 for i in range(150)}  # 5.3 MB as JSON
    tracker.log("a", params=long, tags=long)
    assert tracker.flush(60)
    run = runs(server, experiment)["a"]
    assert {name: run.data.params[name] for name in long} == long
    assert {name: run.data.tags[name] for name in long} == long


def test_values_that_are_not_finite(tracker: Tracker, server: Server, experiment: str) -> None:
    tracker.start_run("a", "A")
    tracker.log("a", metrics={"loss": float("inf"), "auc": float("nan")}, step=7)
    assert tracker.flush(60)
    run = runs(server, experiment)["a"]
    assert "loss" not in run.data.metrics
    assert run.data.tags["trilla.infinite.loss"] == "inf at step 7"
    assert run.data.metrics["auc"] != run.data.metrics["auc"]


def test_server_killed_and_started_again(tracker: Tracker, server: Server, experiment: str) -> None:
    tracker.start_run("a", "A")
    for step in range(300):
        tracker.log("a", metrics={"loss": step}, step=step)
        if step == 100:
            assert tracker.run_id("a")
            server.signal(signal.SIGKILL)
            tracker.start_run("b", "B", parent="a")
            assert tracker.run_id("b", timeout=1) is None
    tracker.log_text("b", "text", "b.txt")
    assert not tracker.flush(0.5)
    server.start()
    assert tracker.flush(120)
    found = runs(server, experiment)
    history = mlflow_client(server.uri).get_metric_history(found["a"].info.run_id, "loss")
    assert sorted(m.value for m in history) == list(range(300))
    assert found["b"].data.tags["mlflow.parentRunId"] == found["a"].info.run_id


def test_process_killed_before_it_could_send(server: Server, tmp_path: Path, experiment: str) -> None:
    outbox = tmp_path / "outbox.sqlite"
    code = "tracker.start_run('a', 'A')\ntracker.log('a', metrics={'loss': 1.0})\n"
    code += "tracker.log_text('a', 'kept', 'note.txt')\ntracker.end_run('a')\n"
    code += "os.kill(os.getpid(), signal.SIGKILL)"
    server.signal(signal.SIGSTOP)
    try:
        assert child(server, outbox, experiment, code).wait(60) == -signal.SIGKILL
    finally:
        server.signal(signal.SIGCONT)
    with Tracker(server.uri, outbox, "of another study") as tracker:
        assert tracker.flush(60)
    run = runs(server, experiment)["a"]
    client = mlflow_client(server.uri)
    assert run.info.status == "FINISHED"
    assert len(client.get_metric_history(run.info.run_id, "loss")) == 1
    assert [f.path for f in client.list_artifacts(run.info.run_id)] == ["note.txt"]


def test_process_killed_between_the_answer_and_its_note(
    server: Server, tmp_path: Path, experiment: str
) -> None:
    outbox = tmp_path / "outbox.sqlite"
    code = "from infra.outbox import Outbox\n"
    code += "Outbox.remember_run = lambda *_: os.kill(os.getpid(), signal.SIGKILL)\n"
    code += "tracker.start_run('a', 'A')\ntime.sleep(60)"
    assert child(server, outbox, experiment, code).wait(60) == -signal.SIGKILL
    assert set(runs(server, experiment)) == {"a"}
    with Tracker(server.uri, outbox, experiment) as tracker:
        assert tracker.flush(60)
    assert set(runs(server, experiment)) == {"a"}


def test_run_of_the_same_key_is_opened_again(server: Server, tmp_path: Path, experiment: str) -> None:
    ids = []
    for outbox in ("one", "one", "two"):  # of another outbox, the run is found by its tag
        with Tracker(server.uri, tmp_path / outbox, experiment) as tracker:
            tracker.start_run("a", "A", tags={"outbox": outbox})
            ids.append(tracker.run_id("a"))
            assert tracker.flush(30)
            assert runs(server, experiment)["a"].info.status == "RUNNING"
            tracker.end_run("a", "FAILED")
    run = runs(server, experiment)["a"]
    assert ids == [run.info.run_id] * 3
    assert (run.info.status, run.data.tags["outbox"]) == ("FAILED", "two")


def test_run_that_somebody_deleted_is_started_anew(tracker: Tracker, server: Server, experiment: str) -> None:
    tracker.start_run("a", "A")
    first = tracker.run_id("a")
    mlflow_client(server.uri).delete_run(first)
    tracker.start_run("a", "A")
    assert tracker.run_id("a") not in (None, first)
    assert set(runs(server, experiment)) == {"a"}


def test_what_the_server_refuses_does_not_block(
    server: Server, tmp_path: Path, experiment: str, caplog: pytest.LogCaptureFixture
) -> None:
    with Tracker(server.uri, tmp_path / "outbox.sqlite", experiment) as tracker:
        tracker.start_run("a", "A")
        tracker.log("a", params={"depth": 3})
        tracker.log("nowhere", metrics={"loss": 1.0})
        tracker.log("a", params={"depth": 4, "width": 1}, metrics={"loss": 1.0, "bad?name": 2.0})
        tracker.end_run("a")
    run = runs(server, experiment)["a"]
    assert run.info.status == "FINISHED"
    assert run.data.params == {"depth": "3", "width": "1"}
    assert run.data.metrics == {"loss": 1.0}
    rows = sqlite3.connect(tmp_path / "outbox.sqlite").execute("SELECT key, payload, error FROM rejected")
    refused = {(key, payload): error for key, payload, error in rows}
    assert len(refused) == 3
    assert "was not started" in next(e for (key, _), e in refused.items() if key == "nowhere")
    assert ("a", '[["param", "depth", "4"]]') in refused
    assert any("bad?name" in payload for _, payload in refused)
    assert "MLflow refused 3 operations" in caplog.text


def test_processes_share_an_outbox(tracker: Tracker, server: Server, tmp_path: Path, experiment: str) -> None:
    code = "tracker.log('a', metrics={'from child': 1.0})\nprint('logged', flush=True)\ntracker.close(60)"
    other = child(server, tmp_path / "outbox.sqlite", experiment, code)
    assert other.stdout
    server.signal(signal.SIGSTOP)
    try:
        tracker.start_run("a", "A")
        assert other.stdout.readline() == "logged\n"
    finally:
        server.signal(signal.SIGCONT)
    assert other.communicate(timeout=60)[0] == "done\n"
    assert tracker.flush(60)
    assert runs(server, experiment)["a"].data.metrics == {"from child": 1.0}


def test_runs_of_processes_that_died_here_are_ended(
    tracker: Tracker, server: Server, tmp_path: Path, experiment: str
) -> None:
    code = "tracker.start_run('gone', 'Gone')\ntracker.flush(60)\nos.kill(os.getpid(), signal.SIGKILL)"
    assert child(server, tmp_path / "other.sqlite", experiment, code).wait(60) == -signal.SIGKILL
    tracker.start_run("mine", "Mine")
    tracker.start_run("ended", "Ended")
    tracker.end_run("ended")
    elsewhere = {"trilla.host": "another-host", "trilla.pid": "1", "trilla.pid_created": "1.0"}
    tracker.start_run("elsewhere", "Elsewhere")
    tracker.log("elsewhere", tags=elsewhere)
    assert tracker.flush(60)
    assert end_orphaned_runs(server.uri, ["no such experiment"]) == []
    assert end_orphaned_runs(server.uri, [experiment]) == [runs(server, experiment)["gone"].info.run_id]
    states = {key: run.info.status for key, run in runs(server, experiment).items()}
    assert states == {"gone": "KILLED", "mine": "RUNNING", "ended": "FINISHED", "elsewhere": "RUNNING"}
    assert end_orphaned_runs(server.uri, [experiment]) == []


def test_nothing_is_lost_while_no_server_is_there(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.WARNING)
    absent = Server(tmp_path)
    tracker = Tracker(absent.uri, tmp_path / "outbox.sqlite", "e")
    tracker.start_run("a", "A")
    assert tracker.run_url("a", timeout=0.1) is None
    tracker.close(timeout=0.2)
    assert f"1 operations for MLflow wait in {tmp_path / 'outbox.sqlite'}" in caplog.text
    with pytest.raises(RuntimeError, match="closed"):
        tracker.log("a", metrics={"loss": 1.0})
    absent.start()
    try:
        with Tracker(absent.uri, tmp_path / "outbox.sqlite", "e") as tracker:
            assert tracker.flush(60)
        assert set(runs(absent, "e")) == {"a"}
    finally:
        absent.signal(signal.SIGKILL)


def test_bad_input_is_refused_at_once(tracker: Tracker) -> None:
    with pytest.raises(ParameterError, match="key="):
        tracker.start_run("it's", "A")
    with pytest.raises(ParameterError, match=r"\.\./x"):
        tracker.log_text("a", "text", "../x")
    with pytest.raises(ParameterError, match="status='DONE'"):
        tracker.end_run("a", "DONE")
