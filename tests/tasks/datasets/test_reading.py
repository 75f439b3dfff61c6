"""Separated text: each fault with its file, column and line."""

from pathlib import Path

import pandas as pd
import pytest

from tasks.datasets.catalogue import resolve
from tests.tasks.datasets.tables import ROWS, inferred, refusal, written


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


def test_a_byte_order_mark_is_accepted(tmp_path: Path) -> None:
    frame = inferred(written(tmp_path, ("\ufeffa,b,y\n" + ROWS).encode()))
    assert list(frame) == ["a", "b", "y"]


@pytest.mark.parametrize("separator", [";", "\t"])
def test_other_separators_are_detected(tmp_path: Path, separator: str) -> None:
    expected = inferred(written(tmp_path, "a,b,y\n" + ROWS))
    pd.testing.assert_frame_equal(
        inferred(written(tmp_path, ("a,b,y\n" + ROWS).replace(",", separator))), expected
    )


def test_a_separator_inside_a_name_does_not_count(tmp_path: Path) -> None:
    assert list(inferred(written(tmp_path, "a;b;c;d,y\n" + "1,no\n" * 3))) == ["a;b;c;d", "y"]


def test_duplicate_names_are_refused(tmp_path: Path) -> None:
    message = refusal(written(tmp_path, "a, a ,y\n" + ROWS))
    assert "columns 1, 2 of" in message
    assert "are all called 'a'" in message


def test_an_unreadable_file_is_refused(tmp_path: Path) -> None:
    source = written(tmp_path, "a,y\n1,no\n")
    source.path.unlink()
    assert "cannot be read: No such file" in refusal(source)


def test_a_pickle_is_never_loaded(tmp_path: Path) -> None:
    frame = pd.DataFrame({"a": [1], "y": [2]})
    frame.to_pickle(tmp_path / "frame.pkl")
    source = resolve(str(tmp_path / "frame.pkl"), "y")
    assert "so it is no text" in refusal(source)


def test_unicode_names_are_kept(tmp_path: Path) -> None:
    frame = inferred(written(tmp_path, "Größe [cm],体重,y\n" + ROWS))
    assert list(frame) == ["Größe [cm]", "体重", "y"]
