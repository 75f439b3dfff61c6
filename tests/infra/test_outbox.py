"""The outbox: order, merging, and what happens to the operations of processes that are gone."""

import signal
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

from infra.errors import StackError
from infra.outbox import Outbox

URI = "http://server"


def add(outbox: Outbox, key: str, kind: str, *payloads: object) -> None:
    outbox.add("e", key, kind, [(1, payload) for payload in payloads])


def in_another_process(path: Path, code: str) -> subprocess.Popen[bytes]:
    text = "import os, signal, time\nfrom pathlib import Path\nfrom infra.outbox import Outbox\n"
    text += f"outbox = Outbox(Path({str(path)!r}), {URI!r})\n{code}"
    return subprocess.Popen([sys.executable, "-c", text], stdout=subprocess.PIPE)


def keys(outbox: Outbox) -> list[str]:
    found = []
    while batch := outbox.next():
        found += [operation.key for operation in batch]
        outbox.done(batch)
    return found


def test_small_operations_of_a_run_are_merged_but_not_reordered(tmp_path: Path) -> None:
    outbox = Outbox(tmp_path / "outbox", URI)
    add(outbox, "a", "start", {})
    add(outbox, "a", "log", [1], [2])
    add(outbox, "b", "log", [3])
    add(outbox, "a", "log", [4])
    add(outbox, "a", "end", {})
    add(outbox, "a", "log", [5])
    seen: list[object] = []
    while batch := outbox.next():
        seen.append((batch[0].key, batch[0].kind, [o.payload for o in batch if o.kind == "log"]))
        outbox.done(batch)
    assert seen == [
        ("a", "start", []),
        ("a", "log", [[1], [2], [4]]),
        ("b", "log", [[3]]),
        ("a", "end", []),
        ("a", "log", [[5]]),
    ]


def test_merging_ends_at_what_one_request_takes(tmp_path: Path) -> None:
    outbox = Outbox(tmp_path / "outbox", URI)
    outbox.add("e", "a", "log", [(600, [1]), (600, [2]), (1, ["x" * 600_000])])
    sizes = []
    while batch := outbox.next():
        sizes.append(len(batch))
        outbox.done(batch)
    assert sizes == [1, 1, 1]


def test_a_key_can_be_skipped(tmp_path: Path) -> None:
    outbox = Outbox(tmp_path / "outbox", URI)
    add(outbox, "a", "log", [1])
    add(outbox, "b", "log", [2])
    assert [o.key for o in outbox.next(skip={"a"})] == ["b"]
    assert outbox.next(skip={"a", "b"}) == []


def test_operations_of_a_killed_process_are_taken_over_once(tmp_path: Path) -> None:
    code = "outbox.add('e', 'a', 'log', [(1, [n]) for n in range(3)])\nos.kill(os.getpid(), signal.SIGKILL)"
    assert in_another_process(tmp_path / "outbox", code).wait(30) == -signal.SIGKILL
    first, second = Outbox(tmp_path / "outbox", URI), Outbox(tmp_path / "outbox", URI)
    assert (first.waiting(), second.waiting()) == (3, 0)
    assert keys(first) == ["a", "a", "a"]


def test_operations_of_a_living_process_are_its_own(tmp_path: Path) -> None:
    code = "outbox.add('e', 'a', 'start', [(1, {})])\nprint('added', flush=True)\ntime.sleep(60)"
    other = in_another_process(tmp_path / "outbox", code)
    assert other.stdout
    try:
        assert other.stdout.readline() == b"added\n"
        outbox = Outbox(tmp_path / "outbox", URI)
        assert outbox.waiting() == 0
        assert outbox.start_waits("e", "a")
        assert not outbox.start_waits("another", "a")
    finally:
        other.kill()
        other.wait()


def test_what_is_left_at_the_end_is_taken_over(tmp_path: Path) -> None:
    outbox = Outbox(tmp_path / "outbox", URI)
    add(outbox, "a", "log", [1])
    outbox.release()
    assert Outbox(tmp_path / "outbox", "http://another").waiting() == 0
    assert Outbox(tmp_path / "outbox", URI).waiting() == 1


def test_copies_outlive_the_original_and_go_when_sent(tmp_path: Path) -> None:
    outbox = Outbox(tmp_path / "outbox", URI)
    original = tmp_path / "original.txt"
    original.write_text("text")
    add(outbox, "a", "artifact", {"file": outbox.copies.keep(original, original.name)})
    original.unlink()
    batch = outbox.next()
    copy = outbox.copies.path(batch[0].payload["file"])
    assert (copy.name, copy.read_text()) == ("original.txt", "text")
    outbox.done(batch)
    assert not copy.exists()


def test_copy_of_a_refused_artifact_is_kept(tmp_path: Path) -> None:
    outbox = Outbox(tmp_path / "outbox", URI)
    add(outbox, "a", "artifact", {"file": outbox.copies.keep("text", "a.txt")})
    batch = outbox.next()
    outbox.reject(batch[0], batch[0].payload, "no")
    outbox.done(batch)
    assert outbox.copies.path(batch[0].payload["file"]).read_text() == "text"
    row = sqlite3.connect(tmp_path / "outbox").execute("SELECT key, kind, error FROM rejected").fetchone()
    assert row == ("a", "artifact", "no")


def test_orphaned_copies_are_removed(tmp_path: Path) -> None:
    code = "outbox.copies.keep('orphan', 'x')\n"
    code += "outbox.add('e', 'a', 'artifact', [(1, {'file': outbox.copies.keep('text', 'y')})])\n"
    code += "os.kill(os.getpid(), signal.SIGKILL)"
    in_another_process(tmp_path / "outbox", code).wait(30)
    assert {p.name for p in (tmp_path / "outbox-files").glob("*/*/*")} == {"x", "y"}
    outbox = Outbox(tmp_path / "outbox", URI)
    assert {p.name for p in (tmp_path / "outbox-files").glob("*/*/*")} == {"y"}
    assert outbox.copies.path(outbox.next()[0].payload["file"]).read_text() == "text"


def test_missing_original_is_named(tmp_path: Path) -> None:
    with pytest.raises(StackError, match=r"missing\.txt"):
        Outbox(tmp_path / "outbox", URI).copies.keep(tmp_path / "missing.txt", "missing.txt")
    assert not list((tmp_path / "outbox-files").glob("*/*"))


def test_file_that_is_no_database_is_named(tmp_path: Path) -> None:
    (tmp_path / "outbox").write_text("this is not a database, and longer than its header" * 20)
    with pytest.raises(StackError, match=r"outbox .* cannot be opened"):
        Outbox(tmp_path / "outbox", URI)
