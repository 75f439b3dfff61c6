"""`trilla deploy`: what it registers, that schedules fire, and that nothing stays behind."""

import os
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from deployments.deploy import AUTOMATION, SILENCE_S, check_cron
from infra.errors import ParameterError
from tests.conftest import TRILLA, free_port, trilla
from tests.deployments.browser import Deploy, Prefect, names, until
from tests.tasks.datasets.images import image_files

QUICK = {"engines": ["local"], "algorithms": ["kmeans"], "candidates": 4, "repeats": 0}
SHORT_SILENCE_S = 10  # the least that Prefect allows
LONG = {"data": ["burger-king"], "engines": ["dask", "spark"], "candidates": 5000, "repeats": 0}


class Served:
    """Servers of this module's own, and the one `trilla deploy` at a time that its tests share."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        named = ("TRILLA_PREFECT_API_URL", "TRILLA_MLFLOW_TRACKING_URI")
        self.environment = {name: value for name, value in os.environ.items() if name not in named} | {
            "TRILLA_HOME": str(folder / "home"),
            "TRILLA_PREFECT_PORT": str(free_port()),
            "TRILLA_MLFLOW_PORT": str(free_port()),
        }
        self._deploy: Deploy | None = None

    def now(self) -> Deploy:
        if self._deploy is None or self._deploy.process.poll() is not None:
            self._deploy = Deploy(self.environment, self.folder / "elsewhere")
        return self._deploy

    def close(self) -> None:
        if self._deploy is not None and self._deploy.process.poll() is None:
            self._deploy.stop()
        assert trilla("down", environment=self.environment).returncode == 0


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    served = Served(tmp_path_factory.mktemp("deploy"))
    yield served
    served.close()


@pytest.fixture
def deploy(served: Served) -> Deploy:
    return served.now()


@pytest.mark.parametrize("cron", ["nightly", "99 2 * * *", "0 2 * *", "0 0 30 2 *", "0 0 2 * * *", ""])
def test_what_is_no_cron_expression_is_refused(cron: str) -> None:
    with pytest.raises(ParameterError, match=r"is not a cron expression.*for example"):
        check_cron(cron)


def test_a_bad_cron_expression_starts_nothing(tmp_path: Path) -> None:
    environment = {**os.environ, "TRILLA_HOME": str(tmp_path / "home")}
    done = trilla("deploy", "--cron", "nightly", environment=environment)
    assert done.returncode == 2
    assert done.stdout == ""
    assert done.stderr.startswith("trilla: --cron 'nightly' is not a cron expression")
    assert done.stderr.count("\n") == 1
    assert not (tmp_path / "home").exists()


def test_the_deployments_are_registered_and_named_on_the_terminal(deploy: Deploy) -> None:
    assert set(deploy.pages) == {"study", "classification", "clustering", "vision"}
    for name, page in deploy.pages.items():
        registered = deploy.prefect.deployment(name)
        assert page.endswith(f"/deployments/deployment/{registered['id']}")
        assert registered["tags"] == ["trilla"]
        assert registered["description"]
        assert registered["entrypoint"] == f"flows.study.{name}"
        assert not registered["paused"]
        schedules = [one["schedule"]["cron"] for one in registered["schedules"]]
        assert schedules == ([deploy.cron] if name == "study" else [])


def test_a_second_one_is_refused(deploy: Deploy) -> None:
    done = trilla("deploy", environment=deploy.environment)
    assert done.returncode == 2
    assert done.stderr.startswith("trilla: Another `trilla deploy` serves the deployments of")


@pytest.mark.parametrize(
    ("parameters", "named"),
    [
        ({"candidates": 0}, "candidates"),
        ({"engines": ["ray"]}, "ray"),
        ({"colour": "red"}, "colour"),
    ],
)
def test_parameters_out_of_bounds_create_no_run(
    deploy: Deploy, parameters: dict[str, object], named: str
) -> None:
    before = len(deploy.prefect.runs())
    refusal = deploy.prefect.submit("study", **parameters)
    assert refusal.status_code == 409
    assert named in refusal.text
    assert len(deploy.prefect.runs()) == before


def test_a_schedule_fires_by_itself(deploy: Deploy) -> None:
    schedule = f"Interval(10, parameters={{'parameters': {QUICK!r}}})"
    deploy.python(
        "from prefect.schedules import Interval\n"
        "from deployments.deploy import deployments\n"
        f"deployments({{'clustering': {schedule}}})['clustering'].apply()"
    )

    def completed() -> list[str]:
        return [
            run["id"] for run in deploy.prefect.runs_of("clustering") if run["state"]["name"] == "Completed"
        ]

    found = until(completed, 180)
    unschedule(deploy.prefect, "clustering")
    assert found
    run = deploy.prefect.run(found[0])
    assert run["auto_scheduled"]
    assert run["parameters"]["parameters"]["candidates"] == QUICK["candidates"]
    # in the home folder and on the servers of `trilla deploy`, though it was started elsewhere
    assert list((Path(deploy.home) / "reports").glob("*.html"))


def test_a_folder_of_images_is_learned_from_the_form(deploy: Deploy, tmp_path: Path) -> None:
    """Nothing has looked at the folder before: the run decodes it, on the cluster's workers."""
    photographs = image_files.folder(tmp_path / "pets", count=12)
    image_files.put(photographs / "cat" / "text.jpg", b"hello")
    asked = {"data": str(photographs), "engines": ["dask"], "candidates": 1, "repeats": 0, "epochs": 1}
    run_id = deploy.prefect.submit("vision", **asked).json()["id"]
    assert deploy.prefect.end(run_id, 120) == "Completed", deploy.output
    [packed] = (Path(deploy.home) / "data").glob("pets-*")
    assert "cat/text.jpg" in (packed / "quarantine.csv").read_text()


