"""The ledger of a study: results that survive SIGKILL, so that none is computed twice."""

import json
import sqlite3
import time
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing, contextmanager
from pathlib import Path
from threading import Lock
from typing import Any

from filelock import FileLock

CHUNK = 500
"""Largest number of keys in one query."""


class Ledger:
    """Results by key in one SQLite file; a result is recorded when it is on the disk.

    Any number of processes may use one file. Each key is recorded once: a later result for the same key is
    ignored.

    Parameters
    ----------
    path : Path or str
        SQLite file; its folder is made if it is missing.
    scope : str
        Prefix of every key, so that the same trial can be recorded once for each engine.
    """

    def __init__(self, path: Path | str, scope: str = "") -> None:
        self.path = Path(path)
        self.scope = scope
        self.path.parent.mkdir(parents=True, exist_ok=True)
        # one process at a time: SQLite does not wait for other processes when it changes the journal mode
        with FileLock(f"{self.path}.lock"), self._transaction() as db:
            db.execute("PRAGMA journal_mode=WAL")
            db.execute("CREATE TABLE IF NOT EXISTS results (key TEXT PRIMARY KEY, value TEXT, recorded REAL)")

    def get(self, key: str) -> Any | None:
        """Return the result of a key, or None if the key is not recorded."""
        return self.get_many([key]).get(key)

    def get_many(self, keys: Iterable[str]) -> dict[str, Any]:
        """Return the results of those keys that are recorded, by key."""
        wanted = [self.scope + key for key in keys]
        found: dict[str, Any] = {}
        with closing(self._open()) as db:
            for start in range(0, len(wanted), CHUNK):
                part = wanted[start : start + CHUNK]
                marks = ",".join("?" * len(part))
                rows = db.execute(f"SELECT key, value FROM results WHERE key IN ({marks})", part)  # noqa: S608
                found |= {key.removeprefix(self.scope): json.loads(value) for key, value in rows}
        return found

    def put(self, key: str, value: Any) -> None:
        """Record a result, a JSON value; the call returns when the result is on the disk."""
        self.put_many({key: value})

    def put_many(self, results: dict[str, Any]) -> None:
        """Record several results: all of them or none."""
        rows = [(self.scope + key, json.dumps(value), time.time()) for key, value in results.items()]
        with self._transaction() as db:
            db.executemany("INSERT OR IGNORE INTO results VALUES (?, ?, ?)", rows)

    @contextmanager
    def recording(self) -> Iterator[Callable[[dict[str, Any]], None]]:
        """Record results in a separate thread, while the `with` block computes others.

        The thread writes together all results that arrive while it is busy. When the context ends, all
        results are on the disk.

        Yields
        ------
        callable
            Function that takes results by key and returns at once.

        Raises
        ------
        sqlite3.Error
            If results cannot be written. The function raises the error at its next call, or the end of the
            context does.
        """
        recorder = _Recorder(self)
        with recorder.thread:
            yield recorder
        recorder.check()

    def scoped(self, scope: str) -> "Ledger":
        """Return a ledger on the same file with another scope."""
        return Ledger(self.path, scope)

    def count(self) -> int:
        """Return the number of recorded results in all scopes."""
        with closing(self._open()) as db:
            return int(db.execute("SELECT count(*) FROM results").fetchone()[0])

    def __reduce__(self) -> tuple[type["Ledger"], tuple[Path, str]]:
        return (Ledger, (self.path, self.scope))

    def _open(self) -> sqlite3.Connection:
        db = sqlite3.connect(self.path, timeout=60)
        db.execute("PRAGMA synchronous=FULL")  # fsync at every commit
        return db

    @contextmanager
    def _transaction(self) -> Iterator[sqlite3.Connection]:
        with closing(self._open()) as db, db:
            yield db


class _Recorder:
    """Takes results, and writes those that wait together in one thread."""

    def __init__(self, ledger: Ledger) -> None:
        self.thread = ThreadPoolExecutor(1, thread_name_prefix="trilla-ledger")
        self._ledger = ledger
        self._lock = Lock()
        self._waiting: dict[str, Any] = {}
        self._writing: Future[None] | None = None

    def __call__(self, results: dict[str, Any]) -> None:
        with self._lock:
            self.check()
            self._waiting |= {key: value for key, value in results.items() if key not in self._waiting}
            if self._writing is None:
                self._writing = self.thread.submit(self._write)

    def check(self) -> None:
        if self._writing is not None and self._writing.done():
            self._writing.result()

    def _write(self) -> None:
        while True:
            with self._lock:
                results, self._waiting = self._waiting, {}
                if not results:
                    self._writing = None
                    return
            self._ledger.put_many(results)
