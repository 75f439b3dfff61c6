"""Tables at an address are fetched once, anew when they changed, and whole or not at all."""

import os
import sys
import threading
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import fsspec
import pytest

from infra.errors import DataError
from tasks.datasets.catalogue import resolve
from tasks.datasets.large import sizes
from tasks.datasets.pieces import find_pieces
from tasks.datasets.reading import read
from tests.object_store import Bucket
from tests.tasks.datasets.files.written import NAMES, ROWS, assert_whole, separated

BODY = separated([NAMES, *ROWS]).encode()


class Handler(SimpleHTTPRequestHandler):
    """A web server that keeps a list of what it was asked for, and can break off."""

    asked: list[str] = []  # noqa: RUF012
    breaks_off = False

    def do_GET(self) -> None:
        self.asked.append(self.path)
        super().do_GET()

    def copyfile(self, source, outputfile) -> None:  # type: ignore[no-untyped-def]
        outputfile.write(source.read(100 if self.breaks_off else -1))

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("TRILLA_HOME", str(tmp_path / "home"))
    return tmp_path / "home"


@pytest.fixture
def site(tmp_path: Path) -> Path:
    (tmp_path / "site").mkdir()
    (tmp_path / "site" / "oats.csv").write_bytes(BODY)
    return tmp_path / "site"


@pytest.fixture
def address(site: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    monkeypatch.setattr(Handler, "asked", [])
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(Handler, directory=str(site))) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


def downloads(address: str) -> int:
    return sum(1 for path in Handler.asked if path.startswith("/oats"))


def test_a_table_on_the_web_is_fetched_once(address: str) -> None:
    for _ in range(2):
        source = resolve(f"{address}/oats.csv", "y")
        assert (source.name, source.target) == ("oats", "y")
        assert_whole(read(source))
    assert downloads(address) == 1


def test_a_table_that_changed_is_fetched_anew(address: str, site: Path) -> None:
    resolve(f"{address}/oats.csv")
    (site / "oats.csv").write_bytes(separated([NAMES, *ROWS[:20]]).encode())
    os.utime(site / "oats.csv", (1, 1))
    assert_whole(read(resolve(f"{address}/oats.csv")), NAMES, ROWS[:20])


def test_a_query_is_no_part_of_the_name(address: str) -> None:
    assert resolve(f"{address}/oats.csv?version=2").name == "oats"


def test_a_large_table_that_is_fetched_whole_is_told(address: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sizes, "LARGE_BYTES", 100)
    monkeypatch.setattr(sizes, "LEAST_ROWS", 5)
    source = resolve(f"{address}/oats.csv")
    told = (
        f"'{address}/oats.csv' was fetched whole before it was read; only Parquet and CSV at a plain address"
    )
    assert read(source).notes[0].startswith(told)
    assert find_pieces(source).notes[0].startswith(told)


def test_nothing_half_fetched_stays(address: str, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Handler, "breaks_off", True)
    with pytest.raises(DataError, match=r"oats\.csv' cannot be fetched: |broke off after"):
        resolve(f"{address}/oats.csv")
    assert not [path for path in home.rglob("*") if path.is_file() and path.name != ".lock"]


def test_what_is_not_there_is_refused(address: str) -> None:
    with pytest.raises(DataError, match=r"nothing is at 'http.*/rye.csv'"):
        resolve(f"{address}/rye.csv")


def test_a_server_that_is_not_there_is_named() -> None:
    with pytest.raises(DataError, match=r"'http://127.0.0.1:9/oats.csv' cannot be fetched: "):
        resolve("http://127.0.0.1:9/oats.csv")


@pytest.fixture(params=["memory", "file"])
def storage(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    folder = f"{request.param}://{tmp_path}/bucket"
    for part in range(4):
        with fsspec.open(f"{folder}/part-{part}.csv", "wb", auto_mkdir=True) as stream:
            stream.write(separated([NAMES, *ROWS[part * 10 : part * 10 + 10]]).encode())
    with fsspec.open(f"{folder}/_SUCCESS", "wb") as stream:
        stream.write(b"")
    return folder


@pytest.mark.parametrize("what", ["", "/", "/part-*.csv", "/*.csv"])
def test_folders_and_patterns_of_any_storage_are_read(storage: str, what: str) -> None:
    source = resolve(storage + what)
    assert_whole(read(source))
    assert source.name == ("part" if "part" in what else "bucket")


def test_a_pattern_without_files_is_refused(storage: str) -> None:
    with pytest.raises(DataError, match="nothing is at"):
        resolve(f"{storage}/x*.csv")


@pytest.fixture
def filled(bucket: Bucket, tmp_path: Path) -> Bucket:
    """A bucket with a file, and a folder of parts."""
    parts = tmp_path / "parts"
    parts.mkdir()
    (parts / "_SUCCESS").touch()
    for part in range(4):
        rows = ROWS[part * 10 : part * 10 + 10]
        (parts / f"part-{part}.csv").write_bytes(separated([NAMES, *rows]).encode())
    (tmp_path / "oats.csv").write_bytes(BODY)
    bucket.upload(parts)
    bucket.upload(tmp_path / "oats.csv")
    return bucket


def fetched_files(folder: Path) -> dict[Path, tuple[int, int]]:
    """Place on the disk and time of writing, which are those of a fetch, by path."""
    return {path: (path.stat().st_ino, path.stat().st_mtime_ns) for path in folder.rglob("*.csv")}


@pytest.mark.parametrize(
    ("what", "name"),
    [
        ("oats.csv", "oats"),
        ("oats.csv?region=eu-west-1", "oats"),
        ("parts", "parts"),
        ("parts/", "parts"),
        ("parts/part-*.csv", "part"),
        ("parts/*.csv", "parts"),
        ("parts/*.csv?region=eu-west-1", "parts"),
        ("*/part-*.csv", "part"),
    ],
)
def test_tables_of_s3_are_fetched_once(filled: Bucket, home: Path, what: str, name: str) -> None:
    fetched = []
    for _ in range(2):
        source = resolve(f"{filled.address}/source/{what}")
        assert source.name == name
        assert_whole(read(source))
        fetched.append(fetched_files(home))
    assert fetched[0] == fetched[1] != {}


@pytest.mark.parametrize("what", ["rye.csv", "rye*.csv", "source/rye.csv"])
def test_what_is_not_in_s3_is_refused(filled: Bucket, what: str) -> None:
    with pytest.raises(DataError, match=r"nothing is at 's3://"):
        resolve(f"{filled.address}/{what}")


@pytest.mark.usefixtures("filled")
def test_a_bucket_that_does_not_exist_is_refused() -> None:
    with pytest.raises(DataError, match=r"nothing is at 's3://barn/oats.csv'"):
        resolve("s3://barn/oats.csv")


def test_a_missing_package_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "adlfs", None)
    with pytest.raises(DataError, match=r"'abfs://a/b.csv' needs a package that is not installed \(.*adlfs"):
        resolve("abfs://a/b.csv")


def test_an_unknown_storage_is_refused() -> None:
    with pytest.raises(DataError, match=r"'oats://a.csv' cannot be fetched: Protocol not known"):
        resolve("oats://a.csv")
