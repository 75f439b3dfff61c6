"""What users do in the browser: start a study from Prefect's form, follow it, compare runs in MLflow.

With TRILLA_SCREENSHOTS=FOLDER the study is the default one, and the README's pictures are written there.
"""

import json
import logging
import os
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import httpx
import pytest

from flows.parameters import StudyParameters
from infra.servers import Stack
from tasks.report.dataset_result import dataset_results
from tasks.report.recommended import recommendation_lines
from tasks.results import StudyResult
from tests.deployments.browser import BUSY, ENDS, HEIGHT, Deploy, browsing, picture, until

if TYPE_CHECKING:
    from playwright.sync_api import Locator, Page

PICTURES = "TRILLA_SCREENSHOTS" in os.environ
FORM = {"data": ["burger-king"], "engines": ["local", "dask"], "candidates": 5, "repeats": 0}
DATASET, ALGORITHM = "burger-king", "kmeans"
ENGINES = ("local", "dask", "spark") if PICTURES else ("local", "dask")
TRIES = 3
LIMIT_S = 900 if PICTURES else 180

pytestmark = pytest.mark.timeout(LIMIT_S + 180)


@pytest.fixture(scope="module")
def page() -> Iterator["Page"]:
    with browsing() as page:
        yield page


@pytest.fixture(scope="module")
def deploy(page: "Page", stack: Stack, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Deploy]:
    folder = tmp_path_factory.mktemp("browser")
    environment = {
        **os.environ,
        "TRILLA_HOME": str(folder / "home"),
        "TRILLA_PREFECT_API_URL": stack.prefect_api_url,
        "TRILLA_MLFLOW_TRACKING_URI": stack.mlflow_url,
    }
    deploy = Deploy(environment, folder / "elsewhere")
    yield deploy
    assert deploy.stop() == 0


@pytest.fixture(scope="module")
def completed(deploy: Deploy, stack: Stack, page: "Page") -> str:
    """Start a study from the form, wait until its page shows the end, and return its id."""
    open_form(deploy, page)
    picture(page, "prefect-form")
    if not PICTURES:
        fill_in(page)
    submit(page)
    [run] = deploy.prefect.asked_for("study")
    page.goto("about:blank")  # a page that draws a run under way takes a core from it
    deploy.prefect.end(run["id"], LIMIT_S)
    page.goto(f"{stack.prefect_ui_url}/runs/flow-run/{run['id']}")
    badge = page.locator(".page-heading-flow-run .state-badge")
    badge.filter(has_text=re.compile("|".join(ENDS))).wait_for()
    return str(run["id"])


def open_form(deploy: Deploy, page: "Page") -> None:
    """Go from the list of deployments to the form for a run of the study."""
    page.goto(deploy.pages["study"].partition("/deployment/")[0])
    page.get_by_role("link", name="study", exact=True).first.click()
    page.get_by_role("button", name="Run", exact=True).click()
    page.get_by_text("Custom run").click()
    field(page, "Profile").wait_for()


def field(page: "Page", label: str) -> "Locator":
    """Find the part of the form that has this label; the innermost, for they are nested."""
    title = page.get_by_text(re.compile(f"^{label} \\(Optional\\)$"))
    return page.locator(".schema-form-property").filter(has=title).last


def submit(page: "Page") -> None:
    """Submit the form, again if the server is busy."""
    for _ in range(TRIES):
        with page.expect_response(re.compile("/create_flow_run$")) as answer:
            page.get_by_role("button", name="Submit").click()
        if answer.value.status != BUSY:
            break
    assert answer.value.status == 201, answer.value.text()
    page.wait_for_url(re.compile(r"tab=Runs"))


def fill_in(page: "Page") -> None:
    """Change what the form offers into `FORM`."""
    items = field(page, "Data").locator(".schema-form-property-array-item")
    for place, name in ((2, "cats-dogs"), (0, "diabetes")):  # burger-king stays
        assert items.nth(place).locator("textarea").input_value() == name
        items.nth(place).get_by_role("button").first.click()
    field(page, "Engines").locator(".p-tag", has_text="spark").get_by_role("button").click()
    field(page, "Candidates").locator("input").fill(str(FORM["candidates"]))
    field(page, "Repeats").locator("input").fill(str(FORM["repeats"]))