def unschedule(prefect: Prefect, name: str) -> None:
    """Remove the schedules of a deployment and the runs that wait for their turn."""
    prefect.ask("PATCH", f"/deployments/{prefect.deployment(name)['id']}", {"schedules": []})
    for run in prefect.runs_of(name):
        if run["state"]["type"] == "SCHEDULED":
            prefect.ask("DELETE", f"/flow_runs/{run['id']}")


def start_long(deploy: Deploy) -> str:
    """Start a study and wait until it has Spark's and Dask's processes."""
    answer = deploy.prefect.submit("study", **LONG)
    assert answer.is_success, answer.text
    run_id = str(answer.json()["id"])

    def all_there() -> bool:
        there = deploy.processes(run_id)
        return "java" in names(there) and len(there) >= 4

    assert until(all_there, 90), deploy.output
    until(lambda: deploy.prefect.state(run_id) == "Running", 20)
    return run_id


def test_a_cancelled_run_leaves_no_process_and_others_wait_for_its_end(deploy: Deploy) -> None:
    run_id = start_long(deploy)
    second = deploy.prefect.submit("clustering", **QUICK).json()["id"]
    assert not until(lambda: deploy.prefect.state(second) == "Running", 8)
    deploy.prefect.ask("DELETE", f"/flow_runs/{second}")
    assert deploy.prefect.state(run_id) == "Running"
    deploy.prefect.ask("POST", f"/flow_runs/{run_id}/set_state", {"state": {"type": "CANCELLING"}})
    # 8 to 10 s on a quiet machine; other tests run beside this one
    assert until(lambda: not deploy.processes(run_id), 60), names(deploy.processes(run_id))
    assert until(lambda: deploy.prefect.state(run_id) == "Cancelled", 30)
    assert deploy.process.poll() is None


def test_a_service_managers_stop_ends_the_run_under_way_with_all_its_processes(deploy: Deploy) -> None:
    run_id = start_long(deploy)
    assert deploy.stop(signal.SIGTERM) == 0
    assert deploy.processes() == []
    assert deploy.prefect.state(run_id) == "Cancelled"
    assert deploy.prefect.deployment("study")["paused"]  # or its runs would pile up until the next start


def test_ctrl_c_ends_the_run_that_is_about_to_start(deploy: Deploy) -> None:
    run_id = deploy.prefect.submit("study", **LONG).json()["id"]
    pending = until(lambda: deploy.prefect.run(run_id)["state"]["type"] == "PENDING", 30, every_s=0.05)
    assert pending
    assert deploy.stop(signal.SIGINT) == 0
    assert deploy.processes() == []
    assert deploy.prefect.state(run_id) in ("Cancelled", "Crashed")


def test_a_killed_study_is_shown_crashed(served: Served) -> None:
    deploy = served.now()
    set_silence(deploy, SHORT_SILENCE_S)
    command = [TRILLA, "study", "--data", "burger-king", "--engines", "local", "--repeats", "0"]
    study = subprocess.Popen(command, env=served.environment, stdout=subprocess.DEVNULL)
    try:
        run_id = until(lambda: heard(deploy.prefect), 60)
        assert deploy.prefect.state(run_id) == "Running"
    finally:
        study.kill()
        study.wait()
    assert deploy.prefect.end(run_id, 45) == "Crashed"
    assert f"no heartbeat for {SHORT_SILENCE_S} s" in deploy.prefect.run(run_id)["state"]["message"]
    set_silence(deploy, SILENCE_S)
    [automation] = automations(deploy.prefect)
    assert automation["trigger"]["within"] == SILENCE_S == 90


def set_silence(deploy: Deploy, seconds: float) -> None:
    deploy.python(
        "from deployments.deploy import crash_automation, ensure_automation\n"
        f"ensure_automation(crash_automation({seconds}))"
    )


def automations(prefect: Prefect) -> list[dict[str, object]]:
    body = {"automations": {"name": {"any_": [AUTOMATION]}}}
    return list(prefect.ask("POST", "/automations/filter", body))


def heard(prefect: Prefect) -> str | None:
    """Find a run without deployment that has sent a heartbeat."""
    running = prefect.runs(state={"name": {"any_": ["Running"]}}, deployment_id={"is_null_": True})
    ids = [run["id"] for run in running if run["parent_task_run_id"] is None]
    if not ids:
        return None
    resource = f"prefect.flow-run.{ids[0]}"
    body = {"filter": {"event": {"name": ["prefect.flow-run.heartbeat"]}, "any_resource": {"id": [resource]}}}
    return ids[0] if prefect.ask("POST", "/events/filter", body)["total"] else None
