"""Paths in an object store have the verbs of paths on the disk, and the other verbs fail."""

import os
import pickle
from pathlib import Path

import pytest

from infra.stored_path import StoredPath, is_stored
from tests.object_store import Bucket

FILE = StoredPath("s3://bucket/sales/year=2024/a.csv")


def test_a_path_is_taken_apart_and_put_together() -> None:
    folder = StoredPath("s3://bucket/sales")
    assert str(FILE) == "s3://bucket/sales/year=2024/a.csv"
    assert folder / "year=2024" / "a.csv" == FILE
    assert (FILE.name, FILE.suffix, FILE.stem, FILE.parent.name) == ("a.csv", ".csv", "a", "year=2024")
    assert FILE.relative_to(folder).parts == ("year=2024", "a.csv")
    assert FILE.is_relative_to(folder)
    assert str(FILE.with_suffix(".drawn")) == "s3://bucket/sales/year=2024/a.drawn"
    assert FILE.absolute() == FILE.resolve() == FILE.expanduser() == FILE
    assert {FILE: 1}[pickle.loads(pickle.dumps(FILE))] == 1
    assert isinstance(FILE.parent, StoredPath)
    assert sorted([FILE, folder]) == [folder, FILE]


@pytest.mark.parametrize("verb", [os.listdir, open, Path.touch, Path.rmdir, Path.readlink])
def test_other_verbs_never_reach_the_disk(verb, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:  # type: ignore[no-untyped-def]
    monkeypatch.chdir(tmp_path)
    with pytest.raises(OSError, match=r"is not on a disk"):
        verb(FILE)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("address", "expected"),
    [
        ("s3://bucket/a.csv", True),
        ("gs://bucket", True),
        ("s3://bucket/a.csv?region=eu-west-1", False),
        ("s3://key:secret@bucket/a.csv", False),
        ("s3://bucket/**/a.csv", False),
        ("s3:///a.csv", False),
        ("https://example.org/a.csv", False),
        ("/data/a.csv", False),
    ],
)
def test_plain_addresses_of_stores_are_read_at_their_place(address: str, expected: bool) -> None:
    assert is_stored(address) is expected


def test_files_are_found_and_read(bucket: Bucket, tmp_path: Path) -> None:
    for name in ("b/2.csv", "a/1.csv", "a/deep/3.csv", "top.csv"):
        place = tmp_path / "sales" / name
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text(name)
    folder = StoredPath(bucket.upload(tmp_path / "sales"))
    assert (folder.is_dir(), folder.is_file(), (folder / "c").exists()) == (True, False, False)
    assert folder.size() == sum(path.stat().st_size for path in tmp_path.rglob("*.csv"))
    walked = [(str(place.relative_to(folder)), folders, files) for place, folders, files in folder.walked()]
    assert walked == [
        (".", ["a", "b"], ["top.csv"]),
        ("a", ["deep"], ["1.csv"]),
        ("a/deep", [], ["3.csv"]),
        ("b", [], ["2.csv"]),
    ]
    assert list(folder.glob("*/[12].csv")) == [folder / "a" / "1.csv", folder / "b" / "2.csv"]
    assert list(folder.glob("*/1.csv")) == [folder / "a" / "1.csv"]
    file = folder / "a" / "1.csv"
    assert (file.read_bytes(), file.stat().st_size) == (b"a/1.csv", 7)
    assert file.stat().st_mtime_ns == file.stat().st_mtime * 10**9 > 0
    with file.open("rb") as stream:
        stream.seek(2)
        assert stream.readline() == b"1.csv"
    file.unlink()
    file.unlink(missing_ok=True)
    assert not file.exists()
    with pytest.raises(FileNotFoundError):
        file.stat()
