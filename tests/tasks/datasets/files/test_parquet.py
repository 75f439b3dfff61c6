"""Parquet files and partitioned folders: damage, differing columns and links are refused by name."""

from datetime import date
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from infra.errors import DataError
from tasks.datasets.catalogue import resolve
from tasks.datasets.reading import read
from tests.tasks.datasets.tables import cleaned, inferred


def table(rows: int = 20, **more: object) -> pd.DataFrame:
    return pd.DataFrame({"a": np.arange(rows) % 7, "y": np.where(np.arange(rows) % 2, "no", "yes"), **more})


def refusal(path: Path) -> str:
    with pytest.raises(DataError) as caught:
        cleaned(resolve(str(path), "y"))
    assert "\n" not in str(caught.value)
    return str(caught.value)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for part, year in enumerate((2024, 2025)):
        (tmp_path / "table" / f"year={year}").mkdir(parents=True)
        table().to_parquet(tmp_path / "table" / f"year={year}" / f"part-{part}.parquet")
    return tmp_path / "table"


def test_every_kind_of_column_is_read(tmp_path: Path) -> None:
    frame = table(
        flag=[True, False] * 10,
        big=pd.array([2**40] * 19 + [None], "Int64"),
        tag=pd.Categorical(["u", "v"] * 10),
        when=[date(2024, 1, 1)] * 20,
        items=[[1, 2]] * 20,
    )
    frame.to_parquet(tmp_path / "t.parquet")
    read_back = inferred(resolve(str(tmp_path / "t.parquet"), "y"))
    assert list(read_back["flag"][:2]) == [1.0, 0.0]
    assert read_back["big"].isna().sum() == 1
    assert read_back["big"].dtype == np.float64
    assert list(read_back["tag"]) == list(frame["tag"])
    assert list(read_back["when"]) == list(frame["when"])
    assert list(read_back["items length"]) == [2] * 20


def test_a_boolean_target_has_two_classes(tmp_path: Path) -> None:
    table(ok=[True, False] * 10).to_parquet(tmp_path / "t.parquet")
    source = resolve(str(tmp_path / "t.parquet"), "ok")
    assert cleaned(source).recipe.classes == ["False", "True"]


@pytest.mark.parametrize("keep", [0, 3, 200, -1])
def test_a_truncated_file_is_named(tmp_path: Path, keep: int) -> None:
    path = tmp_path / "cut.parquet"
    table().to_parquet(path)
    path.write_bytes(path.read_bytes()[:keep])
    assert f"'{path}' is not a whole Parquet file" in refusal(path)


def test_text_among_numbers_is_given_by_row(tmp_path: Path) -> None:
    values = [str(number) for number in np.arange(40) * 0.5]
    table(40, b=[*values[:36], "oops", "ops", "op", "2"]).to_parquet(tmp_path / "t.parquet")
    message = refusal(tmp_path / "t.parquet")
    assert "row 37: column 'b' holds 'oops' (row 37), 'ops' (row 38), 'op' (row 39) where numbers" in message


def test_duplicate_names_are_refused(tmp_path: Path) -> None:
    pq.write_table(pa.Table.from_arrays([pa.array([1]), pa.array([2])], ["a", "a"]), tmp_path / "t.parquet")
    assert "columns 1, 2 of" in refusal(tmp_path / "t.parquet")


def test_partitions_are_joined_with_their_column(folder: Path) -> None:
    (folder / "_SUCCESS").touch()
    (folder / ".part-0.parquet.crc").write_bytes(b"x")
    frame = inferred(resolve(str(folder), "y"))
    assert list(frame) == ["a", "y", "year"]
    assert list(frame["year"]) == [2024.0] * 20 + [2025.0] * 20


def test_a_partition_with_other_columns_is_shown(folder: Path) -> None:
    part = folder / "year=2025" / "part-1.parquet"
    table(c=1.0).astype({"a": str}).to_parquet(part)
    message = refusal(folder)
    assert "in 'year=2025/part-1.parquet' against 'year=2024/part-0.parquet'" in message
    assert "'a' is string against int64" in message


def test_a_partition_may_have_its_columns_in_another_order_or_empty(folder: Path) -> None:
    frame = table()[["y", "a"]].assign(a=None)
    frame.to_parquet(folder / "year=2025" / "part-1.parquet")
    assert inferred(resolve(str(folder), "y"))["a"].isna().sum() == 20


@pytest.mark.parametrize("turned", [False, True])
def test_a_partition_may_have_floats_where_another_has_integers(folder: Path, turned: bool) -> None:
    with_gap = table().astype({"a": "float64"})
    with_gap.loc[3, "a"] = np.nan
    with_gap.to_parquet(folder / f"year={2025 - turned}" / f"part-{1 - turned}.parquet")
    values = list(range(7)) * 3
    wanted = [*values[:3], np.nan, *values[4:20]]
    expected = [*wanted, *values[:20]] if turned else [*values[:20], *wanted]
    np.testing.assert_array_equal(inferred(resolve(str(folder), "y"))["a"], expected)


def test_a_partition_without_values_does_not_hide_that_others_differ(folder: Path) -> None:
    table(b=None).to_parquet(folder / "year=2024" / "part-0.parquet")
    table(b=1).to_parquet(folder / "year=2025" / "part-1.parquet")
    (folder / "year=2026").mkdir()
    table(b="x").to_parquet(folder / "year=2026" / "part-2.parquet")
    assert "'b' is string against int64" in refusal(folder)


def test_only_the_wanted_columns_are_read(tmp_path: Path) -> None:
    frame = pd.DataFrame({"a": [1], "a.b": [2], "b": [3]})
    frame.to_parquet(tmp_path / "t.parquet")
    read_back = read(resolve(str(tmp_path / "t.parquet")), ["a", "c"])
    assert read_back.names == ["a"]
    assert read_back.rows == 1


def test_a_truncated_partition_is_named(folder: Path) -> None:
    part = folder / "year=2025" / "part-1.parquet"
    part.write_bytes(part.read_bytes()[:-30])
    assert f"'{part}' is not a whole Parquet file" in refusal(folder)


@pytest.mark.parametrize("linked", ["secret.parquet", "."])
def test_a_link_out_of_the_folder_is_refused(folder: Path, tmp_path: Path, linked: str) -> None:
    table().to_parquet(tmp_path / "secret.parquet")
    (folder / "year=2025" / "part-9.parquet").symlink_to(tmp_path / linked)
    assert "'year=2025/part-9.parquet' in" in (message := refusal(folder))
    assert "is a link out of" in message


def test_a_folder_that_is_itself_a_link_is_read(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(folder)
    assert len(inferred(resolve(str(tmp_path / "link"), "y"))) == 40


def test_a_folder_without_parquet_is_refused(tmp_path: Path) -> None:
    assert "holds no file of a table (.parquet" in refusal(tmp_path)
    (tmp_path / "notes.txt").write_text("x")
    assert "'notes.txt' is none" in refusal(tmp_path)
