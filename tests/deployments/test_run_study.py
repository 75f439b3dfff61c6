"""What `trilla study` shows while it prepares images."""

import io

import pytest
from rich.console import Console

from deployments import run_study


@pytest.mark.parametrize(("total", "share"), [(200, "9%"), (0, "18")])
def test_a_log_file_gets_a_line_now_and_then(total: int, share: str, monkeypatch: pytest.MonkeyPatch) -> None:
    console = Console(file=io.StringIO())
    with run_study.preparation_shown(console) as show:
        show("pets", 17, total)
        monkeypatch.setattr(run_study, "PREPARATION_EVERY_S", 0.0)
        show("pets", 18, total)
    assert isinstance(console.file, io.StringIO)
    assert console.file.getvalue() == f"pets: {share} of its images prepared\n"


def test_a_terminal_gets_a_bar_that_goes_again() -> None:
    console = Console(file=io.StringIO(), force_terminal=True, width=80)
    with run_study.preparation_shown(console) as show:
        show("pets", 50, 200)
        show("pets", 200, 200)
    assert isinstance(console.file, io.StringIO)
    shown = console.file.getvalue()
    assert "pets: preparing its images" in shown
    assert shown.endswith("\x1b[2K")  # the line is erased
