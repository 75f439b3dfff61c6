"""A large table has the same prepared bytes on every engine, whatever the number of workers and the kind of source."""

import gzip
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from infra.engines import Engine
from tasks.datasets.catalogue import resolve
from tasks.datasets.prepared import digest_of_parts, file_digest
from tests.infra.engines.starting import started
from tests.tasks.datasets.large.large_tables import ROWS, as_arrow, frame, prepared_on, small_bounds

ENGINES = [("local", 1), ("local", 2), ("dask", 1), ("dask", 2), ("dask", 4), ("spark", 2)]


def _parquet(folder: Path) -> Path:
    pq.write_table(as_arrow(frame()), folder / "t.parquet", row_group_size=300)
    return folder / "t.parquet"


def _parquet_folder(folder: Path) -> Path:
    for part in range(3):
        place = folder / "t" / f"year={2021 + part}"
        place.mkdir(parents=True)
        pq.write_table(as_arrow(frame(900 + part, seed=part)), place / "part.parquet", row_group_size=250)
    return folder / "t"


def _csv(folder: Path) -> Path:
    frame().to_csv(folder / "t.csv", index=False)
    return folder / "t.csv"


def _csv_folder(folder: Path) -> Path:
    (folder / "t").mkdir()
    for part in range(3):
        frame(700 + part, seed=part).to_csv(folder / "t" / f"part-{part}.csv", index=False)
    return folder / "t"


def _packed(folder: Path) -> Path:
    (folder / "t.csv.gz").write_bytes(gzip.compress(frame(1_000).to_csv(index=False).encode()))
    return folder / "t.csv.gz"


SOURCES: Mapping[str, Callable[[Path], Path]] = {
    "Parquet file": _parquet,
    "Parquet folder": _parquet_folder,
    "CSV file": _csv,
    "CSV folder": _csv_folder,
    "compressed CSV file": _packed,
}


@pytest.fixture(scope="module", params=ENGINES, ids=lambda param: f"{param[0]}-{param[1]}")
def engine(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Engine]:
    name, workers = request.param
    with started(name, workers, tmp_path_factory.mktemp("home")) as engine:
        yield engine


@pytest.fixture(scope="module")
def digests() -> dict[str, str]:
    """The digest of each kind of source on the engines so far."""
    return {}


@pytest.fixture(scope="module")
def sources(tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, Path]:
    return {kind: write(tmp_path_factory.mktemp("source")) for kind, write in SOURCES.items()}


@pytest.mark.parametrize("kind", SOURCES)
def test_the_parts_have_the_same_bytes(
    engine: Engine,
    kind: str,
    sources: Mapping[str, Path],
    digests: dict[str, str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    small_bounds(monkeypatch)
    progress: list[tuple[int, int]] = []
    dataset = prepared_on(
        engine, resolve(str(sources[kind]), "class"), tmp_path, lambda *one: progress.append(one)
    )
    parts = sorted(Path(dataset.path).glob("*.parquet"))
    assert digest_of_parts([file_digest(part) for part in parts]) == dataset.sha256
    assert dataset.sha256 == digests.setdefault(kind, dataset.sha256)
    assert [pq.read_metadata(part).num_rows for part in parts] == list(dataset.part_rows)
    assert progress[-1] == (len(parts), len(parts))
    assert [path.name for path in tmp_path.iterdir() if not path.name.startswith(".")] == [
        Path(dataset.path).name
    ]
    if kind in ("Parquet file", "CSV file"):
        assert dataset.rows == ROWS
        assert len(parts) > 5
