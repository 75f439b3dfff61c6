"""Operations that wait for the tracking server, kept in SQLite so that none is lost when a process dies."""

import json
import os
import shutil
import sqlite3
import threading
import uuid
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any

import psutil
from filelock import FileLock

from infra.errors import StackError
from infra.processes import CLOCK_SLACK_S, is_alive

SCHEMA = """
CREATE TABLE IF NOT EXISTS operations (
    seq INTEGER PRIMARY KEY AUTOINCREMENT,
    owner TEXT,  -- NULL: nobody's, the next process that opens the file takes it over
    uri TEXT NOT NULL, experiment TEXT NOT NULL, key TEXT NOT NULL,
    kind TEXT NOT NULL, size INTEGER NOT NULL, payload TEXT NOT NULL
);
CREATE INDEX IF NOT EXISTS operations_by_owner ON operations (owner, seq);
CREATE INDEX IF NOT EXISTS operations_by_key ON operations (key, kind, seq);
CREATE TABLE IF NOT EXISTS rejected (
    seq INTEGER, at TEXT, uri TEXT, experiment TEXT, key TEXT, kind TEXT, payload TEXT, error TEXT
);
CREATE TABLE IF NOT EXISTS runs (
    uri TEXT, experiment TEXT, key TEXT, run_id TEXT NOT NULL, experiment_id TEXT NOT NULL,
    PRIMARY KEY (uri, experiment, key)
);
"""

# Operations `log` of one run, up to its next operation of another kind, and up to what one request takes.
MERGED = """
WITH mine AS (SELECT * FROM operations WHERE owner = ?1 AND experiment = ?2 AND key = ?3)
SELECT seq, experiment, key, kind, payload FROM (
    SELECT *, sum(size) OVER before AS things, sum(length(payload)) OVER before AS bytes FROM mine
    WHERE kind = 'log' AND seq < coalesce((SELECT min(seq) FROM mine WHERE kind != 'log'), 1e18)
    WINDOW before AS (ORDER BY seq)
) WHERE seq = ?4 OR (things <= ?5 AND bytes <= ?6) ORDER BY seq
"""
LIMITS = (1000, 500_000)


@cache
def _created(pid: int) -> float:
    return psutil.Process(pid).create_time()


def this_process() -> tuple[int, float]:
    """Return pid and creation time (unix seconds) of this process: together they name it for ever."""
    return os.getpid(), _created(os.getpid())


def process_lives(pid: int, created: float) -> bool:
    """Whether the process of that pid and creation time (unix seconds) is still there."""
    try:
        process = psutil.Process(pid)
        return abs(process.create_time() - created) < CLOCK_SLACK_S and is_alive(process)
    except psutil.NoSuchProcess:
        return False


@dataclass(frozen=True)
class Operation:
    """One operation on one run, as it was recorded."""

    seq: int
    experiment: str
    key: str
    kind: str
    payload: Any


