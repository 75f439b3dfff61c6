"""`trilla score`: predictions of a registered model for the rows of a table or the images of a folder."""

import os
import sys
import time
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.progress import BarColumn, TextColumn, TimeRemainingColumn
from rich.progress import Progress as Bars

from deployments.run_study import Interrupted, libraries_write_to, signals_raise
from deployments.stack import bring_up
from flows.parameters import ScoringParameters
from infra.engines import check_installed
from infra.errors import ParameterError, TrillaError
from infra.settings import load_settings
from tasks.datasets.catalogue import CATALOGUE, resolve
from tasks.scoring.loading import LoadedModel, load_registered
from tasks.scoring.outputs import is_folder
from tasks.scoring.single import score_file

if TYPE_CHECKING:
    from prefect.client.schemas.objects import State

    from tasks.scoring.run import Progress, Scored

EVERY_S = 10.0  # seconds between two lines of progress where the output is no terminal


def score(parameters: ScoringParameters) -> int:
    """Write predictions, one row for each row of the data, into a file or into a folder of parts.

    Parameters
    ----------
    parameters : ScoringParameters
        Model, data and output.

    Returns
    -------
    int
        Exit status: 0, or 128 plus the signal's number if a signal ended the work.

    Raises
    ------
    TrillaError
        If there is no such model or more than one, the data lack a column, a cell cannot be read, or the output
        cannot be written.
    """
    parameters = parameters.dated(datetime.now(UTC).date())
    console = Console()
    if is_folder(parameters.out):
        return _score_folder(parameters, console)
    for flag in {"engine", "workers"} & parameters.model_fields_set:
        raise ParameterError(
            f"--{flag} is for predictions into a folder, and --out {parameters.out} is a file; give a folder, or leave "
            f"--{flag} out"
        )
    source = resolve(parameters.data)
    bring_up()
    model = load_registered(os.environ["MLFLOW_TRACKING_URI"], parameters.model)
    model.require_suits(parameters.data, source)

    def tell(sentence: str) -> None:
        console.print(sentence, style="yellow", soft_wrap=True, markup=False, highlight=False)

    count = score_file(model, source, parameters.out, parameters.keep, tell)
    console.print(
        f"{count:,} predictions of {model.description.algorithm} in {parameters.out}", soft_wrap=True
    )
    return 0


def _score_folder(parameters: ScoringParameters, console: Console) -> int:
    check_installed(parameters.engine)
    source = resolve(parameters.data)
    known = parameters.data in CATALOGUE or "://" in parameters.data
    data = parameters.data if known else str(source.path)
    whole = parameters.model_copy(update={"data": data, "out": parameters.out.expanduser().absolute()})
    bring_up()
    log = load_settings().home / "logs" / f"score-{datetime.now():%Y%m%d-%H%M%S}-{os.getpid()}.log"
    try:
        with signals_raise(), libraries_write_to(log), Display(console) as display:
            state = _run(whole, display)
    except Interrupted as interrupt:
        told = "the parts that are written stay; the same command goes on from here"
        print(f"trilla: interrupted; {told}", file=sys.stderr)
        return 128 + interrupt.number
    if state.is_completed():
        return 0
    if display.refusal:
        raise display.refusal
    print(f"trilla: the scoring failed: {state.message}; see {log}", file=sys.stderr)
    return 1


def _run(parameters: ScoringParameters, display: "Display") -> "State[Any]":
    # Prefect reads its environment when it is first imported
    from deployments.automation import crash_automation, ensure_automation
    from flows.scoring import listener, score_tagged

    ensure_automation(crash_automation(), update=False)
    token = listener.set(display)
    try:
        return score_tagged(parameters)
    finally:
        listener.reset(token)


class Display:
    """Shows how many parts are written and how fast: a bar in a terminal, else a line every few seconds."""

    def __init__(self, console: Console) -> None:
        self.refusal: TrillaError | None = None
        self._console = console
        columns = (TextColumn("{task.description}"), BarColumn(), TimeRemainingColumn())
        self._bars = Bars(
            *columns,
            console=console,
            transient=True,
            disable=not console.is_terminal,
            redirect_stdout=False,
            redirect_stderr=False,
        )
        self._bar = self._bars.add_task("fetching the model", total=None)
        self._said = time.monotonic()

    def __enter__(self) -> "Display":
        self._bars.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._bars.stop()

    def loaded(self, model: LoadedModel) -> None:
        self._bars.update(self._bar, description=f"{model.name}: starting the engine")

    def progress(self, progress: "Progress") -> None:
        told = f"{progress.done:,} of {progress.total:,} pieces"
        if progress.rows:
            told += f", {progress.rows:,} rows, {progress.rows_per_second:,.0f} rows a second"
        self._bars.update(self._bar, description=told, completed=progress.done, total=progress.total)
        if not self._console.is_terminal and time.monotonic() - self._said >= EVERY_S:
            self._said = time.monotonic()
            self._say(told, "dim")

    def refused(self, error: TrillaError) -> None:
        self.refusal = error

    def ended(self, scored: "Scored", links: Mapping[str, str]) -> None:
        from flows.scoring import summary

        self._bars.stop()
        for sentence in scored.manifest.notes:
            self._say(sentence, "yellow")
        for name, url in links.items():
            self._say(f"{name}: {url}", "dim")
        self._say(summary(scored), "")

    def _say(self, line: str, style: str) -> None:
        self._console.print(line, style=style, soft_wrap=True, markup=False, highlight=False)
