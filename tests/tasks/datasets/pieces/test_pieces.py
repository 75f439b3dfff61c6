"""Pieces of tables: together they are the table as it is read at once, whatever the files."""

import gzip
import pickle
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from infra.errors import DataError
from tasks.datasets.catalogue import resolve
from tasks.datasets.pieces import Pieces, find_pieces, parquet, whole
from tasks.datasets.raw import RawTable
from tasks.datasets.reading import read

ROWS = 1_000
RANDOM = np.random.default_rng(5)
TABLE = pa.table(
    {
        "day": pd.date_range("2024-01-01", periods=ROWS),
        "size": RANDOM.normal(size=ROWS),
        "count": RANDOM.integers(0, 9, ROWS),
        "town": RANDOM.choice(["Ulm", "Bonn", None], ROWS),
        "tags": [[1] * (row % 3) for row in range(ROWS)],
        "at": [{"x": row, "y": None if row % 7 else row} for row in range(ROWS)],
    }
)


@pytest.fixture(autouse=True)
def small_pieces(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parquet, "MOST_ROWS", 300)


def pieces_of(path: Path) -> Pieces:
    return find_pieces(resolve(str(path)))


def as_arrow(table: RawTable) -> pa.Table:
    return pa.table({column.name: column.values for column in table.columns}).combine_chunks()


def assert_are_the_table(path: Path, names: list[str] | None = None) -> Pieces:
    found = pieces_of(path)
    whole = read(resolve(str(path)), names)
    tables = [pickle.loads(pickle.dumps(piece)).read(names) for piece in found]
    joined = pa.concat_tables([as_arrow(table) for table in tables]).combine_chunks()
    assert joined.equals(as_arrow(whole)), (joined.schema, as_arrow(whole).schema)
    assert len({piece.name for piece in found}) == len(found)
    return found


@pytest.mark.parametrize("group", [10, 90, 300, 301, 700, ROWS])
@pytest.mark.parametrize("names", [None, ["town", "at.y"], ["tags length", "size"]])
def test_row_groups_are_joined_and_cut(tmp_path: Path, group: int, names: list[str] | None) -> None:
    pq.write_table(TABLE, tmp_path / "x.parquet", row_group_size=group)
    found = assert_are_the_table(tmp_path / "x.parquet", names)
    rows = [piece.read().rows for piece in found]
    assert max(rows) <= 300
    assert sum(rows) == ROWS
    assert found.names == ("day", "size", "count", "town", "tags length", "at.x", "at.y")
    assert found.notes == read(resolve(str(tmp_path / "x.parquet"))).notes


def test_rows_of_many_bytes_are_cut(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pq.write_table(TABLE, tmp_path / "x.parquet")
    size = pq.read_metadata(tmp_path / "x.parquet").row_group(0).total_byte_size
    monkeypatch.setattr(parquet, "MOST_BYTES", size // 10)
    assert len(assert_are_the_table(tmp_path / "x.parquet")) >= 10


def test_a_place_is_that_in_the_file(tmp_path: Path) -> None:
    pq.write_table(TABLE, tmp_path / "x.parquet", row_group_size=90)
    table = pieces_of(tmp_path / "x.parquet")[2].read(["size"])
    assert table["size"].place(3) == "row 544"
    assert table.path == tmp_path / "x.parquet"
    assert pieces_of(tmp_path / "x.parquet")[2].name == "rows 541 to 810 of 'x.parquet'"


def test_parts_of_a_folder_are_widened_and_have_the_columns_of_its_folders(tmp_path: Path) -> None:
    folder = tmp_path / "table"
    for year, part in ((2023, TABLE.slice(0, 400)), (2024, TABLE.slice(400).drop(["town"]))):
        (folder / f"year={year}").mkdir(parents=True)
        kind = pa.int32() if year == 2023 else pa.float64()
        part = part.set_column(2, "count", part["count"].cast(kind))
        pq.write_table(part, folder / f"year={year}" / "part-0.parquet", row_group_size=90)
    (folder / "_SUCCESS").touch()
    found = assert_are_the_table(folder)
    assert_are_the_table(folder, ["town", "year"])
    assert found.notes == read(resolve(str(folder))).notes
    assert found[-1].name == "rows 541 to 600 of 'year=2024/part-0.parquet'"


def test_parts_that_differ_are_refused_as_when_they_are_read(tmp_path: Path) -> None:
    pq.write_table(TABLE, tmp_path / "a.parquet")
    pq.write_table(TABLE.set_column(1, "size", TABLE["town"]), tmp_path / "b.parquet")
    with pytest.raises(DataError) as cut:
        pieces_of(tmp_path)
    with pytest.raises(DataError) as whole:
        read(resolve(str(tmp_path)))
    assert str(cut.value) == str(whole.value)


def test_files_that_cannot_be_cut_are_one_piece_each(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    frame = TABLE.select(["size", "count", "town"]).to_pandas()
    for part in range(3):
        text = frame[part * 300 : part * 300 + 300].to_csv(index=False)
        (tmp_path / f"part-{part}.csv.gz").write_bytes(gzip.compress(text.encode()))
    found = assert_are_the_table(tmp_path)
    assert [piece.name for piece in found] == [f"'part-{part}.csv.gz'" for part in range(3)]
    assert found[1].read()["size"].place(4) == "line 6"
    assert found.notes == ("3 parts were joined",)
    monkeypatch.setattr(whole, "LARGE", 1)
    assert pieces_of(tmp_path).notes[1] == (
        "'part-0.csv.gz' and 2 more files cannot be cut into pieces, so one worker holds all rows of the file at a "
        "time; Parquet files need less memory"
    )


def test_a_file_that_is_cut_off_is_named(tmp_path: Path) -> None:
    pq.write_table(TABLE, tmp_path / "x.parquet")
    (tmp_path / "x.parquet").write_bytes((tmp_path / "x.parquet").read_bytes()[:900])
    with pytest.raises(DataError, match=r"x\.parquet' is not a whole Parquet file"):
        pieces_of(tmp_path / "x.parquet")
