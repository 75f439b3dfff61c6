"""A `trilla deploy` process as its users have it: on the command line, over Prefect's API, in a browser."""

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx
import psutil
import pytest

from infra.processes import SERVER_VARIABLE, is_alive
from tests.conftest import TRILLA

if TYPE_CHECKING:
    from playwright.sync_api import Page

WIDTH, HEIGHT = 1400, 900
# what Prefect's server says when two of its own writers meet in SQLite; it wants to be asked again
BUSY = 503
ENDS = ("Completed", "Failed", "Crashed", "Cancelled")
ARGUMENTS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
LARGEST_PICTURE = 250_000  # bytes: the repository keeps them


def until(what: Callable[[], Any], limit_s: float, every_s: float = 0.3) -> Any:
    """Ask until the answer is true, and return it; the last answer if the time is over."""
    deadline = time.monotonic() + limit_s
    while not (answer := what()) and time.monotonic() < deadline:
        time.sleep(every_s)
    return answer


class Prefect:
    """The part of Prefect's API that the tests need."""

    def __init__(self, url: str) -> None:
        self._http = httpx.Client(base_url=url, timeout=30, trust_env=False)

    def ask(self, method: str, path: str, body: object = None) -> Any:
        answer = self._answer(method, path, body)
        answer.raise_for_status()
        return answer.json() if answer.content else None

    def _answer(self, method: str, path: str, body: object) -> httpx.Response:
        answers: list[httpx.Response] = []

        def asked() -> bool:
            answers.append(self._http.request(method, path, json=body))
            return answers[-1].status_code != BUSY

        until(asked, 30)
        return answers[-1]

    def flow_id(self, name: str) -> str | None:
        body = {"flows": {"name": {"any_": [name]}}}
        found = [flow["id"] for flow in self.ask("POST", "/flows/filter", body)]
        return str(found[0]) if found else None

    def deployment(self, name: str) -> dict[str, Any]:
        return dict(self.ask("GET", f"/deployments/name/{name}/{name}"))

    def submit(self, name: str, **parameters: Any) -> httpx.Response:
        """Ask for a run of a deployment; the answer may be a refusal."""
        path = f"/deployments/{self.deployment(name)['id']}/create_flow_run"
        return self._answer("POST", path, {"parameters": {"parameters": parameters}})

    def runs(self, **condition: Any) -> list[dict[str, Any]]:
        """Find runs, the last started first."""
        return list(
            self.ask("POST", "/flow_runs/filter", {"flow_runs": condition, "sort": "START_TIME_DESC"})
        )

    def runs_of(self, name: str) -> list[dict[str, Any]]:
        return self.runs(deployment_id={"any_": [self.deployment(name)["id"]]})

    def asked_for(self, name: str) -> list[dict[str, Any]]:
        """Find the runs of a deployment that no schedule made."""
        return [run for run in self.runs_of(name) if not run["auto_scheduled"]]

    def run(self, run_id: str) -> dict[str, Any]:
        return dict(self.ask("GET", f"/flow_runs/{run_id}"))

    def state(self, run_id: str) -> str:
        return str(self.run(run_id)["state"]["name"])

    def end(self, run_id: str, limit_s: float) -> str:
        """Wait for the end of a run, and return its state."""
        until(lambda: self.state(run_id) in ENDS, limit_s)
        return self.state(run_id)


