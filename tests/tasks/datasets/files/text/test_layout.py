"""Titles, headers, units and totals are told from rows, and everything that is left out is told."""

from pathlib import Path

import pytest

from infra.errors import DataError
from tests.tasks.datasets.files.written import (
    NAMES,
    ROWS,
    assert_whole,
    refusal,
    rows_of,
    separated,
    table,
)

BODY = separated([NAMES, *ROWS])
HEADERLESS = separated(ROWS)


@pytest.mark.parametrize(
    ("above", "note"),
    [
        ("Quarterly report,,,\n,,,\n", "lines 1 to 2 above the header left out (Quarterly report)"),
        ("Quarterly report\n\n", "line 1 above the header left out (Quarterly report)"),
        ("Report,of 2024\nby me\n", "lines 1 to 2 above the header left out (Report, of 2024)"),
        ("# made in May\n#\n", "lines 1 to 2 left out, because a comment begins with '#'"),
    ],
)
def test_lines_above_the_header_are_left_out_and_told(tmp_path: Path, above: str, note: str) -> None:
    read_back = table(tmp_path, above + BODY)
    assert_whole(read_back)
    assert read_back.notes == (note,)
    assert read_back.columns[0].place(0) == f"line {above.count(chr(10)) + 2}"


def test_a_header_behind_the_mark_of_comments_is_a_header(tmp_path: Path) -> None:
    read_back = table(tmp_path, "# made in May\n# " + BODY)
    assert_whole(read_back)
    assert "line 2 begins with '#' and is the header" in read_back.notes


def test_comments_among_the_rows_are_left_out_and_told(tmp_path: Path) -> None:
    lines = BODY.splitlines()
    read_back = table(tmp_path, "\n".join([*lines[:5], "# checked", "# twice", *lines[5:], "# the end", ""]))
    assert_whole(read_back)
    assert "comments among the rows left out: 2 lines that begin with '#'" in read_back.notes
    assert any("line 44 at the end of the file left out" in note for note in read_back.notes)
    assert read_back.columns[0].place(4) == "line 8"


@pytest.mark.parametrize("units", [["[cm]", "[cm]", "", ""], ["kg", "", "", ""], ["cm", "%", "name", "-"]])
def test_units_below_the_header_are_left_out_and_told(tmp_path: Path, units: list[str]) -> None:
    read_back = table(tmp_path, separated([NAMES, units, *ROWS]))
    assert_whole(read_back)
    assert read_back.notes[0].startswith(
        "line 2 below the header left out, because it holds units and no values"
    )


@pytest.mark.parametrize(
    "first", [["unknown", "1.5", "red", "yes"], ["", "", "red", "yes"], ["?", "-", "red", "no"]]
)
def test_a_first_row_with_missing_values_is_kept(tmp_path: Path, first: list[str]) -> None:
    read_back = table(tmp_path, separated([NAMES, first, *ROWS]))
    assert_whole(read_back, NAMES, [first, *ROWS])
    assert read_back.notes == ()


@pytest.mark.parametrize(
    "below",
    [
        "Total,12.5,,\n",
        "total:,,,40\n",
        ",Sum,,\n",
        "Source: Ministry of Oats\n",
        "\n(40 rows)\n",
        "Summe,99.1,,\n\n",
    ],
)
def test_totals_and_remarks_below_the_rows_are_left_out_and_told(tmp_path: Path, below: str) -> None:
    read_back = table(tmp_path, BODY + below)
    assert_whole(read_back)
    line = 42 + below.startswith("\n")
    assert read_back.notes[0].startswith(f"line {line} at the end of the file left out, because it is no row")


def test_a_total_beside_names_is_left_out_if_other_cells_are_empty_there_only(tmp_path: Path) -> None:
    rows = [[f"shop {i}", str(i), "ab"[i % 2]] for i in range(12)]
    read_back = table(tmp_path, separated([["shop", "sold", "kind"], *rows, ["Total", "66", ""]]))
    assert_whole(read_back, ["shop", "sold", "kind"], rows)


def test_a_category_that_is_called_total_is_a_row(tmp_path: Path) -> None:
    rows = [["partial" if i % 3 else "total", str(i), "ab"[i % 2]] for i in range(13)]
    assert_whole(table(tmp_path, separated([["kind", "n", "y"], *rows])), ["kind", "n", "y"], rows)


@pytest.mark.parametrize("cut", ["1.2", "1.2,3.4", "1.2,3.4,re"])
def test_a_row_that_was_cut_off_is_no_remark(tmp_path: Path, cut: str) -> None:
    assert "line 42: " in refusal(tmp_path, BODY + cut)


