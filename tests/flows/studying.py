"""Studies as processes that can be killed, and what they left with Prefect, MLflow and on disk."""

import json
import os
import re
import signal
import sqlite3
import subprocess
import time
from collections.abc import Callable
from contextlib import closing, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import psutil
from mlflow.entities import Run

from infra.mlflow_api import mlflow_client
from infra.sending import KEY
from infra.servers import Stack
from tests.conftest import TRILLA

SETTINGS = ("--candidates", "4", "--repeats", "0", "--workers", "2")
SMALL = ("--data", "diabetes", "--algorithms", "xgboost", *SETTINGS)
TERMINAL = {"COMPLETED", "FAILED", "CRASHED", "CANCELLED"}


def wait_for(reached: Callable[[], Any], timeout: float = 60, every: float = 0.05) -> Any:
    """Wait until `reached` returns something true, and return that."""
    deadline = time.monotonic() + timeout
    while not (value := reached()):
        assert time.monotonic() < deadline, f"not reached in {timeout} s"
        time.sleep(every)
    return value


Environments = Callable[[str], dict[str, str]]
"""Environment of a `trilla` command with a home of that name, and the shared servers."""


def environments_in(folder: Path, stack: Stack) -> Environments:
    """Environments whose homes lie in a folder."""
    return lambda name: {
        **os.environ,
        "TRILLA_HOME": str(folder / name),
        "TRILLA_PREFECT_API_URL": stack.prefect_api_url,
        "TRILLA_MLFLOW_TRACKING_URI": stack.mlflow_url,
    }


@dataclass
class Study:
    """A `trilla study` at work or ended."""

    environment: dict[str, str]
    arguments: tuple[str, ...] = SMALL
    name: str = "study"
    program: tuple[str, ...] = (TRILLA,)
    process: "subprocess.Popen[bytes]" = field(init=False)

    def __post_init__(self) -> None:
        self.home = Path(self.environment["TRILLA_HOME"])
        self._files = self.home.parent / f"{self.home.name}-{self.name}"
        self.json = self._files.with_suffix(".json")
        with (
            open(self._files.with_suffix(".out"), "wb") as out,
            open(self._files.with_suffix(".err"), "wb") as err,
        ):
            self.process = subprocess.Popen(
                [*self.program, "study", *self.arguments, "--json", self.json],
                env=self.environment,
                stdout=out,
                stderr=err,
                stdin=subprocess.DEVNULL,
                start_new_session=True,  # a process group, as a terminal makes one
            )

    @property
    def output(self) -> str:
        return self._files.with_suffix(".out").read_text()

    @property
    def errors(self) -> str:
        return self._files.with_suffix(".err").read_text()

    def end(self, timeout: float = 280) -> int:
        """Wait for the end; the exit status."""
        try:
            return self.process.wait(timeout)
        finally:
            self.signal_group(signal.SIGKILL)

    def signal_group(self, number: int) -> None:
        """Send a signal to the command and the processes it started, as Ctrl-C in a terminal does."""
        if self.process.poll() is None:
            os.killpg(self.process.pid, number)

    def family(self) -> list[psutil.Process]:
        """All processes that the command has started."""
        return psutil.Process(self.process.pid).children(recursive=True)

    def workers(self) -> list[psutil.Process]:
        """The Dask workers; they are forked from a process that looks like them."""
        forked = {}
        for one in self.family():
            with suppress(psutil.NoSuchProcess):  # it has just ended
                if "forkserver" in " ".join(one.cmdline()):
                    forked[one.pid] = one
        return [one for one in forked.values() if one.ppid() in forked]

    def wait_for_output(self, text: str, timeout: float = 90) -> None:
        wait_for(lambda: text in self.output or self.process.poll() is not None, timeout)
        assert text in self.output, self.output + self.errors

    def recorded_more_than(self, count: int) -> None:
        """Wait until the ledger holds more results than that."""
        wait_for(lambda: len(ledger(self.home)) > count or self.process.poll() is not None, 90)
        assert self.process.poll() is None, self.output + self.errors

    @property
    def id(self) -> str:
        return next(path.name for path in sorted((self.home / "studies").iterdir()) if path.is_dir())

    @property
    def flow_run(self) -> str:
        found = re.search(r"/runs/flow-run/([0-9a-f-]{36})", self.output)
        assert found, self.output + self.errors
        return found[1]

    @property
    def result(self) -> dict[str, Any]:
        loaded: dict[str, Any] = json.loads(self.json.read_text())
        return loaded

    def cells(self) -> dict[tuple[str, str], dict[str, Any]]:
        """Cells by engine and search."""
        return {(cell["engine"], cell["search"]): cell for cell in self.result["cells"]}


