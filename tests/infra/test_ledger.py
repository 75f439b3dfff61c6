"""The ledger when writers are killed and when several write at once."""

import json
import math
import os
import pickle
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from infra.ledger import CHUNK, Ledger

ROOT = Path(__file__).parents[2]


def start(code: str, *arguments: object) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", code, *map(str, arguments)], stdout=subprocess.PIPE, text=True, cwd=ROOT
    )


def intact(path: Path) -> bool:
    with closing(sqlite3.connect(path)) as db:
        return bool(db.execute("PRAGMA integrity_check").fetchone()[0] == "ok")


@pytest.fixture
def ledger(tmp_path: Path) -> Ledger:
    return Ledger(tmp_path / "sub" / "ledger.sqlite")


def test_gives_back_what_it_was_given(ledger: Ledger) -> None:
    ledger.put("a", {"score": 0.1 + 0.2, "error": None, "parts": [1, "ü"]})
    assert ledger.get("a") == {"score": 0.1 + 0.2, "error": None, "parts": [1, "ü"]}
    assert ledger.get("b") is None
    ledger.put("failed", {"score": math.nan})
    assert math.isnan(ledger.get("failed")["score"])  # type: ignore[index]


def test_the_first_result_of_a_key_stays(ledger: Ledger) -> None:
    ledger.put("a", 1)
    ledger.put_many({"a": 2, "b": 3})
    assert ledger.get_many(["a", "b", "c"]) == {"a": 1, "b": 3}
    assert ledger.count() == 2


def test_scopes_keep_the_same_key_apart(ledger: Ledger) -> None:
    dask, spark = ledger.scoped("dask/"), ledger.scoped("spark/")
    dask.put("a", 1)
    spark.put("a", 2)
    assert (dask.get("a"), spark.get("a"), ledger.get("a")) == (1, 2, None)
    assert ledger.count() == 2


def test_recorded_beside_other_work_all_is_on_the_disk_at_the_end(ledger: Ledger) -> None:
    ledger.put("7", "first")
    with ledger.recording() as record:
        for i in range(300):
            record({str(i): i})
        record({"8": "second"})
    assert ledger.get_many(map(str, range(300))) == {str(i): i for i in range(300)} | {"7": "first"}


def test_a_single_result_does_not_wait_for_the_next(ledger: Ledger) -> None:
    with ledger.recording() as record:
        record({"a": 1})
        until = time.monotonic() + 30
        while ledger.get("a") is None and time.monotonic() < until:
            time.sleep(0.01)
        assert ledger.get("a") == 1


def fails_after(record: Callable[[], None]) -> None:
    record()
    raise KeyError


def test_what_was_recorded_stays_when_the_work_fails(ledger: Ledger) -> None:
    with pytest.raises(KeyError), ledger.recording() as record:
        fails_after(lambda: record({"a": 1}))
    assert ledger.get("a") == 1


def test_results_that_cannot_be_written_are_an_error(ledger: Ledger) -> None:
    with closing(sqlite3.connect(ledger.path)) as db:
        db.execute("DROP TABLE results")
    with pytest.raises(sqlite3.OperationalError, match="no such table"), ledger.recording() as record:
        record({"a": 1})


def test_more_keys_than_a_statement_holds(ledger: Ledger) -> None:
    results = {f"k{i}": i for i in range(2 * CHUNK + 1)}
    ledger.put_many(results)
    assert ledger.get_many(results) == results


def test_what_is_no_json_is_refused_and_nothing_of_it_recorded(ledger: Ledger) -> None:
    with pytest.raises(TypeError):
        ledger.put_many({"a": 1, "b": object()})
    assert ledger.count() == 0


def test_travels_to_another_process(ledger: Ledger) -> None:
    ledger.scoped("x/").put("a", 1)
    assert pickle.loads(pickle.dumps(ledger.scoped("x/"))).get("a") == 1


WRITES_FOR_EVER = """
import sys
from infra.ledger import Ledger
ledger, i = Ledger(sys.argv[1]), 0
while True:
    ledger.put(f"k{i}", {"value": i, "filler": "x" * 5000})
    print(i, flush=True)
    i += 1
"""


@pytest.mark.parametrize("after", [1, 7, 40])
def test_what_a_killed_writer_had_recorded_is_there(ledger: Ledger, after: int) -> None:
    writer = start(WRITES_FOR_EVER, ledger.path)
    assert writer.stdout is not None
    recorded = [int(writer.stdout.readline()) for _ in range(after)]
    writer.send_signal(signal.SIGKILL)
    recorded += [int(line) for line in writer.stdout.read().split("\n")[:-1]]
    writer.wait()
    found = ledger.get_many(f"k{i}" for i in recorded)
    assert {key: result["value"] for key, result in found.items()} == {f"k{i}": i for i in recorded}
    assert ledger.count() in (len(recorded), len(recorded) + 1)  # one may be recorded but not yet reported
    assert intact(ledger.path)
    ledger.put("next", 1)
    assert ledger.get("next") == 1


DIES_INSIDE = """
import os, signal, sys
from infra.ledger import Ledger
with Ledger(sys.argv[1])._transaction() as db:
    rows = [(f"torn{i}", '"' + "x" * 10_000 + '"', 0.0) for i in range(2000)]
    db.executemany("INSERT OR IGNORE INTO results VALUES (?, ?, ?)", rows)
    os.kill(os.getpid(), signal.SIGKILL)
"""


def test_a_writer_killed_in_the_middle_of_writing_leaves_nothing_half_written(ledger: Ledger) -> None:
    ledger.put("before", 1)
    writer = start(DIES_INSIDE, ledger.path)
    assert writer.wait(timeout=60) == -signal.SIGKILL
    assert ledger.count() == 1
    assert ledger.get("torn0") is None
    assert intact(ledger.path)
    ledger.put("after", 2)
    assert ledger.get_many(["before", "after"]) == {"before": 1, "after": 2}


WRITES_TOO = """
import json, sys
from infra.ledger import Ledger
path, name = sys.argv[1:]
print("ready", flush=True)
sys.stdin.readline()
for i in range(100):
    Ledger(f"{path}.{i}")
ledger = Ledger(path)
seen = {}
for i in range(60):
    ledger.put(f"k{i}", name)
    seen[f"k{i}"] = ledger.get(f"k{i}")
print(json.dumps(seen))
"""


def test_processes_that_start_at_once_record_each_key_exactly_once(tmp_path: Path) -> None:
    path = tmp_path / "new.sqlite"
    writers = [
        subprocess.Popen(
            [sys.executable, "-c", WRITES_TOO, path, name],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            cwd=ROOT,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
        )
        for name in ("one", "two", "three")
    ]
    for writer in writers:
        assert writer.stdout is not None
        assert writer.stdout.readline() == "ready\n"
    for writer in writers:
        assert writer.stdin is not None
        writer.stdin.write("go\n")
        writer.stdin.flush()
    seen = []
    for writer in writers:
        out, errors = writer.communicate(timeout=60)
        assert writer.returncode == 0, errors
        seen.append(json.loads(out))
    assert seen[0] == seen[1] == seen[2]
    assert set(seen[0].values()) <= {"one", "two", "three"}
    assert Ledger(path).count() == 60
