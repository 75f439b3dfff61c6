"""`trilla deploy`: what it registers, that schedules fire, and that nothing stays behind."""

import os
import signal
import subprocess
from collections.abc import Iterator
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any
from uuid import uuid4

import pandas as pd
import pytest

from deployments.automation import AUTOMATION, SILENCE_S
from deployments.deploy import check_cron
from deployments.registration import NOT_SERVED
from flows.parameters import StudyParameters
from infra.errors import ParameterError
from infra.mlflow_api import mlflow_client
from tasks.results import StudyResult
from tests.conftest import TRILLA, free_port, trilla
from tests.deployments.browser import Deploy, Prefect, names, until
from tests.deployments.registered import registered
from tests.tasks.datasets.images import image_files

QUICK = {"engines": ["local"], "algorithms": ["kmeans"], "candidates": 4, "repeats": 0}
SHORT_SILENCE_S = 10  # the least that Prefect allows
HEARTBEAT = "prefect.flow-run.heartbeat"
FOREIGN = """
import time
from prefect import flow

@flow(name="foreign")
def foreign():
    time.sleep(600)

foreign()
"""
COMPLETED = """
from prefect import flow, tags

@flow(name="completed")
def completed():
    pass

with tags("trilla"):
    print(completed(return_state=True).state_details.flow_run_id)
"""
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

    def restart(self, *arguments: str) -> Deploy:
        self.stop()
        self._deploy = Deploy(self.environment, self.folder / "elsewhere", arguments)
        return self._deploy

    def stop(self) -> None:
        if self._deploy is not None and self._deploy.process.poll() is None:
            assert self._deploy.stop() == 0

    def close(self) -> None:
        self.stop()
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
    assert set(deploy.pages) == {"study", "classification", "clustering", "vision", "scoring"}
    for name, page in deploy.pages.items():
        registered = deploy.prefect.deployment(name)
        assert page.endswith(f"/deployments/deployment/{registered['id']}")
        assert registered["tags"] == ["trilla"]
        assert registered["description"]
        assert registered["entrypoint"] == f"flows.{'scoring' if name == 'scoring' else 'study'}.{name}"
        assert not registered["paused"]
        schedules = [one["schedule"]["cron"] for one in registered["schedules"]]
        assert schedules == ([deploy.cron] if name == "study" else [])


def test_a_stop_pauses_and_the_next_start_keeps_what_was_edited_and_resumes_all_but_what_the_user_paused(
    served: Served,
) -> None:
    prefect = served.now().prefect
    names = ("study", "clustering")
    edit_schedule(
        prefect,
        {"schedule": {"cron": "30 3 * * *", "timezone": "Europe/Madrid"}, "active": False, "slug": "nightly"},
    )
    edit(prefect, parameters={"parameters": {"candidates": 9}}, tags=["trilla", "of-ours"])
    prefect.ask("POST", f"/deployments/{prefect.deployment('clustering')['id']}/pause_deployment")
    served.stop()
    assert all(prefect.deployment(name)["paused"] for name in names)
    assert NOT_SERVED in prefect.deployment("study")["tags"]  # the page says why it is paused
    deploy = served.restart()
    assert [prefect.deployment(name)["paused"] for name in names] == [False, True]
    prefect.ask("POST", f"/deployments/{prefect.deployment('clustering')['id']}/resume_deployment")
    study = prefect.deployment("study")
    assert scheduled(study) == [("30 3 * * *", "Europe/Madrid", False)]
    assert study["schedules"][0]["slug"] == "nightly"
    assert study["parameters"] == {"parameters": {"candidates": 9}}
    assert study["tags"] == ["of-ours", "trilla"]
    assert "/deployment/" + study["id"] + ", paused: `30 3 * * *` (Europe/Madrid)\n" in deploy.output


def test_flags_set_when_the_study_runs_and_what_it_does(served: Served) -> None:
    table = served.folder / "elsewhere" / "rows.csv"
    table.write_text("a,b\n" + "".join(f"{i},{i * i % 7}\n" for i in range(40)))
    prefect = served.now().prefect
    edit(prefect, parameters={"parameters": {"candidates": 9}})
    edit_schedule(prefect, {"slug": "nightly"})  # a schedule with a name of the user's is replaced, too
    served.restart("--cron", "30 6 * * 1", "--data", f"burger-king,{table.name}", "--engines", "local")
    study = prefect.deployment("study")
    assert scheduled(study) == [("30 6 * * 1", "UTC", True)]
    nightly = study["parameters"]["parameters"]
    assert (nightly["data"], nightly["engines"]) == (["burger-king", str(table)], ["local"])
    assert nightly["candidates"] == StudyParameters().candidates
    asked = prefect.ask("POST", f"/deployments/{study['id']}/create_flow_run", {})
    prefect.ask("DELETE", f"/flow_runs/{asked['id']}")
    assert asked["parameters"] == study["parameters"]


