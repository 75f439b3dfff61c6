"""`trilla study`: check the data, bring the stack up, run the flow, show the result."""

import logging
import os
import signal
import sys
import threading
import time
import traceback
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Any, NoReturn

from rich.console import Console
from rich.live import Live
from rich.spinner import Spinner

from deployments.preparation_display import preparation_shown
from deployments.preparations import print_preparations
from deployments.result_files import check_result_file, write_whole
from deployments.stack import bring_up
from flows.parameters import StudyParameters
from infra.errors import TrillaError
from infra.importing import kept_imports
from infra.progress_file import ProgressFile
from infra.settings import load_settings
from tasks.datasets.planning import Begun, preview_of
from tasks.results import Cell, StudyResult

if TYPE_CHECKING:
    from flows.session import Session

SPINNER_EVERY_S = 1.0  # seconds between two updates of the terminal's spinner
LINE_EVERY_S = (
    10.0  # seconds without a line after which the running step is told where the output is no terminal
)
OWN_PACKAGES = ("deployments", "flows", "tasks", "infra")


def run_study(parameters: StudyParameters, json_file: Path | None) -> int:
    """Run a study in this process and print its leaderboard.

    Returns
    -------
    int
        Exit status: 0 if no cell failed, 1 if one failed, 128 plus the signal's number if a signal ended the study.

    Raises
    ------
    TrillaError
        If the data or a parameter cannot be used, no server is started and no run created then; or if the servers
        or the cluster do not start.
    """
    from flows.checking import as_trained

    console = Console()
    prepared = check(parameters, json_file, console)
    shown = {data: as_trained(preview_of(begun), parameters) for data, begun in prepared.items()}
    print_preparations(shown, parameters, console)
    bring_up()
    watcher = Watcher(console)
    log = load_settings().home / "logs" / f"study-{datetime.now():%Y%m%d-%H%M%S}-{os.getpid()}.log"
    try:
        with signals_raise(), libraries_write_to(log), own_warnings_to(watcher), watcher:
            state = _run(parameters, prepared, watcher)
    except Interrupted as interrupt:
        return watcher.interrupted(interrupt)
    except Exception as error:
        if isinstance(error, TrillaError) and not watcher.has_begun:
            raise
        print(f"trilla: the study failed: {_in_one_line(error)}; see {log}", file=sys.stderr)
        return 1
    assert watcher.result is not None  # noqa: S101 (a study that returns has told its result)
    from tasks.report.leaderboard import print_leaderboard

    print_leaderboard(watcher.result, console)
    if json_file:
        write_whole(json_file, watcher.result.model_dump_json(indent=2))
    return 0 if state.is_completed() else 1


def _run(parameters: StudyParameters, prepared: Mapping[str, Begun], watcher: "Watcher") -> Any:
    with kept_imports():  # not before, because Prefect reads its environment when it is first imported
        from deployments.automation import crash_automation, ensure_automation
        from flows.session import handed_over, listener
        from flows.study import run_tagged

    ensure_automation(crash_automation(), update=False)
    tokens = listener.set(watcher), handed_over.set(prepared)
    try:
        state = run_tagged(parameters)
        if watcher.result is None:
            state.result(raise_on_failure=True)
        return state
    except TrillaError:
        raise
    except Exception:
        traceback.print_exc()  # into the log, because standard error is redirected to the log
        raise
    finally:
        listener.reset(tokens[0])
        handed_over.reset(tokens[1])


def check(parameters: StudyParameters, json_file: Path | None, console: Console) -> dict[str, Begun]:
    """Refuse data and parameters that cannot work, before anything is started, and prepare the data.

    Parameters
    ----------
    parameters : StudyParameters
        The study.
    json_file : Path, optional
        The file that the result will be written to.
    console : Console
        The terminal, which shows the progress of long preparations.

    Returns
    -------
    dict of str to PreparedDataset or Plan
        The data sets, by the word that names each in the parameters.

    Raises
    ------
    TrillaError
        If the data or a parameter cannot be used; the message names the file, column or parameter and what is allowed.
    """
    from flows.checking import prepare_in_advance

    check_result_file("--json", json_file)
    with preparation_shown(console) as display:
        return prepare_in_advance(parameters, load_settings(), display.images, display.pieces, display.step)


def _in_one_line(error: Exception) -> str:
    text = str(error).strip()
    return f"{type(error).__name__}: {text.splitlines()[0]}" if text else type(error).__name__


class Interrupted(KeyboardInterrupt):
    """A signal that asks the command to end: SIGINT (Ctrl-C), SIGTERM or SIGHUP."""

    def __init__(self, number: int) -> None:
        super().__init__(signal.Signals(number).name)
        self.number = number


@contextmanager
def signals_raise() -> Iterator[None]:
    """Turn the first SIGINT, SIGTERM or SIGHUP into `Interrupted`; a second one ends the process at once.

    Ending at once is safe, because every study survives even SIGKILL.
    """

    def interrupt(number: int, _frame: FrameType | None) -> NoReturn:
        signal.signal(number, signal.SIG_DFL)
        raise Interrupted(number)

    numbers = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    before = {number: signal.signal(number, interrupt) for number in numbers}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