def test_a_run_started_from_the_form_has_its_parameters_and_completes(
    deploy: Deploy, page: "Page", completed: str
) -> None:
    run = deploy.prefect.run(completed)
    assert run["state"]["name"] == "Completed", deploy.output
    sent = run["parameters"]["parameters"]
    assert PICTURES or {name: sent[name] for name in FORM} == FORM
    assert sent["target"] is sent["workers"] is sent["algorithms"] is None
    page.reload()  # else the graph shows the stretch of time in which the page was opened
    page.get_by_text("Artifacts", exact=True).click()
    for artifact in ("summary", "links", "leaderboard"):
        page.get_by_text(artifact, exact=True).wait_for()
    picture(page, "prefect-run")
    page.get_by_text("Subflow Runs", exact=True).click()
    page.get_by_text(f"compare {DATASET}").first.wait_for()


def test_a_parameter_out_of_bounds_is_refused_by_the_form(deploy: Deploy, page: "Page") -> None:
    before = [run["id"] for run in deploy.prefect.asked_for("study")]
    open_form(deploy, page)
    field(page, "Candidates").locator("input").fill("0")
    page.get_by_role("button", name="Submit").click()
    refusal = (
        "Validation failed for field 'parameters.candidates'. Failure reason: 0 is less than the minimum"
    )
    page.get_by_text(refusal).first.wait_for()
    assert "/run?" in page.url
    assert [run["id"] for run in deploy.prefect.asked_for("study")] == before


def test_the_form_begins_with_the_parameters_that_flags_gave_the_deployment(
    deploy: Deploy, page: "Page"
) -> None:
    path = f"/deployments/{deploy.prefect.deployment('study')['id']}"
    nightly = StudyParameters(data=["burger-king"], candidates=9).model_dump(mode="json", exclude_none=True)
    deploy.prefect.ask("PATCH", path, {"parameters": {"parameters": nightly}})
    open_form(deploy, page)
    deploy.prefect.ask("PATCH", path, {"parameters": {}})
    assert field(page, "Candidates").locator("input").input_value() == "9"
    items = field(page, "Data").locator(".schema-form-property-array-item")
    assert [item.locator("textarea").input_value() for item in items.all()] == ["burger-king"]


def test_two_engines_are_compared_in_mlflow(
    deploy: Deploy, stack: Stack, page: "Page", completed: str
) -> None:
    path = "/api/2.0/mlflow/experiments/get-by-name"
    experiment = ask(stack, path, {"experiment_name": "trilla"})["experiment"]["experiment_id"]
    condition = quote(f"tags.`prefect.flow_run` LIKE '%{completed}'")
    runs = f"experiments/{experiment}/runs?workflowType=machine_learning&searchFilter={condition}"
    page.goto(f"{stack.mlflow_url}/#/{runs}")
    study = page.locator(".ag-row", has_text="study")
    study.wait_for()
    assistant = page.get_by_role("button", name="Close", exact=True)
    if assistant.is_visible():
        assistant.click()  # it covers the buttons
    study.get_by_role("gridcell").get_by_role("button").first.click()
    names = [f"{DATASET} {ALGORITHM} {engine} random" for engine in ENGINES]
    for name in names:
        page.locator(".ag-row", has_text=name).locator("input.ag-checkbox-input").first.check()
    page.get_by_role("button", name="Compare", exact=True).click()
    page.get_by_text(f"Comparing {len(names)} Runs from 1 Experiment").wait_for()
    page.get_by_text("Visualizations").click()
    for name in (*names, "cpu_s", "driver_peak_rss_mib"):
        page.get_by_text(name, exact=True).first.wait_for()
    seed = page.get_by_role("rowheader", name="random_state", exact=True)
    seed.wait_for()
    page.get_by_role("switch").first.click()  # of the parameters only those that differ
    seed.wait_for(state="hidden")
    assert page.get_by_role("rowheader", name="engine", exact=True).is_visible()
    picture(page, "mlflow-compare", height=1100)


def follow(page: "Page", link: "Locator") -> "Page":
    """Click a link, and return the page that it leads to, whether in a tab of its own or in this one."""
    if link.get_attribute("target") == "_blank":
        with page.context.expect_page() as opened:
            link.click()
        return opened.value
    link.click()
    return page


