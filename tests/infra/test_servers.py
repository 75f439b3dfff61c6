"""The local stack: real servers, started once for the whole module by two commands at the same moment."""

import contextlib
import json
import os
import socket
import sqlite3
import subprocess
import sys
import textwrap
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil
import pytest

from infra import launch, processes
from infra.errors import StackError
from infra.server_kinds import KINDS, PREFECT
from infra.servers import Stack, down, stack_environment, status, up
from infra.settings import Settings

STARTER = textwrap.dedent("""
    import dataclasses, json, os, sys
    from infra.servers import up
    from infra.settings import load_settings

    secret = os.open(sys.argv[1], os.O_RDONLY)
    os.set_inheritable(secret, True)
    lines = []
    stack = up(load_settings(), lines.append)
    print(json.dumps({"lines": lines, "stack": dataclasses.asdict(stack)}))
""")


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def fetch(url: str, body: Any = None, method: str | None = None, **headers: str) -> Any:
    """Answer of a server, and its headers."""
    data = body if isinstance(body, bytes) else json.dumps(body).encode() if body is not None else None
    headers = {"Content-Type": "application/json", **headers}
    request = urllib.request.Request(url, data, headers, method=method)
    with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(request, timeout=30) as answer:
        return answer.read(), answer.headers


@dataclass
class Started:
    """The stack of this module, and what its two starters said."""

    settings: Settings
    outputs: list[dict[str, Any]]
    stranger: subprocess.Popen[bytes]
    """Has the pid that the stale record names, but is no server."""
    opened: Path
    """File that the starters had open, inheritable."""

    @property
    def stack(self) -> Stack:
        return up(self.settings)


@pytest.fixture(scope="module")
def started(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Started]:
    """One start under the worst of circumstances: a taken port, a stale record, and two commands at once."""
    home = tmp_path_factory.mktemp("stack") / "a home"
    home.mkdir()
    opened = home / "secret"
    opened.touch()
    settings = Settings(home=home, prefect_port=free_port(), mlflow_port=free_port())
    stranger = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(3600)"])
    stale = {"pid": stranger.pid, "create_time": psutil.Process(stranger.pid).create_time(), "log": "x"}
    entry = {"name": "prefect", "url": f"http://127.0.0.1:{settings.prefect_port}/api", "port": 1, **stale}
    gone = {**entry, "name": "mlflow", "pid": 2**22 - 1}
    (home / "stack.json").write_text(json.dumps({"prefect": entry, "mlflow": gone}))
    environment = os.environ | {
        "TRILLA_HOME": str(home),
        "TRILLA_PREFECT_PORT": str(settings.prefect_port),
        "TRILLA_MLFLOW_PORT": str(settings.mlflow_port),
    }
    with socket.create_server(("127.0.0.1", settings.prefect_port)):
        starters = [
            subprocess.Popen(
                [sys.executable, "-c", STARTER, str(opened)],
                env=environment,
                stdout=subprocess.PIPE,
                text=True,
            )
            for _ in range(2)
        ]
        try:
            outputs = [json.loads(starter.communicate(timeout=200)[0]) for starter in starters]
            yield Started(settings, outputs, stranger, opened)
        finally:
            for starter in starters:
                starter.kill()
                starter.wait()
            stranger.kill()
            stranger.wait()
            down(settings)


def test_two_starts_at_once_make_one_pair(started: Started) -> None:
    first, second = started.outputs
    assert first["stack"] == second["stack"]
    for kind in KINDS:
        roots = processes.of_server(kind.server_id(started.settings))
        assert [root.pid for root in roots] == [first["stack"][kind.name]["pid"]]
    said = [any(line.startswith("Starting") for line in output["lines"]) for output in started.outputs]
    assert sorted(said) == [False, True], "exactly one of the two started servers"


def test_a_taken_port_is_left_to_its_holder_and_said(started: Started) -> None:
    assert started.stack.prefect.port not in (started.settings.prefect_port, started.settings.mlflow_port)
    assert started.stack.mlflow.port == started.settings.mlflow_port
    lines = [line for output in started.outputs for line in output["lines"]]
    wanted = started.settings.prefect_port
    holder = f"{psutil.Process().name()} (pid {os.getpid()})"
    assert f"Port {wanted} is taken by {holder}: Prefect listens on {started.stack.prefect.port}." in lines


def test_a_stale_record_is_replaced_and_its_process_left_alone(started: Started) -> None:
    assert started.stack.prefect.pid != started.stranger.pid
    assert started.stranger.poll() is None


def test_up_again_returns_at_once(started: Started) -> None:
    expected = started.outputs[0]["stack"]
    start, lines = time.perf_counter(), list[str]()
    stack = up(started.settings, lines.append)
    assert time.perf_counter() - start < 0.3
    assert lines == []
    assert (stack.prefect.pid, stack.mlflow.pid) == (expected["prefect"]["pid"], expected["mlflow"]["pid"])
    assert stack.prefect_api_url == f"{stack.prefect_ui_url}/api"


