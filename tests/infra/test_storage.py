"""Files are written whole, moved and removed in the same way on the disk and in a store."""

from pathlib import Path

import pytest

from infra.storage import (
    free_bytes,
    lock_of,
    matching,
    move_folder,
    path_of,
    put,
    remove_folder,
    temporary,
    walk,
)
from infra.stored_path import StoredPath
from tests.object_store import Bucket


@pytest.fixture(params=["disk", "store"])
def folder(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    if request.param == "disk":
        return tmp_path / "folder"
    bucket: Bucket = request.getfixturevalue("bucket")
    return path_of(f"{bucket.address}/folder")


def write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with temporary(path.parent) as unfinished:
        unfinished.write_text(text)
        put(unfinished, path)


def test_a_file_is_there_as_a_whole_or_not_at_all(folder: Path) -> None:
    folder.mkdir()
    with temporary(folder) as unfinished:
        unfinished.write_text("half")
    assert not unfinished.exists()
    assert not list(folder.iterdir())
    write(folder / "a.txt", "whole")
    write(folder / "a.txt", "new")
    assert [path.name for path in folder.iterdir()] == ["a.txt"]
    assert (folder / "a.txt").read_bytes() == b"new"


def test_a_folder_takes_the_place_of_another(folder: Path) -> None:
    for name in ("a.txt", "b.txt", "_last"):
        write(folder / "working" / name, name)
    write(folder / "final" / "old.txt", "old")
    move_folder(folder / "working", folder / "final", last="_last")
    assert sorted(path.name for path in (folder / "final").iterdir()) == ["_last", "a.txt", "b.txt"]
    assert not (folder / "working").exists()
    assert sorted(matching(folder / "*" / "?.txt")) == [
        folder / "final" / "a.txt",
        folder / "final" / "b.txt",
    ]
    assert [sorted(files) for _, _, files in walk(folder)] == [[], ["_last", "a.txt", "b.txt"]]
    remove_folder(folder / "final")
    remove_folder(folder / "final")
    assert not (folder / "final").exists()


def test_a_folder_that_is_moved_is_complete_when_its_last_file_is_there(
    bucket: Bucket, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = path_of(f"{bucket.address}/folder")
    for name in ("a.txt", "b.txt", "_last"):
        write(folder / "working" / name, name)
    monkeypatch.setattr("infra.storage.remove_folder", lambda _: None)
    move_folder(folder / "working", folder / "final", last="_last")
    times = {path.name: path.stat().st_mtime_ns for path in (folder / "final").iterdir()}
    assert times["_last"] == max(times.values())


def test_a_lock_keeps_other_processes_out(folder: Path) -> None:
    folder.mkdir()
    with lock_of(folder):
        assert lock_of(folder).lock_file == lock_of(folder).lock_file
        with pytest.raises(TimeoutError), lock_of(folder).acquire(timeout=0):
            pass


def test_a_store_has_no_bound(folder: Path) -> None:
    folder.mkdir()
    assert (free_bytes(folder) == float("inf")) is isinstance(folder, StoredPath)
