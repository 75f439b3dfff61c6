"""Which columns are numbers and which are categories, and what is mixed of both."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from tasks.datasets.catalogue import resolve
from tests.tasks.datasets.tables import ROWS, checked, inferred, refusal, written


def test_semicolons_come_with_decimal_commas(tmp_path: Path) -> None:
    content = ("a,b,y\n" + ROWS).replace(",", ";").replace(".", ",")
    pd.testing.assert_frame_equal(
        inferred(written(tmp_path, content)), inferred(written(tmp_path, "a,b,y\n" + ROWS))
    )


def test_text_among_numbers_is_given_by_column_and_line(tmp_path: Path) -> None:
    message = refusal(written(tmp_path, "a,b,y\n" + ROWS + "1,abc,no\n" + ROWS))
    assert "line 32: column 'b' holds 'abc' where numbers belong (1 of 61 values are text)" in message


def test_half_numbers_are_refused_and_fewer_are_a_category(tmp_path: Path) -> None:
    half = "a,b,y\n" + "1,2,no\n" * 8 + "1,x,yes\n" * 8
    assert "line 10: column 'b' holds 'x'" in refusal(written(tmp_path, half))
    frame = inferred(written(tmp_path, half + "1,x,yes\n"))
    assert list(frame["b"].cat.categories) == ["2", "x"]


def test_numbers_equal_what_pandas_reads(tmp_path: Path) -> None:
    cells = [
        "1",
        " 2 ",
        "-3.25",
        "+4e2",
        ".5",
        "6.",
        "0.1",
        "inf",
        "-Infinity",
        "1e999",
        "123456789.123456789",
    ]
    blank = ["NA", "", "?", "nan", "null"]
    content = "a,y\n" + "".join(f'"{cell}",{i % 2}\n' for i, cell in enumerate(cells + blank))
    expected = [float(cell) for cell in cells] + [np.nan] * len(blank)
    np.testing.assert_array_equal(inferred(written(tmp_path, content))["a"], expected)


@pytest.mark.parametrize("name", ["diabetes", "burger-king"])
def test_bundled_tables_equal_what_pandas_reads(name: str) -> None:
    source = resolve(name)
    frame, oracle = checked(source, folds=10), pd.read_csv(source.path, float_precision="round_trip")
    for column in oracle:
        if oracle[column].dtype == object:
            assert list(frame[column]) == list(oracle[column])
        else:
            np.testing.assert_array_equal(frame[column], oracle[column].astype(float))