def artifact_page(deploy: Deploy, stack: Stack, page: "Page", run_id: str, key: str) -> "Locator":
    """Open the page of a run's artifact, and return its text."""
    body = {"artifacts": {"flow_run_id": {"any_": [run_id]}, "key": {"any_": [key]}}}
    [artifact] = deploy.prefect.ask("POST", "/artifacts/filter", body)
    page.goto(f"{stack.prefect_ui_url}/artifacts/artifact/{artifact['id']}")
    text = page.locator(".artifact-data-markdown")
    text.wait_for()
    return text


SEEN: dict[str, Callable[["Page"], "Locator"]] = {
    "Prefect run": lambda page: page.locator(".page-heading-flow-run .state-badge"),
    "MLflow run": lambda page: page.get_by_text("About this run"),
    "report in MLflow": lambda page: page.frame_locator("iframe").locator("h2#findings"),
}
"""What shows that the page behind a link is there, by the link's name."""


@pytest.mark.parametrize("key", ["summary", "links"])
def test_every_link_of_an_artifact_leads_to_its_page(
    deploy: Deploy, stack: Stack, page: "Page", completed: str, key: str
) -> None:
    text = artifact_page(deploy, stack, page, completed, key)
    address, links = page.url, text.get_by_role("link")
    names = [link.inner_text() for link in links.all()]
    assert len(names) == len(set(names)) >= 3
    for name in names:
        if name.endswith(
            "(while the study runs)"
        ):  # the dashboard has ended with the cluster, and the link says so
            continue
        opened = follow(page, text.get_by_role("link", name=name, exact=True))
        SEEN[name](opened).first.wait_for()
        if opened is not page:
            opened.close()
        page.goto(address)


def test_the_summary_begins_with_the_recommendation_of_the_report(
    deploy: Deploy, stack: Stack, page: "Page", completed: str
) -> None:
    shown = artifact_page(deploy, stack, page, completed, "summary").inner_text()
    [result] = (Path(deploy.home) / "studies").glob("*/result.json")
    [data] = dataset_results(StudyResult.model_validate_json(result.read_text()))
    words = [" ".join(line.split()) for line in recommendation_lines(data)]
    assert words
    for line in words:
        assert line in " ".join(shown.split())


def test_a_run_in_mlflow_leads_to_prefect(deploy: Deploy, stack: Stack, page: "Page", completed: str) -> None:
    text = artifact_page(deploy, stack, page, completed, "summary")
    opened = follow(page, text.get_by_role("link", name="MLflow run", exact=True))
    assert "workflowType=machine_learning" in opened.url
    link = opened.get_by_role("link", name="Prefect run").first
    link.wait_for()
    assert link.get_attribute("href") == f"{stack.prefect_ui_url}/runs/flow-run/{completed}"


def test_data_that_cannot_be_used_end_a_run_of_the_form_with_one_sentence(deploy: Deploy) -> None:
    answer = deploy.prefect.submit("study", data=["nowhere.csv"], engines=["local"])
    assert answer.status_code == 201
    run_id = answer.json()["id"]
    assert deploy.prefect.end(run_id, 60) == "Failed"
    run = deploy.prefect.run(run_id)
    assert run["state"]["message"].startswith(
        "no file 'nowhere.csv'; give a CSV, Parquet, JSON or Excel file"
    )
    assert run["total_run_time"] < 15
    until(lambda: not deploy.processes(run_id), 30)  # a process sends the last lines of its log when it ends
    logs = deploy.prefect.ask("POST", "/logs/filter", {"logs": {"flow_run_id": {"any_": [run_id]}}})
    assert [log["message"] for log in logs if log["level"] >= logging.ERROR] == [run["state"]["message"]]
    assert [log["message"] for log in logs if "Traceback" in log["message"]] == []
    children = {"parent_flow_run_id": {"any_": [run_id]}}
    assert deploy.prefect.runs(**children) == []


def test_the_report_opens_without_a_server(deploy: Deploy, page: "Page", completed: str) -> None:
    [report] = (Path(deploy.home) / "reports").glob("*.html")
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.goto(report.as_uri())
    page.get_by_role("heading", name="Findings").wait_for()
    assert page.get_by_text("Recommended for burger-king").bounding_box()["y"] < HEIGHT / 2
    assert [url for url in asked if not url.startswith(("file:", "data:"))] == []
    picture(page, "report")


def ask(stack: Stack, path: str, query: dict[str, str]) -> dict[str, Any]:
    answer = httpx.get(stack.mlflow_url + path, params=query, trust_env=False)
    answer.raise_for_status()
    return dict(json.loads(answer.text))
