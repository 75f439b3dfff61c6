import os
import signal
import subprocess
import sys
import time
from pathlib import Path

from infra.ledger import Ledger

WRITER = """
import sys
from infra.ledger import Ledger
ledger, name = Ledger(sys.argv[1]), sys.argv[2]
for i in range(int(sys.argv[3])):
    ledger.put(f"trial-{i}", {"writer": name, "i": i})
    print(i, flush=True)
"""


def writer(path: Path, name: str, count: int) -> subprocess.Popen[str]:
    command = [sys.executable, "-c", WRITER, str(path), name, str(count)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True)


def test_results_are_kept_with_their_first_value(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path / "new" / "ledger.sqlite")
    ledger.put("a", {"score": 0.1 + 0.2})
    ledger.put("a", {"score": 9.0})
    assert ledger.get("a") == {"score": 0.1 + 0.2}
    assert ledger.get("b") is None
    assert Ledger(ledger.path).count() == 1


def test_scopes_keep_equal_keys_apart(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path / "ledger.sqlite")
    ledger.scoped("dask/").put("a", 1)
    ledger.scoped("spark/").put_many({"a": 2, "b": 3})
    assert ledger.scoped("dask/").get_many(["a", "b"]) == {"a": 1}
    assert ledger.scoped("spark/").get_many(["a", "b"]) == {"a": 2, "b": 3}
    assert ledger.count() == 3


def test_more_keys_than_one_query_takes(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path / "ledger.sqlite")
    ledger.put_many({f"k{i}": i for i in range(2345)})
    assert ledger.get_many(f"k{i}" for i in range(0, 3000, 2)) == {f"k{i}": i for i in range(0, 2345, 2)}


def test_a_killed_writer_loses_nothing_that_it_had_recorded(tmp_path: Path) -> None:
    path = tmp_path / "ledger.sqlite"
    process = writer(path, "killed", 1_000_000)
    assert process.stdout is not None
    recorded = [int(process.stdout.readline()) for _ in range(30)]
    os.kill(process.pid, signal.SIGKILL)
    recorded += [int(line) for line in process.stdout.read().split()]
    process.wait()
    ledger = Ledger(path)
    found = ledger.get_many(f"trial-{i}" for i in recorded)
    assert found == {f"trial-{i}": {"writer": "killed", "i": i} for i in recorded}
    # at most the one that was being written when the signal came
    assert ledger.count() - len(recorded) in (0, 1)
    ledger.put("afterwards", True)
    assert ledger.get("afterwards") is True


def test_two_writers_record_each_key_once(tmp_path: Path) -> None:
    path = tmp_path / "ledger.sqlite"
    both = [writer(path, name, 60) for name in ("one", "two")]
    deadline = time.monotonic() + 60
    for process in both:
        process.communicate(timeout=deadline - time.monotonic())
        assert process.returncode == 0
    ledger = Ledger(path)
    found = ledger.get_many(f"trial-{i}" for i in range(60))
    assert ledger.count() == len(found) == 60
    assert {value["writer"] for value in found.values()} <= {"one", "two"}