def found_by(study: Study) -> dict[tuple[str, str], Any]:
    """What a study found, by engine and search."""
    return {place: found_in(cell) for place, cell in study.cells().items()}


def found_in(cell: dict[str, Any]) -> tuple[Any, ...]:
    """What a cell found, without what differs from run to run: times, memory, addresses."""
    return (
        cell["status"],
        cell["params"],
        cell["cv_score"],
        cell["metrics"],
        [(trial["params"], trial["scores"], trial["mean_score"]) for trial in cell["trials"]],
    )


def recorded(ledger: Path) -> dict[str, float]:
    """Keys in a ledger, with the time of their recording."""
    with closing(sqlite3.connect(f"file:{ledger}?mode=ro", uri=True)) as db:
        if db.execute("SELECT 1 FROM sqlite_master WHERE name = 'results'").fetchone() is None:
            return {}  # it is being made
        return dict(db.execute("SELECT key, recorded FROM results").fetchall())


def ledger(home: Path) -> dict[str, float]:
    """Recorded keys of all studies of a home, with the time of their recording."""
    found = [recorded(path) for path in home.glob("studies/*/ledger.sqlite")]
    return {key: at for one in found for key, at in one.items()}


def states(api: str, flow_run: str) -> dict[str, list[tuple[str, str, str]]]:
    """(name, type, message) of the states of a flow run, of its subflows, and of all their tasks."""
    with httpx.Client(base_url=api, timeout=30) as client:

        def ask(kind: str, **query: Any) -> list[dict[str, Any]]:
            answer = client.post(f"/{kind}/filter", json=query)
            answer.raise_for_status()
            found: list[dict[str, Any]] = answer.json()
            return found

        flows = ask("flow_runs", flow_runs={"id": {"any_": [flow_run]}})
        level = [flow_run]
        while level:
            children = ask("flow_runs", flow_runs={"parent_flow_run_id": {"any_": level}})
            level = [child["id"] for child in children]
            flows += children
        tasks = ask("task_runs", flow_runs={"id": {"any_": [flow["id"] for flow in flows]}})
    return {
        kind: [(run["state"]["name"], run["state"]["type"], run["state"]["message"] or "") for run in runs]
        for kind, runs in (("flows", flows), ("tasks", tasks))
    }


def settled_states(api: str, flow_run: str) -> dict[str, list[tuple[str, str, str]]]:
    """States once the server has heard the tasks' last words; all of them final."""
    found: dict[str, list[tuple[str, str, str]]] = {}

    def settled() -> bool:
        found.update(states(api, flow_run))
        return all(kind in TERMINAL for runs in found.values() for _, kind, _ in runs)

    wait_for(settled, timeout=10, every=0.3)
    return found


def tracked(uri: str, study_id: str) -> dict[str, Run]:
    """MLflow runs of a study by their key; each is there once."""
    client = mlflow_client(uri)
    experiment = client.get_experiment_by_name("trilla")
    runs = client.search_runs(
        [experiment.experiment_id], f"tags.`{KEY}` LIKE '{study_id}%'", max_results=1000
    )
    keyed = {run.data.tags[KEY]: run for run in runs}
    assert len(keyed) == len(runs), "a run was created twice"
    return keyed


def gone_within(seconds: float, processes: list[psutil.Process]) -> bool:
    """Whether all processes have ended in that time."""
    _, alive = psutil.wait_procs(processes, timeout=seconds)
    return not [one for one in alive if one.is_running() and one.status() != psutil.STATUS_ZOMBIE]