class Deploy:
    """A running `trilla deploy`."""

    def __init__(
        self, environment: Mapping[str, str], folder: Path, arguments: Sequence[str] | None = None
    ) -> None:
        self.cron = f"0 {(datetime.now(UTC).hour + 12) % 24} * * *"  # not while the tests run
        given = ["--cron", self.cron] if arguments is None else arguments
        folder.mkdir(exist_ok=True)
        self.environment = {**environment}
        self.home = environment["TRILLA_HOME"]
        self._log = folder / "deploy.log"
        with self._log.open("wb") as log:
            self.process = subprocess.Popen(
                [TRILLA, "deploy", *given],
                env=self.environment,
                cwd=folder,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        until(lambda: "Serving" in self.output or self.process.poll() is not None, 150)
        if "Serving" not in self.output:
            self.process.kill()
            raise AssertionError(f"`trilla deploy` does not serve: {self.output}")
        self.pages = dict(
            line.split(", ")[0].split() for line in self.output.splitlines() if "/deployment/" in line
        )
        self.prefect = Prefect(self.pages["study"].partition("/deployments/")[0] + "/api")

    @property
    def output(self) -> str:
        return self._log.read_text()

    def stop(self, number: int = signal.SIGTERM, limit_s: float = 60) -> int:
        """End it as a service manager does, or as Ctrl-C does: by a signal to all of a terminal's processes."""
        if number == signal.SIGINT:
            os.killpg(self.process.pid, number)
        else:
            self.process.send_signal(number)
        return self.process.wait(limit_s)

    def start(self, code: str) -> "subprocess.Popen[str]":
        """Start a process of its own that runs code with this one's settings and servers."""
        program = f"from deployments.stack import bring_up; bring_up()\n{code}"
        return subprocess.Popen(
            [sys.executable, "-c", program],
            env=self.environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def python(self, code: str) -> str:
        """Run code in a process of its own to its end."""
        process = self.start(code)
        output, errors = process.communicate(timeout=60)
        assert process.returncode == 0, errors
        return output

    def processes(self, run_id: str | None = None) -> list[psutil.Process]:
        """List what lives of this home folder, servers apart; only the processes of one run, if asked for."""
        found = []
        for process in psutil.process_iter(["environ"]):
            variables = process.info["environ"] or {}
            ours = variables.get("TRILLA_HOME") == self.home and SERVER_VARIABLE not in variables
            if ours and run_id in (None, variables.get("PREFECT__FLOW_RUN_ID")) and is_alive(process):
                found.append(process)
        return found


def names(processes: Collection[psutil.Process]) -> set[str]:
    """Names of processes that may be ending."""
    found = set()
    for process in processes:
        try:
            found.add(process.name())
        except psutil.NoSuchProcess:
            continue
    return found


def chromium() -> str:
    """Find a browser; without one the test is skipped, or fails if TRILLA_REQUIRE_BROWSER=1."""
    for name in ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable"):
        if found := shutil.which(name):
            return found
    reason = "no Chromium on the search path: install the package chromium, or Google Chrome"
    if os.environ.get("TRILLA_REQUIRE_BROWSER") == "1":
        pytest.fail(reason)
    pytest.skip(reason)


@contextmanager
def browsing() -> Iterator["Page"]:
    """A page of a headless browser; nothing but this machine is reached from it."""
    from playwright.sync_api import sync_playwright

    executable = chromium()
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=executable, args=list(ARGUMENTS))
        context = browser.new_context(viewport={"width": WIDTH, "height": HEIGHT})
        context.set_default_timeout(30_000)
        yield context.new_page()
        browser.close()


def picture(page: "Page", name: str, height: int = HEIGHT) -> None:
    """Keep what the page shows, if the variable TRILLA_SCREENSHOTS names a folder for it."""
    folder = os.environ.get("TRILLA_SCREENSHOTS")
    if not folder:
        return
    from PIL import Image

    path = Path(folder) / f"{name}.png"
    page.set_viewport_size({"width": WIDTH, "height": height})
    page.wait_for_timeout(3000)  # what moves comes to rest
    page.screenshot(path=path, animations="disabled")
    page.set_viewport_size({"width": WIDTH, "height": HEIGHT})
    with Image.open(path) as image:
        image.convert("RGB").quantize(128, dither=Image.Dither.NONE).save(path, optimize=True)
    assert path.stat().st_size < LARGEST_PICTURE