def test_servers_are_detached(started: Started) -> None:
    for server in (started.stack.prefect, started.stack.mlflow):
        root = server.process()
        assert root is not None
        assert os.getsid(root.pid) == root.pid
        for process in processes.process_tree(root):
            assert process.cwd() == str(started.settings.home)
            assert process.terminal() is None
            assert str(started.opened) not in [file.path for file in process.open_files()]


def test_environment_leads_to_the_running_stack(started: Started) -> None:
    environment = stack_environment(started.settings)
    assert environment["PREFECT_API_URL"] == started.stack.prefect_api_url
    assert environment["MLFLOW_TRACKING_URI"] == started.stack.mlflow_url
    assert environment["PREFECT_HOME"] == str(started.settings.home / "prefect")


def test_prefect_knows_every_setting_and_reads_it_as_meant(started: Started) -> None:
    """A misspelt or renamed variable would be ignored in silence; the server tells what it runs with."""
    settings = json.loads(fetch(f"{started.stack.prefect_api_url}/admin/settings")[0])
    assert settings["home"] == str(started.settings.home / "prefect")
    assert settings["server"]["ephemeral"]["enabled"] is False
    assert settings["server"]["analytics_enabled"] is False
    assert settings["server"]["database"]["timeout"] == 60
    assert settings["server"]["ui"]["show_promotional_content"] is False
    assert settings["results"]["default_serializer"] == "json"
    assert settings["flows"]["heartbeat_frequency"] == launch.HEARTBEAT_S
    assert settings["logging"]["to_api"]["when_missing_flow"] == "ignore"
    assert settings["cli"]["prompt"] is False
    assert all(
        settings["server"]["services"][name]["enabled"] for name in ("scheduler", "late_runs", "triggers")
    )
    assert (started.settings.home / "prefect" / "prefect.db").exists()


def test_a_foreign_page_may_not_read_prefect(started: Started) -> None:
    url = f"{started.stack.prefect_api_url}/admin/version"
    _, headers = fetch(url, Origin=f"http://localhost:{started.stack.prefect.port}")
    assert headers["Access-Control-Allow-Origin"] == f"http://localhost:{started.stack.prefect.port}"
    _, headers = fetch(url, Origin="https://elsewhere.example")
    assert headers["Access-Control-Allow-Origin"] is None


def test_mlflow_serves_runs_and_artifacts_from_the_home_folder(started: Started) -> None:
    api = f"{started.stack.mlflow_url}/api/2.0"
    made = json.loads(fetch(f"{api}/mlflow/experiments/create", {"name": "x"})[0])
    asked = f"{api}/mlflow/experiments/get?experiment_id={made['experiment_id']}"
    assert json.loads(fetch(asked)[0])["experiment"]["artifact_location"].startswith("mlflow-artifacts:/")
    fetch(f"{api}/mlflow-artifacts/artifacts/some/file.txt", b"grain", method="PUT")
    stored = started.settings.home / "mlflow" / "artifacts" / "some" / "file.txt"
    assert stored.read_bytes() == b"grain"
    with contextlib.closing(sqlite3.connect(started.settings.home / "mlflow" / "mlflow.db")) as database:
        assert database.execute("PRAGMA journal_mode").fetchone() == ("wal",)


def test_mlflow_refuses_a_foreign_host_name(started: Started) -> None:
    url = f"{started.stack.mlflow_url}/api/2.0/mlflow/experiments/get?experiment_id=0"
    assert fetch(url)[0]
    with pytest.raises(urllib.error.HTTPError, match="403"):
        fetch(url, Host="elsewhere.example")


def test_status_tells_running_and_unhealthy(started: Started) -> None:
    stack = started.stack
    prefect, mlflow = status(started.settings)
    assert (prefect.state, prefect.url, prefect.pid) == ("running", stack.prefect_api_url, stack.prefect.pid)
    assert mlflow.since is not None
    assert 0 <= time.time() - mlflow.since.timestamp() < 3600
    root = stack.mlflow.process()
    assert root is not None
    server = processes.process_tree(root)[-1]
    server.suspend()
    try:
        assert [(one.state, one.reason) for one in status(started.settings)] == [
            ("running", None),
            ("unhealthy", "timed out"),
        ]
    finally:
        server.resume()


def test_servers_named_by_the_settings_are_used_and_nothing_is_started(
    started: Started, tmp_path: Path
) -> None:
    stack = started.stack
    settings = Settings(
        home=tmp_path / "other",
        host="192.0.2.1",  # nothing is started here, so nothing is exposed
        prefect_api_url=stack.prefect_api_url,
        mlflow_tracking_uri=stack.mlflow_url,
    )
    other = up(settings)
    assert (other.prefect_api_url, other.mlflow_url) == (stack.prefect_api_url, stack.mlflow_url)
    assert not settings.home.exists()
    assert stack_environment(settings)["MLFLOW_TRACKING_URI"] == stack.mlflow_url
    assert [one.state for one in status(settings)] == ["running", "running"]
    assert down(settings) == []
    assert stack.prefect.process(), "down stops only what it started"