def test_parameters_of_another_version_are_refused_with_one_sentence_until_flags_set_new_ones(
    served: Served,
) -> None:
    prefect = served.now().prefect
    served.stop()
    edit(prefect, parameters={"parameters": {"colour": "red"}}, enforce_parameter_schema=False)
    refused = trilla("deploy", environment=served.environment)
    assert refused.returncode == 2
    [sentence] = refused.stderr.splitlines()
    assert sentence.startswith(
        "trilla: the parameters of deployment 'study' do not fit this version of trilla"
    )
    assert "colour" in sentence
    served.restart("--data", "burger-king", "--engines", "local")
    assert prefect.deployment("study")["parameters"]["parameters"]["data"] == ["burger-king"]
    edit(prefect, parameters={})


def test_a_deployment_that_is_new_runs_every_night(served: Served) -> None:
    prefect = served.now().prefect
    served.stop()
    prefect.ask("DELETE", f"/deployments/{prefect.deployment('study')['id']}")
    deploy = served.restart()
    assert scheduled(prefect.deployment("study")) == [("0 2 * * *", "UTC", True)]
    assert ", scheduled: `0 2 * * *` (UTC)\n" in deploy.output


def edit(prefect: Prefect, **fields: object) -> None:
    prefect.ask("PATCH", f"/deployments/{prefect.deployment('study')['id']}", fields)


def edit_schedule(prefect: Prefect, fields: dict[str, object]) -> None:
    study = prefect.deployment("study")
    path = f"/deployments/{study['id']}/schedules/{study['schedules'][0]['id']}"
    prefect.ask("PATCH", path, fields)


def scheduled(deployment: dict[str, Any]) -> list[tuple[str, str, bool]]:
    return [
        (one["schedule"]["cron"], one["schedule"]["timezone"], one["active"])
        for one in deployment["schedules"]
    ]


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
    before = len(deploy.prefect.asked_for("study"))  # the scheduler makes runs of its own meanwhile
    refusal = deploy.prefect.submit("study", **parameters)
    assert refusal.status_code == 409
    assert named in refusal.text
    assert len(deploy.prefect.asked_for("study")) == before


def test_a_schedule_fires_by_itself(deploy: Deploy) -> None:
    often = {"schedule": {"interval": 10}, "active": True, "parameters": {"parameters": QUICK}}
    path = f"/deployments/{deploy.prefect.deployment('clustering')['id']}/schedules"
    deploy.prefect.ask("POST", path, [often])

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


def test_a_folder_of_images_is_learned_from_the_form(served: Served, tmp_path: Path) -> None:
    """Nothing has looked at the folder before: the run decodes it, on the cluster's workers."""
    deploy = served.now()
    photographs = image_files.folder(tmp_path / "pets", count=20)
    image_files.put(photographs / "cat" / "text.jpg", b"hello")
    asked = {"data": str(photographs), "engines": ["local", "dask"], "candidates": 1, "epochs": 2}
    run_id = deploy.prefect.submit("vision", **asked).json()["id"]
    assert deploy.prefect.end(run_id, 180) == "Completed", deploy.output
    [packed] = (Path(deploy.home) / "data").glob("pets-*")
    assert "cat/text.jpg" in (packed / "quarantine.csv").read_text()
    results = (
        StudyResult.model_validate_json(path.read_text())
        for path in (Path(deploy.home) / "studies").glob("*/result.json")
    )
    [result] = [one for one in results if one.datasets[0].name == "pets"]
    [dataset] = result.datasets
    assert (dataset.task, dataset.rows) == ("vision", 40)
    assert "cat/text.jpg: no image" in dataset.notes[1]
    cells = {(cell.engine, cell.search): cell for cell in result.cells}
    assert len(cells) == 6
    for search in ("baseline", "grid", "random"):
        curves = [[epoch["loss"] for epoch in cells[engine, search].curve] for engine in ("local", "dask")]
        assert len(curves[0]) == 2
        assert curves[0] == pytest.approx(curves[1], rel=1e-3)
    assert [picture.title for picture in result.pictures][:2] == ["Learning curves", "Confusion matrix"]
    [model] = result.models
    assert (model.name, model.alias) == ("pets", "champion")
    baseline = cells["local", "baseline"]
    client = mlflow_client(f"http://127.0.0.1:{served.environment['TRILLA_MLFLOW_PORT']}")
    history = client.get_metric_history(baseline.mlflow_run_id, "epoch/loss")
    assert [point.step for point in history] == [1, 2]
    assert [point.value for point in history] == [epoch["loss"] for epoch in baseline.curve]


def test_a_table_is_scored_from_the_form(served: Served, tmp_path: Path) -> None:
    deploy = served.now()
    model, _ = registered(f"http://127.0.0.1:{served.environment['TRILLA_MLFLOW_PORT']}", tmp_path)
    asked = {"model": model, "data": "diabetes", "keep": ["glucose"], "engine": "local"}
    run_id = deploy.prefect.submit("scoring", out=str(tmp_path / "out-{date}"), **asked).json()["id"]
    assert deploy.prefect.end(run_id, 120) == "Completed", deploy.output
    (folder,) = tmp_path.glob("out-2*")
    assert list(pd.read_parquet(folder))[:2] == ["glucose", "prediction"]
    refused = deploy.prefect.submit("scoring", out="p.csv", **asked).json()["id"]
    assert deploy.prefect.end(refused, 120) == "Failed"
    told = deploy.prefect.run(refused)["state"]["message"]
    assert told == "out p.csv: give the whole path, which begins with /"


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


