"""Separated text: what is read as what, and each fault with its file, column and line."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from infra.errors import DataError
from tasks.datasets.catalogue import Source, resolve
from tasks.datasets.reading import check, read, settled

ROWS = "".join(f"{i % 7},{i * 1.5},{'no' if i % 3 else 'yes'}\n" for i in range(30))


def written(tmp_path: Path, content: str | bytes, target: str | None = "y") -> Source:
    path = tmp_path / "bad.csv"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return resolve(str(path), target)


def refusal(source: Source, folds: int = 2) -> str:
    with pytest.raises(DataError) as caught:
        check(read(source), source, folds)
    message = str(caught.value)
    assert "\n" not in message
    assert str(source.path) in message
    return message


@pytest.mark.parametrize("content", ["", "\n\n", "\ufeff"])
def test_an_empty_file_is_named(tmp_path: Path, content: str) -> None:
    assert "is empty" in refusal(written(tmp_path, content))


@pytest.mark.parametrize("content", ["a,b,y\n", "a,b,y", "a,b,y\n\n\n"])
def test_a_header_without_rows_is_named(tmp_path: Path, content: str) -> None:
    assert "has a header but no rows" in refusal(written(tmp_path, content))


@pytest.mark.parametrize(("row", "fields"), [("1,2", 2), ("1,2,no,4", 4)])
def test_a_ragged_row_is_given_by_line(tmp_path: Path, row: str, fields: int) -> None:
    # a blank line and a quoted line break come before it: line 37 is what an editor shows
    content = "a,b,y\n\n" + ROWS + '1,2,"n\no"\n' + "1,2,no\n" * 2 + row + "\n1,2,no\n"
    assert f"line 37: {fields} fields where the header has 3" in refusal(written(tmp_path, content))


@pytest.mark.parametrize("row", ["1", "1,2", "1,2,no,4"])
def test_a_ragged_first_row_does_not_hide_the_separator(tmp_path: Path, row: str) -> None:
    assert "line 2: " in (message := refusal(written(tmp_path, f"a,b,y\n{row}\n" + ROWS)))
    assert "where the header has 3" in message


def test_an_open_quote_does_not_swallow_the_rest(tmp_path: Path) -> None:
    assert "line 32: a quote is wrong" in refusal(written(tmp_path, "a,b,y\n" + ROWS + '1,2,"no\n' + ROWS))


def test_another_encoding_is_given_by_byte_and_line(tmp_path: Path) -> None:
    content = ("a,b,y\n1,2,no\n3,4,s" + "\u00ed" + "\n").encode("latin-1")
    assert "line 3: byte 0xed is not UTF-8" in refusal(written(tmp_path, content))


def test_utf_16_is_refused(tmp_path: Path) -> None:
    assert "line 1: byte 0xff is not UTF-8" in refusal(written(tmp_path, ("a,b,y\n" + ROWS).encode("utf-16")))


def test_a_binary_file_is_refused(tmp_path: Path) -> None:
    assert "line 2: holds a NUL byte" in refusal(written(tmp_path, b"PK\x03\x04\n\0\0"))


def test_a_byte_order_mark_is_accepted(tmp_path: Path) -> None:
    frame = read(written(tmp_path, ("\ufeffa,b,y\n" + ROWS).encode()))
    assert list(frame) == ["a", "b", "y"]


@pytest.mark.parametrize("separator", [";", "\t"])
def test_other_separators_are_detected(tmp_path: Path, separator: str) -> None:
    expected = read(written(tmp_path, "a,b,y\n" + ROWS))
    pd.testing.assert_frame_equal(
        read(written(tmp_path, ("a,b,y\n" + ROWS).replace(",", separator))), expected
    )


def test_a_separator_inside_a_name_does_not_count(tmp_path: Path) -> None:
    assert list(read(written(tmp_path, "a;b;c;d,y\n" + "1,no\n" * 3))) == ["a;b;c;d", "y"]


def test_semicolons_come_with_decimal_commas(tmp_path: Path) -> None:
    content = ("a,b,y\n" + ROWS).replace(",", ";").replace(".", ",")
    pd.testing.assert_frame_equal(read(written(tmp_path, content)), read(written(tmp_path, "a,b,y\n" + ROWS)))


def test_text_among_numbers_is_given_by_column_and_line(tmp_path: Path) -> None:
    message = refusal(written(tmp_path, "a,b,y\n" + ROWS + "1,abc,no\n" + ROWS))
    assert "line 32: column 'b' holds 'abc' where numbers belong (1 of 61 values are text)" in message


def test_half_numbers_are_refused_and_fewer_are_a_category(tmp_path: Path) -> None:
    half = "a,b,y\n" + "1,2,no\n" * 8 + "1,x,yes\n" * 8
    assert "line 10: column 'b' holds 'x'" in refusal(written(tmp_path, half))
    frame = read(written(tmp_path, half + "1,x,yes\n"))
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
    np.testing.assert_array_equal(read(written(tmp_path, content))["a"], expected)


@pytest.mark.parametrize("name", ["diabetes", "burger-king"])
def test_bundled_tables_equal_what_pandas_reads(name: str) -> None:
    source = resolve(name)
    frame, oracle = read(source), pd.read_csv(source.path, float_precision="round_trip")
    check(frame, source, folds=10)
    for column in oracle:
        if oracle[column].dtype == object:
            assert list(frame[column]) == list(oracle[column])
        else:
            np.testing.assert_array_equal(frame[column], oracle[column].astype(float))


def test_a_missing_target_lists_the_columns(tmp_path: Path) -> None:
    message = refusal(written(tmp_path, "a,b,y\n" + ROWS, "outcome"))
    assert "has no column 'outcome' for the target; columns: a, b, y" in message


def test_an_empty_target_is_refused(tmp_path: Path) -> None:
    assert "target 'y' of" in (message := refusal(written(tmp_path, "a,y\n" + "1,\n" * 12)))
    assert "is empty in all 12 rows" in message


def test_a_single_class_is_refused(tmp_path: Path) -> None:
    assert "has one value only, 'no'" in refusal(written(tmp_path, "a,y\n" + "1,no\n" * 12 + "1,\n"))


@pytest.mark.parametrize(("folds", "needed"), [(2, 4), (5, 7), (10, 13)])
def test_a_small_class_is_refused_until_the_folds_are_served(tmp_path: Path, folds: int, needed: int) -> None:
    common = "a,y\n" + "1,no\n" * 40
    message = refusal(written(tmp_path, common + "1,yes\n" * (needed - 1)), folds)
    assert "class 'yes' of target 'y'" in message
    assert f"has {needed - 1} rows; at least {needed} a class are needed for {folds} folds" in message
    source = written(tmp_path, common + "1,yes\n" * needed)
    check(read(source), source, folds)


def test_a_measured_target_is_a_regression_unless_it_is_said_to_be_classes(tmp_path: Path) -> None:
    source = written(tmp_path, "a,b,y\n" + ROWS, "b")
    told = resolve(str(source.path), "b")
    assert settled(told, read(told)).task == "regression"
    said = resolve(str(source.path), "b", "classification")
    assert settled(said, read(said)).task == "classification"
    assert "class '" in refusal(said)


def test_texts_are_no_quantity(tmp_path: Path) -> None:
    source = written(tmp_path, "a,y\n" + "1,no\n" * 12 + "1,yes\n" * 12)
    assert "holds texts, and regression needs numbers" in refusal(
        resolve(str(source.path), "y", "regression")
    )


@pytest.mark.parametrize(
    ("data", "target", "task", "message"),
    [
        ("diabetes", None, "regression", "is for classification, not regression"),
        ("own.csv", None, "regression", "task regression needs a target"),
        ("own.csv", "y", "clustering", "task clustering takes no target"),
    ],
)
def test_a_task_that_does_not_go_with_the_target_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, data: str, target: Any, task: Any, message: str
) -> None:
    (tmp_path / "own.csv").write_text("a,y\n1,2\n")
    monkeypatch.chdir(tmp_path)
    with pytest.raises(DataError, match=message):
        resolve(data, target, task)


def test_class_numbers_are_no_regression(tmp_path: Path) -> None:
    source = written(tmp_path, "a,y\n" + "".join(f"{i * 0.1},{i % 10}\n" for i in range(60)))
    check(read(source), source)


def test_duplicate_names_are_refused(tmp_path: Path) -> None:
    message = refusal(written(tmp_path, "a, a ,y\n" + ROWS))
    assert "columns 1, 2 of" in message
    assert "are all called 'a'" in message


def test_a_column_without_name_is_refused_unless_it_counts_the_rows(tmp_path: Path) -> None:
    assert "column 2 of" in refusal(written(tmp_path, "a,,y\n" + ROWS))
    source = written(
        tmp_path, ",a,y\n" + "".join(f"{i},{i % 5},{'no' if i % 2 else 'yes'}\n" for i in range(12))
    )
    check(read(source), source)


def test_clustering_needs_a_number(tmp_path: Path) -> None:
    message = refusal(written(tmp_path, "a,b\n" + "x,y\n" * 12, None))
    assert "has no numeric column, and clustering needs at least one; columns: a, b" in message


def test_too_few_rows_are_refused(tmp_path: Path) -> None:
    assert "has 9 rows; at least 10 are needed" in refusal(written(tmp_path, "a,y\n" + "1,no\n" * 9))


def test_an_unreadable_file_is_refused(tmp_path: Path) -> None:
    source = written(tmp_path, "a,y\n1,no\n")
    source.path.unlink()
    assert "cannot be read: No such file" in refusal(source)


def test_a_pickle_is_never_loaded(tmp_path: Path) -> None:
    frame = pd.DataFrame({"a": [1], "y": [2]})
    frame.to_pickle(tmp_path / "frame.pkl")
    source = resolve(str(tmp_path / "frame.pkl"), "y")
    assert "not UTF-8" in (message := refusal(source)) or "NUL byte" in message


def test_unicode_names_are_kept(tmp_path: Path) -> None:
    frame = read(written(tmp_path, "Größe [cm],体重,y\n" + ROWS))
    assert list(frame) == ["Größe [cm]", "体重", "y"]
