"""Which studies run, on disk: so that one that died is recognised, put right, and gone on with."""

import hashlib
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from uuid import uuid4

from filelock import FileLock, Timeout

from flows.parameters import StudyParameters
from infra.ledger import Ledger
from infra.study_folder import StudyFolder


@dataclass
class Journal:
    """The folder of one study: its ledger, its result, and which flow run is at it."""

    folder: StudyFolder
    resumed: bool
    previous_flow_run: str | None
    _pointer: Path | None

    @property
    def id(self) -> str:
        """Name of the study."""
        return self.folder.id

    def recorded(self) -> int:
        """Return how many results the ledger holds."""
        return Ledger(self.folder.ledger).count()

    def note_flow_run(self, flow_run_id: str) -> None:
        """Record which flow run is at work, for whoever finds the study dead."""
        if self._pointer is not None:
            _write(self._pointer, {"id": self.id, "flow_run": flow_run_id})

    def finish(self) -> None:
        """The study has ended by itself: the next one like it starts anew."""
        if self._pointer is not None:
            self._pointer.unlink(missing_ok=True)


@contextmanager
def open_journal(home: Path, parameters: StudyParameters) -> Iterator[Journal]:
    """The journal of an interrupted study with these parameters, or of a new one.

    A lock that the system releases with the process tells a dead study from a running one; beside a running
    one, a second study like it works in a folder of its own and cannot be gone on with.
    """
    studies = home / "studies"
    studies.mkdir(parents=True, exist_ok=True)
    digest = hashlib.sha256(parameters.model_dump_json().encode()).hexdigest()[:12]
    lock = FileLock(studies / f"{digest}.lock")
    try:
        lock.acquire(timeout=0)
    except Timeout:
        yield _new(studies, None)
        return
    try:
        yield _open(studies, studies / f"{digest}.open.json")
    finally:
        lock.release()


def _open(studies: Path, pointer: Path) -> Journal:
    if not pointer.exists():
        journal = _new(studies, pointer)
        _write(pointer, {"id": journal.id, "flow_run": None})
        return journal
    found = json.loads(pointer.read_text())
    return Journal(StudyFolder(home=studies.parent, id=found["id"]), True, found["flow_run"], pointer)


def _new(studies: Path, pointer: Path | None) -> Journal:
    name = f"{datetime.now(UTC):%Y%m%d-%H%M%S}-{uuid4().hex[:6]}"
    folder = StudyFolder(home=studies.parent, id=name)
    folder.root.mkdir()
    return Journal(folder, False, None, pointer)


def _write(path: Path, value: object) -> None:
    unfinished = path.with_suffix(f".{os.getpid()}.part")
    unfinished.write_text(json.dumps(value))
    os.replace(unfinished, path)