@pytest.fixture(scope="module")
def silent(served: Served) -> Iterator[dict[str, str]]:
    """Ids of a study and of a run of others that were killed, and of a run that ended before its last heartbeat."""
    deploy = served.now()
    set_silence(deploy, SHORT_SILENCE_S)
    command = [TRILLA, "study", "--data", "burger-king", "--engines", "local", "--repeats", "0"]
    study = subprocess.Popen(command, env=served.environment, stdout=subprocess.DEVNULL)
    foreign, completed = deploy.start(FOREIGN), deploy.start(COMPLETED)
    try:
        ids = {name: until(partial(heard, deploy.prefect, name), 60) for name in ("study", "foreign")}
        assert deploy.prefect.state(ids["study"]) == deploy.prefect.state(ids["foreign"]) == "Running"
    finally:
        for process in (foreign, study):  # the silence of the foreign run begins first
            process.kill()
            process.wait()
    output, errors = completed.communicate(timeout=60)
    assert completed.returncode == 0, errors
    ids["completed"] = output.split()[-1]
    assert deploy.prefect.state(ids["completed"]) == "Completed"
    deploy.prefect.ask("POST", "/events", [late_heartbeat(ids["completed"])])
    yield ids
    set_silence(deploy, SILENCE_S)
    [automation] = automations(deploy.prefect)
    assert automation["trigger"]["within"] == SILENCE_S == 90


def test_a_killed_study_is_shown_crashed_and_a_silent_run_of_others_is_left_alone(
    deploy: Deploy, silent: dict[str, str]
) -> None:
    assert deploy.prefect.end(silent["study"], 45) == "Crashed"
    message = deploy.prefect.run(silent["study"])["state"]["message"]
    assert f"no heartbeat for {SHORT_SILENCE_S} s" in message
    assert not until(lambda: deploy.prefect.state(silent["foreign"]) != "Running", 5)


def test_a_completed_run_stays_completed_though_a_heartbeat_comes_after_its_end(
    deploy: Deploy, silent: dict[str, str]
) -> None:
    """A process may end later than its run; Prefect's server refuses to set such a run to Crashed."""
    run_id = silent["completed"]
    assert until(lambda: happened(deploy.prefect, "prefect.automation.action.failed", run_id), 45)
    assert deploy.prefect.state(run_id) == "Completed"


def test_an_automation_for_other_runs_is_mended_by_the_next_study(deploy: Deploy) -> None:
    """An automation of the first version matched every run of the server."""
    deploy.python(
        "from deployments.automation import crash_automation, ensure_automation\n"
        "everywhere = crash_automation()\n"
        "everywhere.trigger.match_related = type(everywhere.trigger.match_related)({})\n"
        "ensure_automation(everywhere)\n"
    )
    assert automations(deploy.prefect)[0]["trigger"]["match_related"] == {}
    deploy.python(
        "from deployments.automation import crash_automation, ensure_automation\n"
        "ensure_automation(crash_automation(), update=False)\n"
    )
    assert automations(deploy.prefect)[0]["trigger"]["match_related"] != {}


def late_heartbeat(run_id: str) -> dict[str, object]:
    return {
        "id": str(uuid4()),
        "occurred": datetime.now(UTC).isoformat(),
        "event": HEARTBEAT,
        "resource": {"prefect.resource.id": f"prefect.flow-run.{run_id}"},
        "related": [{"prefect.resource.id": "prefect.tag.trilla", "prefect.resource.role": "tag"}],
    }


def set_silence(deploy: Deploy, seconds: float) -> None:
    deploy.python(
        "from deployments.automation import crash_automation, ensure_automation\n"
        f"ensure_automation(crash_automation({seconds}))"
    )


def automations(prefect: Prefect) -> list[dict[str, object]]:
    body = {"automations": {"name": {"any_": [AUTOMATION]}}}
    return list(prefect.ask("POST", "/automations/filter", body))


def heard(prefect: Prefect, name: str) -> str | None:
    """Find a running run of a flow that has sent a heartbeat."""
    running = prefect.runs(state={"name": {"any_": ["Running"]}})
    flow_id = prefect.flow_id(name)
    ids = [run["id"] for run in running if run["flow_id"] == flow_id]
    return ids[0] if ids and happened(prefect, HEARTBEAT, ids[0]) else None


def happened(prefect: Prefect, event: str, run_id: str) -> bool:
    """Tell whether there was an event that has to do with a run."""
    resource = f"prefect.flow-run.{run_id}"
    body = {"filter": {"event": {"name": [event]}, "any_resource": {"id": [resource]}}}
    return bool(prefect.ask("POST", "/events/filter", body)["total"])