@contextmanager
def libraries_write_to(log: Path) -> Iterator[None]:
    """Send the standard error of libraries, in this process and in the processes that they start, to a log file.

    The output of Prefect, Dask, Java and of warnings helps only when something is wrong. Lines that Prefect writes
    after the study, when the program ends, go to the log too, because Prefect makes its handlers in the meantime.
    """
    log.parent.mkdir(parents=True, exist_ok=True)
    file = log.open("a", buffering=1)  # stays open until the program ends
    before, terminal = sys.stderr, os.dup(2)
    before.flush()
    os.dup2(file.fileno(), 2)
    sys.stderr = file
    try:
        yield
    finally:
        sys.stderr = before
        os.dup2(terminal, 2)
        os.close(terminal)


@contextmanager
def own_warnings_to(watcher: "Watcher") -> Iterator[None]:
    """Show the warnings of this program's own packages in the terminal."""

    class Terminal(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            watcher.warn(record.getMessage())

    handler = Terminal(logging.WARNING)
    for name in OWN_PACKAGES:
        logging.getLogger(name).addHandler(handler)
    try:
        yield
    finally:
        for name in OWN_PACKAGES:
            logging.getLogger(name).removeHandler(handler)


class Watcher:
    """Prints a line for each finished cell, and shows which step runs: in a terminal always, else every few seconds."""

    def __init__(self, console: Console) -> None:
        self.console = console
        self.result: StudyResult | None = None
        self._session: Session | None = None
        self._started = time.monotonic()
        self._said = self._since = self._started
        self._title = "starting the cluster"
        self._progress: Callable[[], str] = lambda: ""
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._tell, name="watcher", daemon=True)
        self._spinner = Spinner("dots", self._title)
        # standard error goes to the log in the meantime
        self._live = Live(
            self._spinner, console=console, transient=True, redirect_stdout=False, redirect_stderr=False
        )

    def __enter__(self) -> "Watcher":
        if self.console.is_terminal:
            self._live.start()
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self._thread.join()
        self._live.stop()

    @property
    def has_begun(self) -> bool:
        """Whether the study had its servers and its cluster, so that no input is to blame for an error."""
        return self._session is not None

    def opened(self, session: "Session") -> None:
        self._session = session
        if session.journal.resumed:
            kept = session.journal.recorded()
            self._say(f"resuming interrupted study {session.journal.id}: {kept} results kept", "bold")
        for name, url in session.result.links.items():
            self._say(f"{name}: {url}", "dim")

    def starting(self, title: str, progress: Callable[[], str] = lambda: "") -> None:
        self._title, self._since, self._progress = title, time.monotonic(), progress
        self._spinner.update(text=title)

    def finished(self, cell: Cell) -> None:
        name = f"{cell.dataset} · {cell.algorithm} · {cell.engine} · {cell.search}"
        kept = f", {cell.kept} trials kept from the ledger" if cell.kept else ""
        if cell.status == "failed":
            self._say(f"{name}: failed: {cell.error}", "red")
        elif cell.status == "too_large":
            self._say(f"{name}: not run, the table is too large: {cell.error}", "yellow")
        else:
            self._say(f"{name}: {cell.usage.wall_s:.2f} s{kept}", "")

    def ended(self, result: StudyResult) -> None:
        self.result = result
        self.starting("storing the results")

    def warn(self, message: str) -> None:
        """Print a warning."""
        self._say(message, "yellow")

    def interrupted(self, interrupt: Interrupted) -> int:
        """Print how to resume the study after an interrupt, and return the exit status."""
        kept = f"{self._session.journal.recorded()} results are kept; " if self._session else ""
        print(f"trilla: interrupted; {kept}the same command resumes from here", file=sys.stderr)
        return 128 + interrupt.number

    def _tell(self) -> None:
        """Show which step runs, for how long, and how many results the study has."""
        while not self._ended.wait(SPINNER_EVERY_S):
            if self.console.is_terminal:
                self._spinner.update(text=self._running())
            elif time.monotonic() - self._said >= LINE_EVERY_S:
                self._say(self._running(), "dim")

    def _running(self) -> str:
        results, found = "", None
        if self._session is not None:
            journal = self._session.journal
            results = f", {journal.recorded():,} results"
            found = ProgressFile(journal.folder.progress).read(self._title)
        told = found or ": ".join(filter(None, [self._title, self._progress()]))
        return f"{told} ({time.monotonic() - self._since:.0f} s{results})"

    def _say(self, line: str, style: str) -> None:
        self._said = time.monotonic()
        elapsed = self._said - self._started
        self.console.print(
            f"[{elapsed:5.0f} s] {line}", style=style, soft_wrap=True, markup=False, highlight=False
        )