@pytest.mark.parametrize(
    ("key", "value", "says"),
    [
        ("prefect_api_url", "http://127.0.0.1:{port}/api", "TRILLA_PREFECT_API_URL=.*Connection refused"),
        ("mlflow_tracking_uri", "http://127.0.0.1:{port}", "TRILLA_MLFLOW_TRACKING_URI=.*Connection refused"),
        ("mlflow_tracking_uri", "sqlite:///x.db", "must begin with http"),
    ],
)
def test_an_existing_server_that_does_not_answer_is_an_error(
    key: str, value: str, says: str, tmp_path: Path
) -> None:
    settings = Settings.model_validate({"home": tmp_path / "home", key: value.format(port=free_port())})
    with pytest.raises(StackError, match=says):
        up(settings)
    assert not settings.home.exists(), "nothing was started"


def test_a_server_that_cannot_start_shows_its_log(started: Started, tmp_path: Path) -> None:
    settings = Settings(home=tmp_path, prefect_port=free_port(), mlflow_tracking_uri=started.stack.mlflow_url)
    (tmp_path / "prefect").mkdir()
    (tmp_path / "prefect" / "prefect.db").write_bytes(b"this is no database " * 1000)
    with pytest.raises(StackError, match=r"ended while it started(.|\n)*prefect.log(.|\n)*not a database"):
        up(settings)
    assert processes.of_server(PREFECT.server_id(settings)) == []
    assert [one.state for one in status(settings)] == ["stopped", "running"]


def test_a_file_that_is_no_database_is_named(started: Started, tmp_path: Path) -> None:
    settings = Settings(home=tmp_path, mlflow_port=free_port(), prefect_api_url=started.stack.prefect_api_url)
    (tmp_path / "mlflow").mkdir()
    (tmp_path / "mlflow" / "mlflow.db").write_bytes(b"this is no database " * 1000)
    with pytest.raises(StackError, match=r"mlflow\.db cannot be used .*not a database"):
        up(settings)


def test_a_home_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(StackError, match=r"TRILLA_HOME=.*file/home"):
        up(Settings(home=tmp_path / "file" / "home"))


def test_a_killed_server_is_started_again_and_the_other_is_kept(started: Started) -> None:
    """The database survives a kill, too."""
    before = started.stack
    fetch(f"{before.prefect_api_url}/flows/", {"name": "kept"})
    root = before.prefect.process()
    assert root is not None
    root.kill()
    assert processes.still_alive([root], limit_s=10) == []
    after = up(started.settings)
    assert after.prefect.pid != before.prefect.pid
    assert after.mlflow.pid == before.mlflow.pid
    assert fetch(f"{after.prefect_api_url}/flows/name/kept")[0]
    with contextlib.closing(sqlite3.connect(started.settings.home / "prefect" / "prefect.db")) as database:
        assert database.execute("PRAGMA integrity_check").fetchone() == ("ok",)


def test_a_lost_record_is_found_again(started: Started) -> None:
    before, lines = started.stack, list[str]()
    (started.settings.home / "stack.json").unlink()
    after = up(started.settings, lines.append)
    assert (after.prefect.pid, after.mlflow.pid) == (before.prefect.pid, before.mlflow.pid)
    assert (after.prefect_api_url, after.mlflow_url) == (before.prefect_api_url, before.mlflow_url)
    assert any(line.startswith("Found the running Prefect server") for line in lines)


def test_a_server_whose_parent_was_killed_is_taken_over(started: Started) -> None:
    before = started.stack.mlflow
    root = before.process()
    assert root is not None
    child = root.children()[0]
    root.kill()
    assert processes.still_alive([root], limit_s=10) == []
    assert up(started.settings).mlflow.pid == child.pid
    assert up(started.settings).mlflow_url == before.url


def test_down_leaves_no_process_and_up_would_start_anew(started: Started) -> None:
    """Last in this module: the stack is gone after it."""
    stack = started.stack
    everyone = [
        process
        for server in (stack.prefect, stack.mlflow)
        if (root := server.process())
        for process in processes.process_tree(root)
    ]
    assert len(everyone) >= 2
    assert down(started.settings) == ["prefect", "mlflow"]
    assert not any(processes.is_alive(process) for process in everyone)
    assert started.stranger.poll() is None
    assert not (started.settings.home / "stack.json").exists()
    assert [one.state for one in status(started.settings)] == ["stopped", "stopped"]
    assert down(started.settings) == []
