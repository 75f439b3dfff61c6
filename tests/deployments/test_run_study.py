"""How `trilla study` ends."""

import io
import time
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest
from rich.console import Console

from deployments import run_study
from flows.parameters import StudyParameters
from infra.errors import EngineError
from infra.progress_file import ProgressFile


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


def test_a_long_step_of_a_study_is_told_in_a_log_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(run_study, "SPINNER_EVERY_S", 0.02)
    monkeypatch.setattr(run_study, "LINE_EVERY_S", 0.05)
    console = Console(file=io.StringIO(), width=80)
    with run_study.Watcher(console) as watcher:
        watcher.opened(
            cast(Any, SimpleNamespace(journal=Journal(tmp_path), result=SimpleNamespace(links={})))
        )
        watcher.starting("wide: cross-validation")
        time.sleep(0.3)
        progress = ProgressFile(tmp_path / "progress.json")
        progress.write("wide: cross-validation", "wide: cross-validation: folds done: 3 of 10")
        time.sleep(0.3)
        watcher.starting("wide: pictures")
        time.sleep(0.3)
    assert isinstance(console.file, io.StringIO)
    text = console.file.getvalue()
    assert "[    0 s] wide: cross-validation (0 s, 1,234 results)\n" in text
    assert "] wide: cross-validation: folds done: 3 of 10 (0 s, 1,234 results)\n" in text
    assert "] wide: pictures (0 s, 1,234 results)\n" in text


class Journal:
    """The journal of a study with many results."""

    resumed = False

    def __init__(self, root: Path) -> None:
        self.folder = SimpleNamespace(progress=root / "progress.json")

    def recorded(self) -> int:
        return 1_234
