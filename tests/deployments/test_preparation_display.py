"""What `trilla study` shows while it prepares data."""

import io
import time

import pytest
from rich.console import Console

from deployments import preparation_display


@pytest.mark.parametrize(("total", "share"), [(200, "9%"), (0, "18")])
def test_a_log_file_gets_a_line_now_and_then(total: int, share: str, monkeypatch: pytest.MonkeyPatch) -> None:
    console = Console(file=io.StringIO())
    with preparation_display.preparation_shown(console) as display:
        display.images("pets", 17, total)
        monkeypatch.setattr(preparation_display, "EVERY_S", 0.0)
        display.images("pets", 18, total)
    assert isinstance(console.file, io.StringIO)
    assert console.file.getvalue() == f"pets: {share} of its images prepared\n"


def test_a_terminal_gets_a_bar_that_goes_again() -> None:
    console = Console(file=io.StringIO(), force_terminal=True, width=80)
    with preparation_display.preparation_shown(console) as display:
        display.images("pets", 50, 200)
        display.images("pets", 200, 200)
    assert isinstance(console.file, io.StringIO)
    shown = console.file.getvalue()
    assert "pets: preparing its images" in shown
    assert shown.endswith("\x1b[2K")  # the line is erased


def test_a_long_step_is_told_again_and_again_in_a_log_file(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(preparation_display, "EVERY_S", 0.05)
    console = Console(file=io.StringIO())
    with preparation_display.preparation_shown(console) as display:
        display.step("wide: its rows are read and checked")
        time.sleep(0.3)
    assert isinstance(console.file, io.StringIO)
    lines = console.file.getvalue().splitlines()
    assert len(lines) >= 2
    assert set(lines) == {"wide: its rows are read and checked (0 s)"}


def test_a_short_step_is_not_told_in_a_log_file() -> None:
    console = Console(file=io.StringIO())
    with preparation_display.preparation_shown(console) as display:
        display.step("wide: its rows are read and checked")
    assert isinstance(console.file, io.StringIO)
    assert console.file.getvalue() == ""


def test_a_terminal_shows_the_step_that_runs() -> None:
    console = Console(file=io.StringIO(), force_terminal=True, width=80)
    with preparation_display.preparation_shown(console) as display:
        display.step("wide: first")
        display.step("wide: second")
    assert isinstance(console.file, io.StringIO)
    assert "wide: second" in console.file.getvalue()
