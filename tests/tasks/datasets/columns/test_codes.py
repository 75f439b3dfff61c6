"""Digits of one width with zeros ahead are codes: a category that every file of new rows gives again."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from infra.errors import DataError
from tasks.datasets.catalogue import resolve
from tasks.datasets.options import ReadingOptions
from tests.tasks.datasets.tables import cleaned, column

ZIPS = ["00501", "10001", "94105", "02139", "33109"]
TOLD = (
    "a: read as codes and not as numbers, because all values have 5 digits and some begin with 0 ('00501'); "
    "--keep-column a reads numbers"
)


def test_codes_are_a_category_as_the_file_writes_them_and_told(tmp_path: Path) -> None:
    found = column(tmp_path, ZIPS * 8)
    assert found.recipe.categorical == ["a"]
    assert list(found.features["a"]) == ZIPS * 8
    assert TOLD in found.notes


@pytest.mark.parametrize(
    "cells",
    [
        ["501", "10001", "94105"],  # without zeros ahead
        ["00501", "1001", "94105"],  # of different widths
        ["0", "1", "2"],
        ["10001", "94105", "12345"],
        ["0000", "1998", "2004"],  # zeros alone mean that there is no value
        ["0.50", "1.25", "3.75"],
        ["-0501", "10001", "94105"],
    ],
)
def test_other_numbers_are_numbers(tmp_path: Path, cells: list[str]) -> None:
    found = column(tmp_path, cells * (60 // len(cells)))
    assert found.recipe.categorical == []
    assert not any("read as codes" in note for note in found.notes)


def test_the_user_decides_that_codes_are_numbers(tmp_path: Path) -> None:
    found = column(tmp_path, ZIPS * 8, ReadingOptions(keep_column=("a",)))
    assert list(found.features["a"]) == [float(code) for code in ZIPS * 8]


def test_numbers_of_rows_are_no_codes(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="a: left out, it only counts the rows"):
        column(tmp_path, [f"{i:04}" for i in range(1, 61)])


def test_dates_of_eight_digits_are_dates(tmp_path: Path) -> None:
    cells = [f"2024{i % 12 + 1:02}{i % 28 + 1:02}" for i in range(60)]
    assert column(tmp_path, [*cells[:-2], "00000000", "00000000"]).recipe.columns[0].kind == "dates"


def test_words_for_missing_values_among_codes_are_missing_and_told(tmp_path: Path) -> None:
    found = column(tmp_path, [*ZIPS * 8, "-", "unknown", "", "99999"])
    assert found.features["a"].isna().sum() == 3
    assert any("1 cell holds '-'" in note and "now missing" in note for note in found.notes)


def test_many_codes_are_a_column_of_many_values_or_texts(tmp_path: Path) -> None:
    numbers = np.random.default_rng(0).permutation(100)
    many = [f"{i:05}" for i in numbers]
    assert column(tmp_path, many * 4).recipe.many_valued == ["a"]
    assert column(tmp_path, many).recipe.texts == ["a"]


def test_integers_of_parquet_are_numbers(tmp_path: Path) -> None:
    table = pa.table({"a": [501, 10001, 94105, 2139, 33109] * 8, "y": ["no", "yes"] * 20})
    pq.write_table(table, tmp_path / "t.parquet")
    assert cleaned(resolve(str(tmp_path / "t.parquet"), "y")).recipe.numeric == ["a"]


def test_codes_are_left_out_of_a_clustering(tmp_path: Path) -> None:
    frame = pd.DataFrame({"a": ZIPS * 8, "b": np.arange(40) * 0.37 % 5, "c": np.arange(40) * 0.53 % 7})
    frame.to_csv(tmp_path / "t.csv", index=False)
    found = cleaned(resolve(str(tmp_path / "t.csv")))
    assert found.recipe.numeric == ["b", "c"]
    assert any(
        "a: left out, it holds codes, and distances are taken between numbers" in note for note in found.notes
    )


@pytest.mark.parametrize(
    "values",
    [
        pa.array([501, 10001, None, 77]),
        pa.array([501.0, 10001.0, None, 77.0]),
        pa.array(["00501", "10001", "", "00077"]),
        pa.array([" 501", "10001.0", "-", "77"]),
    ],
)
def test_new_rows_may_lack_the_zeros(tmp_path: Path, values: Any) -> None:
    recipe = column(tmp_path, ZIPS * 8).recipe
    pq.write_table(pa.table({"a": values}), tmp_path / "new.parquet")
    found = recipe.apply(recipe.read(resolve(str(tmp_path / "new.parquet"))))["a"]
    assert [code if isinstance(code, str) else "" for code in found] == ["00501", "10001", "", "00077"]
