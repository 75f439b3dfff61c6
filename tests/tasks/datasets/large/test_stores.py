"""A large table in an object store is read there piece by piece, and its parts are written there."""

from collections.abc import Mapping
from pathlib import Path

import pytest

from infra.engines import connect
from infra.storage import path_of
from tasks.datasets import places
from tasks.datasets.catalogue import resolve
from tests.object_store import Bucket
from tests.tasks.datasets.large.large_tables import prepared_on, small_bounds
from tests.tasks.datasets.large.test_same_bytes import SOURCES


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
