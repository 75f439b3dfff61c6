"""Nested values, durations and bytes become plain columns, as pyarrow and pandas compute them."""

from datetime import time, timedelta
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tasks.datasets.catalogue import resolve
from tasks.datasets.raw import RawTable
from tasks.datasets.reading import read


def read_back(tmp_path: Path, columns: dict[str, pa.Array], names: list[str] | None = None) -> RawTable:
    pq.write_table(pa.table(columns), tmp_path / "t.parquet")
    return read(resolve(str(tmp_path / "t.parquet")), names)


def test_fields_of_structs_become_columns(tmp_path: Path) -> None:
    rows = [{"b": 1, "c": {"d": "x"}}, None, {"b": 3, "c": None}]
    found = read_back(tmp_path, {"a": pa.array(rows), "z": pa.array([1, 2, 3])})
    assert found.names == ["a.b", "a.c.d", "z"]
    assert found["a.b"].values.to_pylist() == [1, None, 3]
    assert found["a.c.d"].values.to_pylist() == ["x", None, None]
    assert found.notes == ("column 'a' holds records, whose fields were read as columns of their own",)


@pytest.mark.parametrize(
    "kind",
    [pa.list_(pa.int64()), pa.large_list(pa.int64()), pa.list_(pa.struct([("x", pa.int64())]))],
)
def test_a_list_becomes_its_length(tmp_path: Path, kind: pa.DataType) -> None:
    found = read_back(tmp_path, {"tags": pa.array([[None, None], [], None], kind)})
    assert found["tags length"].values.to_pylist() == [2, 0, None]
    assert found.notes == ("column 'tags' holds lists and was replaced by their lengths, 'tags length'",)


def test_a_map_becomes_its_length(tmp_path: Path) -> None:
    maps = pa.array([[("k", 1)], [], None], pa.map_(pa.string(), pa.int64()))
    assert read_back(tmp_path, {"m": maps})["m length"].values.to_pylist() == [1, 0, None]


@pytest.mark.parametrize("unit", ["s", "ms", "us", "ns"])
def test_a_duration_becomes_seconds(tmp_path: Path, unit: str) -> None:
    durations = pa.array([timedelta(days=2, seconds=3), None], pa.duration(unit))
    found = read_back(tmp_path, {"d": durations})
    expected = pd.Series(durations.to_pandas()).dt.total_seconds()
    pd.testing.assert_series_equal(found["d"].values.to_pandas(), expected, check_names=False)


def test_a_time_of_day_becomes_seconds(tmp_path: Path) -> None:
    found = read_back(tmp_path, {"t": pa.array([time(1, 0, 1), None])})
    assert found["t"].values.to_pylist() == [3601.0, None]


def test_bytes_that_are_text_become_text(tmp_path: Path) -> None:
    found = read_back(tmp_path, {"t": pa.array(["ä".encode(), None]), "b": pa.array([b"\xff", b"x"])})
    assert found["t"].values.to_pylist() == ["ä", None]
    assert not found["b"].holds_texts


def test_only_the_wanted_fields_are_read(tmp_path: Path) -> None:
    columns = {"a": pa.array([{"b": 1, "c": 2}]), "l": pa.array([[1]]), "z": pa.array([1])}
    assert read_back(tmp_path, columns, ["a.c", "l length"]).names == ["a.c", "l length"]