def test_rows_without_any_value_at_the_end_are_left_out_and_told(tmp_path: Path) -> None:
    read_back = table(tmp_path, BODY + ",,,\n" * 3)
    assert_whole(read_back)
    assert read_back.notes == ("3 rows without any value left out at the end of the file",)


@pytest.mark.parametrize("header", ["len,wid,col,y,\n", "len,wid,col,y\n"])
def test_a_separator_at_the_end_of_each_line_makes_no_column(tmp_path: Path, header: str) -> None:
    content = header + "".join(f"{line},\n" for line in HEADERLESS.splitlines())
    read_back = table(tmp_path, content)
    assert_whole(read_back)
    assert read_back.notes == ("column 5 left out, because it has neither a name nor a value",)


def test_a_value_behind_separators_at_the_end_is_refused(tmp_path: Path) -> None:
    rows = 600 * [",".join([*ROWS[0], ""])]
    content = "\n".join(["len,wid,col,y", *rows, ",".join([*ROWS[0], "5"]), ""])
    assert "line 602: 5 fields where the header has 4" in refusal(tmp_path, content)


@pytest.mark.parametrize(
    "content",
    [
        HEADERLESS,
        separated([[c, y, "q"] for _, _, c, y in ROWS]),
        separated([[a, b] for a, b, _, _ in ROWS]),
        "3\n1\n2\n",
        separated([[f"2024-05-{i:02}", str(i)] for i in range(1, 20)]),
        separated([["?", "1.5", "red"], *[["2", str(i), "red"] for i in range(9)]]),
        "39, State-gov, 77516, Bachelors\n" + "50, Private, 83311, Bachelors\n" * 9,
    ],
)
def test_a_table_without_a_header_is_refused_with_the_remedy(tmp_path: Path, content: str) -> None:
    message = refusal(tmp_path, content)
    assert "line 1: the first line looks like a row of values" in message
    assert "--no-header" in message


def test_a_table_without_a_header_has_numbered_columns(tmp_path: Path) -> None:
    read_back = table(tmp_path, "# no names\n" + HEADERLESS, header=False)
    assert_whole(read_back, ["column 1", "column 2", "column 3", "column 4"])
    assert read_back.columns[0].place(0) == "line 2"


@pytest.mark.parametrize("start", ["", "# exported today\n"])
def test_a_header_is_refused_where_there_should_be_none(tmp_path: Path, start: str) -> None:
    with pytest.raises(DataError) as caught:
        table(tmp_path, start + BODY, header=False)
    assert str(caught.value) == (
        f"'{tmp_path / 'table.csv'}', line {2 if start else 1}: the first line looks like a header and not like a row "
        "of values (len, wid, col, y), and --no-header says that there is none; leave out --no-header, or delete this "
        "line if the model was trained on a table without a header"
    )


def test_a_header_may_hold_a_word_for_missing_values(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"looks like a header .*\(id, x, colour, y\)"):
        table(tmp_path, separated([["id", "x", "colour", "y"], *ROWS]), header=False)


@pytest.mark.parametrize(
    "first",
    [
        ["-", "?", "red", "yes"],
        ["unknown", "n.a.", "brown", "perhaps"],
        ["much", "1.5", "brown", "perhaps"],
        ["much", "more", "red", "perhaps"],
        ["", "", "", "yes"],
    ],
)
def test_a_first_row_with_words_is_no_header(tmp_path: Path, first: list[str]) -> None:
    read_back = table(tmp_path, separated([first, *ROWS]), header=False)
    assert rows_of(read_back)[0] == first


def test_a_table_of_words_may_have_no_header(tmp_path: Path) -> None:
    rows = [["yes" if i % 2 else "no", f"word {i}"] for i in range(20)]
    assert_whole(table(tmp_path, separated(rows), header=False), ["column 1", "column 2"], rows)


@pytest.mark.parametrize(
    "names",
    [
        ["0", "1", "2", "3"],
        ["country", "2019", "2020", "2021"],
        ["", "wid", "col", "y"],
        ["len", "5", "col", "y"],
        ["2024-01-01", "2024-01-02", "red flag", "y"],
    ],
)
def test_unusual_names_are_names(tmp_path: Path, names: list[str]) -> None:
    assert_whole(table(tmp_path, separated([names, *ROWS])), names)


def test_a_table_of_words_has_a_header(tmp_path: Path) -> None:
    rows = [["yes" if i % 2 else "no", "red" if i % 3 else "y"] for i in range(20)]
    assert_whole(table(tmp_path, separated([["sure", "y"], *rows])), ["sure", "y"], rows)


def test_a_header_with_more_names_than_the_rows_have_fields_is_refused(tmp_path: Path) -> None:
    assert "line 2: 4 fields where the header has 5" in refusal(tmp_path, "a,b,c,d,e\n" + HEADERLESS)
