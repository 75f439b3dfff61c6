"""The progress of a preparation: bars in a terminal, else a line every few seconds."""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TaskProgressColumn, TextColumn, TimeRemainingColumn

EVERY_S = 10.0  # seconds between two lines of progress where the output is no terminal


class PreparationDisplay:
    """Shows what a preparation does.

    Parameters
    ----------
    console : Console
        The terminal or file.
    bars : Progress
        The bars, which are not seen where the output is no terminal.
    """

    def __init__(self, console: Console, bars: Progress) -> None:
        self._console, self._bars = console, bars
        self._bar_of: dict[str, TaskID] = {}
        self._said = self._since = time.monotonic()
        self._step = ""

    def images(self, data: str, done: int, total: int) -> None:
        """Show how many images are prepared.

        Parameters
        ----------
        data : str
            Name of the data set.
        done : int
            Number of images that are prepared, or of bytes that are loaded.
        total : int
            Number of all images, or of all bytes; 0 if it is not known.
        """
        share = f"{done / total:.0%}" if total else f"{done:,}"
        self._advance(f"{data}: preparing its images", f"{data}: {share} of its images prepared", done, total)

    def pieces(self, data: str, done: int, total: int) -> None:
        """Show how many pieces of a large table were looked at.

        Parameters
        ----------
        data : str
            Name of the data set.
        done : int
            Number of pieces that were looked at.
        total : int
            Number of all pieces.
        """
        told = f"{data}: {done:,} of {total:,} pieces of the table were looked at"
        self._advance(f"{data}: looking at its rows", told, done, total)

    def step(self, sentence: str) -> None:
        """Show a step whose progress is not known; outside a terminal, if the step takes long."""
        if self._step:
            self._bars.remove_task(self._bar_of.pop(self._step))
        self._step, self._since = sentence, time.monotonic()
        self._bar(sentence)

    def repeat(self) -> None:
        """Say which step runs, and for how long."""
        if self._step and not self._console.is_terminal:
            self._say(f"{self._step} ({time.monotonic() - self._since:.0f} s)")

    def _advance(self, title: str, line: str, done: int, total: int) -> None:
        self._step = ""
        self._bars.update(self._bar(title), completed=done, total=total or None)
        if not self._console.is_terminal and time.monotonic() - self._said >= EVERY_S:
            self._said = time.monotonic()
            self._say(line)

    def _bar(self, title: str) -> TaskID:
        if title not in self._bar_of:
            self._bar_of[title] = self._bars.add_task(title, total=None)
        return self._bar_of[title]

    def _say(self, line: str) -> None:
        self._console.print(line, markup=False, highlight=False, soft_wrap=True)


@contextmanager
def preparation_shown(console: Console) -> Iterator[PreparationDisplay]:
    """Show the progress of preparations in the `with` block."""
    columns = (TextColumn("{task.description}"), BarColumn(), TaskProgressColumn(), TimeRemainingColumn())
    ended = threading.Event()
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as bars:
        display = PreparationDisplay(console, bars)

        def repeat() -> None:
            while not ended.wait(EVERY_S):
                display.repeat()

        thread = threading.Thread(target=repeat, name="preparation", daemon=True)
        thread.start()
        try:
            yield display
        finally:
            ended.set()
            thread.join()
