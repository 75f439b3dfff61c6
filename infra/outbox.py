"""Operations that wait for the tracking server, kept in SQLite so that none is lost when a process dies."""

import json
import sqlite3
import threading
import uuid
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

from filelock import FileLock

from infra.artifact_copies import ArtifactCopies
from infra.errors import StackError
from infra.processes import process_lives, this_process

Kind = Literal["start", "log", "artifact", "dataset", "end"]

SCHEMA = """
CREATE TABLE IF NOT EXISTS operations (
    seq INTEGER PRIMARY KEY AUTOINCREMENT,
    owner TEXT,  -- NULL: no process owns the operation; the next process that opens the file takes it over
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

OLDEST = """
SELECT seq, experiment, key, kind, payload FROM operations
WHERE owner = :owner AND key NOT IN (SELECT value FROM json_each(:skip)) ORDER BY seq LIMIT 1
"""
# The oldest operation, which is of kind `log`, with the following `log` operations of the same run: up to the
# run's next operation of another kind, and up to the limits of one request.
MERGED = """
WITH mine AS (SELECT * FROM operations WHERE owner = :owner AND experiment = :experiment AND key = :key)
SELECT seq, experiment, key, kind, payload FROM (
    SELECT *, sum(size) OVER before AS entities, sum(length(payload)) OVER before AS bytes FROM mine
    WHERE kind = 'log' AND seq < coalesce((SELECT min(seq) FROM mine WHERE kind != 'log'), 1e18)
    WINDOW before AS (ORDER BY seq)
) WHERE seq = :seq OR (entities <= :entities AND bytes <= :bytes) ORDER BY seq
"""
MERGED_LIMITS = {"entities": 1000, "bytes": 500_000}


@dataclass(frozen=True)
class Operation:
    """One operation on one run, as it was recorded.

    Parameters
    ----------
    seq : int
        Position in the outbox.
    experiment : str
        Name of the experiment.
    key : str
        Key of the run.
    kind : {"start", "log", "artifact", "dataset", "end"}
        Kind of the operation.
    payload : object
        JSON value that the operation carries; its form depends on the kind.
    """

    seq: int
    experiment: str
    key: str
    kind: Kind
    payload: Any


class Outbox:
    """The operations of one process for one server, in a SQLite file that several processes share.

    An operation that was added survives SIGKILL of its process. The operation does not survive a power cut,
    because the file is written in WAL mode with `synchronous=NORMAL`. The owner of an operation is the process
    that added the operation. A process that opens the file takes over the operations for the same server whose
    owner has ended or has closed the file.

    Parameters
    ----------
    path : Path
        SQLite file. The file and its folder are made if they are missing.
    uri : str
        Address of the tracking server that gets the operations.

    Attributes
    ----------
    copies : ArtifactCopies
        Copies of the artifacts that wait, in a folder beside the file.

    Raises
    ------
    StackError
        If the file cannot be opened or written.
    """

    def __init__(self, path: Path, uri: str) -> None:
        self.path = path
        self._uri = uri
        self._owner = "{}-{}-{}".format(*this_process(), uuid.uuid4().hex[:8])
        self.copies = ArtifactCopies(path.with_name(path.name + "-files"), self._owner)
        self._lock = threading.Lock()
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            # one process at a time: two would disturb each other's switch to WAL, and take over the same operations
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

    def add(self, experiment: str, key: str, kind: Kind, payloads: Iterable[tuple[int, object]]) -> None:
        """Record operations of one kind on one run: all of them or none.

        Parameters
        ----------
        experiment : str
            Name of the experiment.
        key : str
            Key of the run.
        kind : {"start", "log", "artifact", "dataset", "end"}
            Kind of the operations.
        payloads : iterable of (int, object)
            For each operation the number of entities in it and its payload, a JSON value.

        Raises
        ------
        StackError
            If the operations cannot be written.
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
        """Return the oldest operation of this process.

        With an operation of kind `log` come the operations that may be sent in the same request.

        Parameters
        ----------
        skip : iterable of str
            Keys of runs whose operations cannot be sent yet.

        Returns
        -------
        list of Operation
            Operations of one run and one kind; an empty list if none waits.
        """
        with self._lock:
            oldest = self._operations(OLDEST, owner=self._owner, skip=json.dumps(list(skip)))
            if not oldest or oldest[0].kind != "log":
                return oldest
            [head] = oldest
            run = {"owner": self._owner, "experiment": head.experiment, "key": head.key}
            return self._operations(MERGED, **run, seq=head.seq, **MERGED_LIMITS)

    def done(self, operations: Iterable[Operation]) -> None:
        """Remove operations that the server has accepted or refused, and the copies of accepted artifacts."""
        operations = list(operations)
        with self._lock, self._db:
            self._db.executemany("DELETE FROM operations WHERE seq = ?", [(o.seq,) for o in operations])
        for operation in operations:
            refused = self._value("SELECT 1 FROM rejected WHERE seq = ?", operation.seq)
            if operation.kind == "artifact" and not refused:
                self.copies.remove(operation.payload["file"])

    def reject(self, operation: Operation, payload: object, error: str) -> None:
        """Record a payload that the server refuses for ever; `done` removes the operation.

        Parameters
        ----------
        operation : Operation
            The operation.
        payload : object
            Part of the operation's payload that the server refuses, a JSON value.
        error : str
            Reason that the server gives.
        """
        row = {
            "seq": operation.seq,
            "at": datetime.now(UTC).isoformat(),
            "uri": self._uri,
            "experiment": operation.experiment,
            "key": operation.key,
            "kind": operation.kind,
            "payload": json.dumps(payload),
            "error": error,
        }
        with self._lock, self._db:
            self._db.execute(
                "INSERT INTO rejected VALUES (:seq, :at, :uri, :experiment, :key, :kind, :payload, :error)",
                row,
            )

    def waiting(self) -> int:
        """Return the number of operations of this process that wait."""
        return int(self._value("SELECT count(*) FROM operations WHERE owner = ?", self._owner)[0])

    def start_waits(self, experiment: str, key: str) -> bool:
        """Tell whether the start of a run waits, whichever process has recorded it."""
        query = "SELECT 1 FROM operations WHERE key = ? AND kind = 'start' AND uri = ? AND experiment = ?"
        return self._value(query, key, self._uri, experiment) is not None

    def remember_run(self, experiment: str, key: str, run_id: str, experiment_id: str) -> None:
        """Record the ids that the server gave to a run and its experiment.

        Parameters
        ----------
        experiment : str
            Name of the experiment.
        key : str
            Key of the run.
        run_id : str
            The server's id of the run.
        experiment_id : str
            The server's id of the experiment.
        """
        with self._lock, self._db:
            self._db.execute(
                "INSERT OR REPLACE INTO runs VALUES (?, ?, ?, ?, ?)",
                (self._uri, experiment, key, run_id, experiment_id),
            )

    def run(self, experiment: str, key: str) -> tuple[str, str] | None:
        """Return the server's ids of a run and of its experiment, or None if they are not known yet."""
        query = "SELECT run_id, experiment_id FROM runs WHERE uri = ? AND experiment = ? AND key = ?"
        known: tuple[str, str] | None = self._value(query, self._uri, experiment, key)
        return known

    def release(self) -> None:
        """Close the outbox. The next process that opens the file takes over the operations that wait."""
        with self._lock, self._db:
            self._db.execute("UPDATE operations SET owner = NULL WHERE owner = ?", (self._owner,))
        self._db.close()

    def _operations(self, query: str, **values: str | int) -> list[Operation]:
        rows = self._db.execute(query, values)
        return [
            Operation(seq, experiment, key, kind, json.loads(payload))
            for seq, experiment, key, kind, payload in rows
        ]

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
        operations = self._db.execute(
            "SELECT payload FROM operations WHERE kind = 'artifact'"
            " UNION ALL SELECT payload FROM rejected WHERE kind = 'artifact'"
        )
        self.copies.remove_orphans([json.loads(payload)["file"] for (payload,) in operations], _lives)


def _lives(owner: str | None) -> bool:
    if owner is None:
        return False
    pid, created, _ = owner.split("-")
    return process_lives(int(pid), float(created))
