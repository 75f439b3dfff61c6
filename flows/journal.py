"""The journal of running studies on disk, so that a study whose process died is recognised and resumed."""

import hashlib
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from uuid import uuid4

from filelock import FileLock, Timeout

from flows.parameters import StudyParameters
from infra.ledger import Ledger
from infra.study_folder import StudyFolder, studies_folder


@dataclass
class Journal:
    """One study on disk: its folder, and the flow run that works on it.

    Parameters
    ----------
    folder : StudyFolder
        Folder of the study.
    resumed : bool
        Whether the study was interrupted before and is resumed now.
    previous_flow_run : str, optional
        Id of the flow run that was interrupted.
    pointer : Path, optional
        File that names the study while it is unfinished. A study without this file cannot be resumed.
    """

    folder: StudyFolder
    resumed: bool = False
    previous_flow_run: str | None = None
    pointer: Path | None = field(default=None, repr=False)

    @property
    def id(self) -> str:
        """Id of the study."""
        return self.folder.id

    def recorded(self) -> int:
        """Return the number of results in the ledger."""
        return Ledger(self.folder.ledger).count()

    def note_flow_run(self, flow_run_id: str) -> None:
        """Record the id of the flow run that works on the study; the next run reads the id if the process dies."""
        if self.pointer is not None:
            _write(self.pointer, {"id": self.id, "flow_run": flow_run_id})

    def finish(self) -> None:
        """Record that the study is complete: the next study with the same parameters is a new one."""
        if self.pointer is not None:
            self.pointer.unlink(missing_ok=True)


@contextmanager
def open_journal(home: Path, parameters: StudyParameters) -> Iterator[Journal]:
    """Open the journal of the interrupted study with these parameters, or of a new study if there is none.

    A file lock shows whether such a study runs, because the system releases the lock when the process dies.
    While one study runs, a second study with the same parameters gets its own folder and cannot be resumed.
    """
    studies = studies_folder(home)
    studies.mkdir(parents=True, exist_ok=True)
    digest = hashlib.sha256(parameters.model_dump_json().encode()).hexdigest()[:12]
    lock = FileLock(studies / f"{digest}.lock")
    try:
        lock.acquire(timeout=0)
    except Timeout:
        yield _new(home, None)
        return
    try:
        yield _open(home, studies / f"{digest}.open.json")
    finally:
        lock.release()


def _open(home: Path, pointer: Path) -> Journal:
    if not pointer.exists():
        journal = _new(home, pointer)
        _write(pointer, {"id": journal.id, "flow_run": None})
        return journal
    found = json.loads(pointer.read_text())
    return Journal(StudyFolder(home=home, id=found["id"]), True, found["flow_run"], pointer)


def _new(home: Path, pointer: Path | None) -> Journal:
    folder = StudyFolder(home=home, id=f"{datetime.now(UTC):%Y%m%d-%H%M%S}-{uuid4().hex[:6]}")
    folder.root.mkdir()
    return Journal(folder, pointer=pointer)


def _write(path: Path, value: object) -> None:
    unfinished = path.with_suffix(f".{os.getpid()}.part")
    unfinished.write_text(json.dumps(value))
    os.replace(unfinished, path)