class Outbox:
    """The operations of one process for one server, in a SQLite file that several processes share.

    An operation that was added survives SIGKILL of its process (not a power cut: the file is written
    in WAL mode with `synchronous=NORMAL`). Each operation belongs to the process that added it; opening
    the file takes over what processes that are gone, or that closed it, left for the same server.

    Parameters
    ----------
    path
        The file; it and its folder are made where they are missing.
    uri
        The tracking server the operations are for.

    Raises
    ------
    StackError
        If the file cannot be opened or written.
    """

    def __init__(self, path: Path, uri: str) -> None:
        self.path = path
        self._uri = uri
        self._files = path.with_name(path.name + "-files")
        self._owner = "{}-{}-{}".format(*this_process(), uuid.uuid4().hex[:8])
        self._lock = threading.Lock()
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            # Two processes at once would trip over each other's switch to WAL and over the same left-overs.
            with FileLock(path.with_name(path.name + ".lock")):
                self._db = sqlite3.connect(
                    path, timeout=30, isolation_level="IMMEDIATE", check_same_thread=False
                )
                self._db.execute("PRAGMA journal_mode=WAL")
                self._db.execute("PRAGMA synchronous=NORMAL")
                self._db.executescript(SCHEMA)
                self._take_over()
                self._remove_orphans()
        except (sqlite3.Error, OSError) as error:
            raise StackError(f"The outbox {path} cannot be opened: {error}.") from error

    def add(self, experiment: str, key: str, kind: str, payloads: Iterable[tuple[int, object]]) -> None:
        """Record operations of one kind on one run, all or none.

        Parameters
        ----------
        payloads
            (number of things in it, what to keep as JSON) an operation.
        """
        rows = [
            (self._owner, self._uri, experiment, key, kind, size, json.dumps(payload))
            for size, payload in payloads
        ]
        try:
            with self._lock, self._db:
                self._db.executemany(
                    "INSERT INTO operations (owner, uri, experiment, key, kind, size, payload)"
                    " VALUES (?, ?, ?, ?, ?, ?, ?)",
                    rows,
                )
        except sqlite3.OperationalError as error:
            raise StackError(f"{self.path}: nothing can be recorded for MLflow: {error}.") from error

    def next(self, skip: Iterable[str] = ()) -> list[Operation]:
        """Return the oldest own operation; of kind `log` with those that may be sent together with it.

        Parameters
        ----------
        skip
            Keys of runs that cannot be served yet.
        """
        columns = "seq, experiment, key, kind, payload"
        with self._lock:
            head = self._db.execute(
                f"SELECT {columns} FROM operations WHERE owner = ?"  # noqa: S608
                " AND key NOT IN (SELECT value FROM json_each(?)) ORDER BY seq LIMIT 1",
                (self._owner, json.dumps(list(skip))),
            ).fetchone()
            if head is None or head[3] != "log":
                rows = [head] if head else []
            else:
                rows = self._db.execute(MERGED, (self._owner, *head[1:3], *head[:1], *LIMITS)).fetchall()
        return [Operation(seq, study, run, kind, json.loads(text)) for seq, study, run, kind, text in rows]

    def done(self, operations: Iterable[Operation]) -> None:
        """Forget operations that are dealt with, and the copies of artifacts that the server has."""
        operations = list(operations)
        with self._lock, self._db:
            self._db.executemany("DELETE FROM operations WHERE seq = ?", [(o.seq,) for o in operations])
        for operation in operations:
            refused = self._value("SELECT 1 FROM rejected WHERE seq = ?", operation.seq)
            if operation.kind == "artifact" and not refused:
                # What cannot be removed now is removed as an orphan after the end of this process.
                shutil.rmtree(self.file(operation.payload["file"]).parent, ignore_errors=True)

    def reject(self, operation: Operation, payload: object, error: str) -> None:
        """Note what the server refuses for good; the operation itself is left to `done`."""
        with self._lock, self._db:
            self._db.execute(
                "INSERT INTO rejected VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
                (
                    *(operation.seq, datetime.now(UTC).isoformat(), self._uri, operation.experiment),
                    *(operation.key, operation.kind, json.dumps(payload), error),
                ),
            )

    def waiting(self) -> int:
        """Count own operations that are not sent."""
        return int(self._value("SELECT count(*) FROM operations WHERE owner = ?", self._owner)[0])

    def start_waits(self, experiment: str, key: str) -> bool:
        """Whether the start of that run, recorded by whichever process, is not sent."""
        query = "SELECT 1 FROM operations WHERE key = ? AND kind = 'start' AND uri = ? AND experiment = ?"
        return self._value(query, key, self._uri, experiment) is not None

    def remember_run(self, experiment: str, key: str, run_id: str, experiment_id: str) -> None:
        """Note under which id the server knows a run."""
        with self._lock, self._db:
            self._db.execute(
                "INSERT OR REPLACE INTO runs VALUES (?, ?, ?, ?, ?)",
                (self._uri, experiment, key, run_id, experiment_id),
            )

    def run(self, experiment: str, key: str) -> tuple[str, str] | None:
        """Return the run's id and its experiment's id, or None where the server has not told them."""
        query = "SELECT run_id, experiment_id FROM runs WHERE uri = ? AND experiment = ? AND key = ?"
        known: tuple[str, str] | None = self._value(query, self._uri, experiment, key)
        return known

    def keep(self, source: Path | str, name: str) -> str:
        """Copy a file or folder (or write a text) next to the outbox, so that the original may go.

        Parameters
        ----------
        source
            Path of the file or folder, or the text itself.
        name
            Name of the copy.

        Returns
        -------
        str
            Where the copy is, for `file`.

        Raises
        ------
        StackError
            If the original cannot be read or the copy cannot be written.
        """
        place = Path(self._owner, uuid.uuid4().hex, name)
        target = self.file(place.as_posix())
        target.parent.mkdir(parents=True)
        try:
            if isinstance(source, str):
                target.write_text(source, encoding="utf-8")
            elif source.is_dir():
                shutil.copytree(source, target)
            else:
                shutil.copyfile(source, target)
        except OSError as error:
            shutil.rmtree(target.parent)
            raise StackError(f"No copy of {name} can be kept for the tracking server: {error}.") from error
        return place.as_posix()

    def file(self, place: str) -> Path:
        """Return the path of a copy that `keep` made."""
        return self._files / place

    def release(self) -> None:
        """Leave what is not sent to whoever opens the file next, and close it."""
        with self._lock, self._db:
            self._db.execute("UPDATE operations SET owner = NULL WHERE owner = ?", (self._owner,))
        self._db.close()

    def _value(self, query: str, *values: str | int) -> Any:
        with self._lock:
            return self._db.execute(query, values).fetchone()

    def _take_over(self) -> None:
        query = "SELECT DISTINCT owner FROM operations WHERE uri = ?"
        gone = [owner for (owner,) in self._db.execute(query, (self._uri,)) if not _lives(owner)]
        with self._db:
            self._db.executemany(
                "UPDATE operations SET owner = ? WHERE owner IS ? AND uri = ?",
                [(self._owner, owner, self._uri) for owner in gone],
            )

    def _remove_orphans(self) -> None:
        """Remove copies whose process died before it recorded them, or before it removed them."""
        tables = ("operations", "rejected")
        used = {
            self.file(json.loads(payload)["file"]).parent
            for table in tables
            for (payload,) in self._db.execute(f"SELECT payload FROM {table} WHERE kind = 'artifact'")  # noqa: S608
        }
        for owner in self._files.glob("*"):
            if _lives(owner.name):
                continue
            for folder in set(owner.iterdir()) - used:
                shutil.rmtree(folder)
            if not any(owner.iterdir()):
                owner.rmdir()


def _lives(owner: str | None) -> bool:
    if owner is None:
        return False
    pid, created, _ = owner.split("-")
    return process_lives(int(pid), float(created))
