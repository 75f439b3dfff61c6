"""Headers among the rows of joined files are left out and told."""

from pathlib import Path

import pytest

from tests.tasks.datasets.files.written import NAMES, ROWS, assert_whole, separated, table

BODY = separated([NAMES, *ROWS])
HEADERLESS = separated(ROWS)


@pytest.mark.parametrize("mark", ["", "\ufeff"])
@pytest.mark.parametrize("quoted", [False, True])
def test_headers_that_joined_files_repeat_are_left_out_and_told(
    tmp_path: Path, mark: str, quoted: bool
) -> None:
    part = BODY.replace("len,wid,col,y", '"len","wid","col","y"') if quoted else BODY
    read_back = table(tmp_path, mark + part + mark + part + part)
    assert_whole(read_back, NAMES, [*ROWS, *ROWS, *ROWS])
    assert read_back.notes == ("2 rows repeat the header and were left out (lines 42, 83)",)
    assert read_back.columns[0].place(40) == "line 43"


def test_a_header_that_is_repeated_once_is_told_with_its_line(tmp_path: Path) -> None:
    read_back = table(
        tmp_path,
        "made in May\n" + BODY + "len, wid, col, y\n" + HEADERLESS + "1,2,red\n".replace("red", "a,y"),
    )
    assert_whole(read_back, NAMES, [*ROWS, *ROWS, ["1", "2", "a", "y"]])
    assert "1 row repeats the header and was left out (line 43)" in read_back.notes


def test_rows_of_numbers_that_equal_names_of_numbers_are_rows(tmp_path: Path) -> None:
    rows = [["0", "1", "2"], ["3", "5", "7"], ["0", "1", "2"]] * 5
    assert_whole(table(tmp_path, separated([["0", "1", "2"], *rows])), ["0", "1", "2"], rows)
