"""`trilla study`: check the data, bring the stack up, run the flow, show the result."""

import os
import time
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console

from deployments.stack import bring_up
from flows.parameters import StudyParameters
from infra.errors import ParameterError
from infra.settings import load_settings
from tasks.results import Cell, StudyResult

if TYPE_CHECKING:
    from flows.session import Session


def run_study(parameters: StudyParameters, json_file: Path | None) -> int:
    """Run a study in this process and print its leaderboard.

    Returns
    -------
    int
        Exit status: 0 if every cell completed, else 1.

    Raises
    ------
    TrillaError
        If the data or a parameter cannot be used; no server is started and no run created then.
    """
    console = Console()
    check(parameters, json_file)
    bring_up()
    os.environ.setdefault("PREFECT_LOGGING_LEVEL", "ERROR")
    # Prefect reads its environment when it is first imported
    from flows.session import listener
    from flows.study import study

    watcher = Watcher(console)
    token = listener.set(watcher)
    try:
        state = study(parameters, return_state=True)
    finally:
        listener.reset(token)
    if watcher.result is None:
        state.result(raise_on_failure=True)
        raise RuntimeError(f"the study ended without a result: {state}")
    from tasks.report.leaderboard import print_leaderboard

    print_leaderboard(watcher.result, console)
    if json_file:
        _write(json_file, watcher.result.model_dump_json(indent=2))
    return 0 if state.is_completed() else 1


def check(parameters: StudyParameters, json_file: Path | None) -> None:
    """Refuse what cannot work, before anything is started.

    Raises
    ------
    TrillaError
        One sentence that names the file, column or parameter and what is allowed.
    """
    from tasks.datasets.catalogue import resolve
    from tasks.datasets.preparation import prepare
    from tasks.registry import algorithms_for

    if json_file and not json_file.absolute().parent.is_dir():
        raise ParameterError(f"--json {json_file}: its folder does not exist")
    home = load_settings().home
    for data in parameters.data:
        dataset = prepare(resolve(data, parameters.target), home / "data", folds=parameters.folds)
        algorithms_for(dataset.task, parameters.algorithms)


def _write(path: Path, text: str) -> None:
    unfinished = path.with_name(f".{path.name}.{os.getpid()}.part")
    unfinished.write_text(text)
    unfinished.replace(path)


class Watcher:
    """Prints a line for each cell as the study goes on."""

    def __init__(self, console: Console) -> None:
        self.console = console
        self.result: StudyResult | None = None
        self._started = time.monotonic()
        self._status = console.status("starting the cluster")
        self._status.start()

    def opened(self, session: "Session") -> None:
        kept = session.journal.recorded()
        if session.journal.resumed:
            self._say(f"going on with interrupted study {session.journal.id}: {kept} results kept", "bold")
        for name, url in session.result.links.items():
            self._say(f"{name}: {url}", "dim")

    def starting(self, title: str) -> None:
        self._status.update(title)

    def finished(self, cell: Cell) -> None:
        name = f"{cell.dataset} · {cell.algorithm} · {cell.engine} · {cell.search}"
        kept = f", {cell.kept} trials kept from the ledger" if cell.kept else ""
        if cell.status == "failed":
            self._say(f"{name}: failed: {cell.error}", "red")
        else:
            self._say(f"{name}: {cell.usage.wall_s:.2f} s{kept}", "")

    def ended(self, result: StudyResult) -> None:
        self.result = result
        self._status.stop()

    def _say(self, line: str, style: str) -> None:
        elapsed = time.monotonic() - self._started
        self.console.print(
            f"[{elapsed:5.0f} s] {line}", style=style, soft_wrap=True, markup=False, highlight=False
        )
