"""Which study runs, which died, and which one goes on with it."""

import json
import os
import subprocess
import sys
from pathlib import Path

from flows.journal import open_journal
from flows.parameters import StudyParameters
from infra.ledger import Ledger

PARAMETERS = StudyParameters(seed=1)


def pointers(home: Path) -> list[Path]:
    return list((home / "studies").glob("*.open.json"))


def test_one_that_died_is_gone_on_with(tmp_path: Path) -> None:
    with open_journal(tmp_path, PARAMETERS) as first:
        first.note_flow_run("run-1")
        Ledger(first.folder.ledger).put("trial", 0.5)
    assert (first.resumed, first.previous_flow_run) == (False, None)
    with open_journal(tmp_path, PARAMETERS) as second:
        assert (second.id, second.resumed, second.previous_flow_run) == (first.id, True, "run-1")
        assert second.recorded() == 1
        second.note_flow_run("run-2")
    with open_journal(tmp_path, PARAMETERS) as third:
        assert third.previous_flow_run == "run-2"


def test_one_that_ended_by_itself_is_not(tmp_path: Path) -> None:
    with open_journal(tmp_path, PARAMETERS) as first:
        first.note_flow_run("run-1")
        first.finish()
    assert not pointers(tmp_path)
    with open_journal(tmp_path, PARAMETERS) as second:
        assert (second.resumed, second.recorded()) == (False, 0)
        assert second.id != first.id


def test_other_parameters_are_another_study(tmp_path: Path) -> None:
    with open_journal(tmp_path, PARAMETERS) as first:
        pass
    with open_journal(tmp_path, StudyParameters(seed=2)) as second:
        assert (second.resumed, second.id != first.id) == (False, True)
    assert len(pointers(tmp_path)) == 2


def test_beside_a_running_one_the_second_has_its_own_folder(tmp_path: Path) -> None:
    with open_journal(tmp_path, PARAMETERS) as first:
        first.note_flow_run("run-1")
        with open_journal(tmp_path, PARAMETERS) as second:
            assert (second.resumed, second.id != first.id) == (False, True)
            second.note_flow_run("run-2")
            second.finish()
        (pointer,) = pointers(tmp_path)
        assert json.loads(pointer.read_text()) == {"id": first.id, "flow_run": "run-1"}


def test_the_lock_is_the_processs_and_ends_with_it(tmp_path: Path) -> None:
    """Another process holds the study until SIGKILL; then it is there to be gone on with."""
    script = (
        "import sys, time\n"
        "from pathlib import Path\n"
        "from flows.journal import open_journal\n"
        "from flows.parameters import StudyParameters\n"
        "with open_journal(Path(sys.argv[1]), StudyParameters(seed=1)) as journal:\n"
        "    journal.note_flow_run('theirs')\n"
        "    print(journal.id, flush=True)\n"
        "    time.sleep(60)\n"
    )
    other = subprocess.Popen(
        [sys.executable, "-c", script, tmp_path], stdout=subprocess.PIPE, text=True, env={**os.environ}
    )
    assert other.stdout is not None
    with other:
        theirs = other.stdout.readline().strip()
        with open_journal(tmp_path, PARAMETERS) as beside:
            assert (beside.resumed, beside.id != theirs) == (False, True)
        other.kill()
    with open_journal(tmp_path, PARAMETERS) as after:
        assert (after.id, after.resumed, after.previous_flow_run) == (theirs, True, "theirs")


def test_a_half_written_pointer_never_shows(tmp_path: Path) -> None:
    with open_journal(tmp_path, PARAMETERS) as journal:
        for number in range(50):
            journal.note_flow_run(f"run-{number}")
            assert json.loads(pointers(tmp_path)[0].read_text())["flow_run"] == f"run-{number}"
    assert not list((tmp_path / "studies").glob("*.part"))
