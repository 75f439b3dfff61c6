"""A large table in an object store is read there piece by piece, and its parts are written there."""

import io
from collections.abc import Mapping
from pathlib import Path

import pyarrow.parquet as pq
import pytest
import requests

from infra.engines import connect
from infra.errors import DataError
from infra.storage import path_of
from tasks.datasets import places
from tasks.datasets.catalogue import resolve
from tasks.datasets.large import parts, sizes
from tests.object_store import Bucket
from tests.tasks.datasets.large.large_tables import as_arrow, frame, plan_of, prepared_on, small_bounds
from tests.tasks.datasets.large.test_killing import killed_preparation
from tests.tasks.datasets.large.test_same_bytes import SOURCES
from tests.tasks.preparing import prepare


@pytest.fixture(autouse=True)
def bounds(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    small_bounds(monkeypatch)
    monkeypatch.setattr(places, "FETCHED_BYTES", 0)
    monkeypatch.setenv("TRILLA_HOME", str(tmp_path / "home"))


def bytes_of(folder: Path) -> Mapping[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.glob("part-*.parquet")}


@pytest.mark.parametrize("kind", SOURCES)
def test_the_parts_have_the_bytes_of_those_of_a_local_file(kind: str, bucket: Bucket, tmp_path: Path) -> None:
    (tmp_path / "source").mkdir()
    path = SOURCES[kind](tmp_path / "source")
    address = bucket.upload(path)
    source = resolve(address, "class")
    assert (source.name, str(source.path)) == (resolve(str(path)).name, address)
    with connect("local", workers=2) as engine:
        stored = prepared_on(engine, source, path_of(f"{bucket.address}/prepared"))
        local = prepared_on(engine, resolve(str(path), "class"), tmp_path / "local")
    assert stored.sha256 == local.sha256
    assert bytes_of(path_of(stored.path)) == bytes_of(Path(local.path))
    assert {*path_of(stored.path).iterdir()} == {
        path_of(stored.path) / one.name for one in Path(local.path).iterdir()
    }
    assert stored.notes == local.notes
    assert stored.survey() == local.survey()
    assert stored.path.startswith(f"{bucket.address}/prepared/t-")
    assert {key.split("/")[1] for key in bucket.keys("prepared/")} == {Path(stored.path).name}
    assert not (tmp_path / "home" / "downloads").exists()


def test_a_killed_preparation_goes_on_with_the_parts_in_the_store(
    bucket: Bucket, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, folder = tmp_path / "t.parquet", path_of(f"{bucket.address}/prepared")
    pq.write_table(as_arrow(frame()), path, row_group_size=300)
    working = killed_preparation(path, folder)
    done = {one.name for one in working.glob("_part-*.json")}
    assert 3 <= len(done) < 9
    for part in working.glob("part-*.parquet"):
        assert pq.read_metadata(io.BytesIO(part.read_bytes())).num_rows  # a part is whole or not there
    written: list[int] = []
    write = parts._write
    monkeypatch.setattr(parts, "_write", lambda *one: written.append(one[1]) or write(*one))
    with connect("local", workers=2) as engine:
        dataset = prepared_on(engine, resolve(str(path), "class"), folder)
    assert sorted(written) == list(range(len(done), len(dataset.part_rows)))
    assert not list(folder.glob(".*"))
    X, y = dataset.load()
    assert len(X) == len(y) == dataset.rows
    with connect("local", workers=2) as engine:
        assert prepared_on(engine, resolve(str(path), "class"), folder) == dataset
    assert len(written) == len(dataset.part_rows) - len(done)


def test_a_small_table_is_fetched_and_its_prepared_rows_are_in_the_store(
    bucket: Bucket, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sizes, "LARGE_CELLS", 10**9)
    pq.write_table(as_arrow(frame()), tmp_path / "t.parquet")
    source = resolve(bucket.upload(tmp_path / "t.parquet"), "class")
    assert source.path.is_relative_to(tmp_path / "home" / "downloads")
    stored = prepare(source, path_of(f"{bucket.address}/prepared"))
    local = prepare(resolve(str(tmp_path / "t.parquet"), "class"), tmp_path / "local")
    assert path_of(stored.path).read_bytes() == Path(local.path).read_bytes()
    assert stored.load()[0].equals(local.load()[0])
    assert stored.survey() == local.survey()


def test_a_pattern_is_read_in_the_store(bucket: Bucket, tmp_path: Path) -> None:
    (tmp_path / "source").mkdir()
    address = bucket.upload(SOURCES["CSV folder"](tmp_path / "source"))
    with connect("local", workers=2) as engine:
        found = prepared_on(engine, resolve(f"{address}/part-*.csv", "class"), tmp_path / "pattern")
        whole = prepared_on(engine, resolve(address, "class"), tmp_path / "folder")
    assert (found.name, found.sha256) == ("part", whole.sha256)


def test_another_machine_that_was_faster_is_not_disturbed(bucket: Bucket, tmp_path: Path) -> None:
    pq.write_table(as_arrow(frame()), tmp_path / "t.parquet", row_group_size=300)
    source, folder = resolve(str(tmp_path / "t.parquet"), "class"), path_of(f"{bucket.address}/prepared")
    slow = plan_of(source, folder)
    with connect("local", workers=2) as engine:
        records = slow._records(slow.cleaning.folder, engine, None)
        fast = prepared_on(
            engine, source, folder
        )  # takes the parts along, which are those of the slow machine too
    assert slow._moved(slow.cleaning.folder, records) == fast
    assert len(fast.load()[0]) == fast.rows


def test_a_bucket_that_is_missing_is_told_before_rows_are_written(bucket: Bucket, tmp_path: Path) -> None:
    pq.write_table(as_arrow(frame()), tmp_path / "t.parquet")
    with pytest.raises(
        DataError, match=r"cannot write the prepared data to 's3://nosuch/x': the store has no bucket"
    ):
        plan_of(resolve(str(tmp_path / "t.parquet"), "class"), path_of("s3://nosuch/x"))
    with pytest.raises(DataError, match=r"nothing is at 's3://nosuch/t.parquet'"):
        resolve("s3://nosuch/t.parquet")


def test_wrong_keys_are_told(bucket: Bucket, tmp_path: Path) -> None:
    pq.write_table(as_arrow(frame()), tmp_path / "t.parquet")
    address = bucket.upload(tmp_path / "t.parquet")
    requests.post(f"{bucket.server}/moto-api/reset-auth", data=b"0", timeout=10)
    try:
        with pytest.raises(
            DataError,
            match=r"may not be read \(the store refuses the keys .*; set the credentials",
        ):
            resolve(address)
        with pytest.raises(
            DataError, match=r"cannot write the prepared data to 's3://.*: the store refuses the keys"
        ):
            plan_of(resolve(str(tmp_path / "t.parquet"), "class"), path_of(f"{bucket.address}/x"))
    finally:
        requests.post(f"{bucket.server}/moto-api/reset-auth", data=b"inf", timeout=10)


def test_a_server_that_does_not_answer_is_told(bucket: Bucket, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    with pytest.raises(DataError, match=r"'s3://fields/t.csv' cannot be fetched: the store does not answer"):
        resolve("s3://fields/t.csv")
