"""What `trilla study` shows while it prepares images, and how it ends."""

import io
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from rich.console import Console

from deployments import run_study
from flows.parameters import StudyParameters
from infra.errors import EngineError


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


@pytest.mark.parametrize("begun", [False, True])
def test_an_error_in_the_middle_of_a_study_is_no_refused_input(
    begun: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Exit status 2 says that the input was refused; a worker that is lost in the middle is status 1."""

    def run(_parameters: Any, _prepared: Any, watcher: run_study.Watcher) -> None:
        if begun:
            session: Any = SimpleNamespace(
                journal=SimpleNamespace(resumed=False), result=SimpleNamespace(links={})
            )
            watcher.opened(session)
        raise EngineError("its worker was lost 3 times")

    monkeypatch.setenv("TRILLA_HOME", str(tmp_path))
    monkeypatch.setattr(run_study, "check", lambda *_: {})
    monkeypatch.setattr(run_study, "bring_up", lambda: None)
    monkeypatch.setattr(run_study, "_run", run)
    if not begun:
        with pytest.raises(EngineError):
            run_study.run_study(StudyParameters(), None)
        return
    assert run_study.run_study(StudyParameters(), None) == 1
    assert "the study failed: EngineError: its worker was lost 3 times; see " in capsys.readouterr().err
