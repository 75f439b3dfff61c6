"""The separator is found by what is consistent over the rows, and not by the header."""

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tasks.datasets.files.text.separators import find_separator
from tests.tasks.datasets.files.written import NAMES, ROWS, assert_whole, rows_of, separated, table

DELIMITERS = [",", ";", "\t", "|", "~", "^", "\x01"]


@pytest.mark.parametrize("delimiter", DELIMITERS)
@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_a_separator_is_found(tmp_path: Path, delimiter: str, end: str) -> None:
    assert_whole(table(tmp_path, separated([NAMES, *ROWS], delimiter, end)))


def test_the_control_character_of_hive_separates_in_other_encodings_too(tmp_path: Path) -> None:
    rows = [[a, b, "grün", y] for a, b, _, y in ROWS]
    assert_whole(table(tmp_path, separated([NAMES, *rows], "\x01").encode("latin-1")), NAMES, rows)


@pytest.mark.parametrize("name", ["y", "std::y"])
def test_a_pair_of_colons_separates(tmp_path: Path, name: str) -> None:
    rows = [[a, f'"{c}::{a}"', y] for a, _, c, y in ROWS]
    content = "\n".join("::".join(row) for row in [["len", '"col, or more"', f'"{name}"'], *rows])
    assert_whole(
        table(tmp_path, content),
        ["len", "col, or more", name],
        [[a, inside.strip('"'), y] for a, inside, y in rows],
    )


def test_rare_separators_inside_cells_separate_nothing(tmp_path: Path) -> None:
    rows = [[f"~{i} min", "a::b", "2^3", f"{i}"] for i in range(6)]
    assert_whole(
        table(tmp_path, separated([["about", "n", "power", "more"], *rows])),
        ["about", "n", "power", "more"],
        rows,
    )


def test_a_rare_separator_inside_every_row_of_a_column_separates_nothing(tmp_path: Path) -> None:
    rows = [[f"12::{i}", str(i)] for i in range(20)]
    assert_whole(table(tmp_path, separated([["time", "ratio"], *rows])), ["time", "ratio"], rows)


def test_commas_in_names_and_decimals_do_not_hide_semicolons(tmp_path: Path) -> None:
    rows = [[f"{i},{i % 10}{i % 7}", f"{i * 3 % 50},{i % 10}", "ab"[i % 2]] for i in range(20)]
    content = "\n".join(";".join(row) for row in [["price, EUR", "size, m2", "label"], *rows])
    read_back = table(tmp_path, content)
    assert_whole(read_back, ["price, EUR", "size, m2", "label"], rows)
    assert all(column.decimal_comma for column in read_back.columns)


@pytest.mark.parametrize("delimiter", DELIMITERS[1:])
def test_a_decimal_comma_in_each_of_two_columns_separates_nothing(tmp_path: Path, delimiter: str) -> None:
    rows = [[f"{i},5", f"{i},7"] for i in range(6)]
    content = "\n".join(delimiter.join(row) for row in [["a", "b"], *rows])
    assert_whole(table(tmp_path, content), ["a", "b"], rows)


def test_lists_inside_cells_separate_nothing(tmp_path: Path) -> None:
    rows = [["a;b;c|d", str(i), "x|y"] for i in range(6)]
    assert_whole(table(tmp_path, separated([["tags", "n", "more"], *rows])), ["tags", "n", "more"], rows)


def test_free_text_with_commas_in_quotes_is_one_field(tmp_path: Path) -> None:
    rows = [[f"well, it is {i}, and; good" + "\nor not" * (i % 2), str(i)] for i in range(9)]
    assert_whole(table(tmp_path, separated([["text", "n"], *rows])), ["text", "n"], rows)


def test_runs_of_blanks_separate_as_in_tables_of_r(tmp_path: Path) -> None:
    lines = [
        '"len" "wid" "col" "y"',
        *(f'"{i + 1}"   {a} {b}\t"{c} x" "{y}" ' for i, (a, b, c, y) in enumerate(ROWS)),
    ]
    read_back = table(tmp_path, "\n".join(lines))
    rows = [[str(i + 1), a, b, f"{c} x", y] for i, (a, b, c, y) in enumerate(ROWS)]
    assert_whole(read_back, ["row name", *NAMES], rows)
    assert any("one name less" in note for note in read_back.notes)
    assert any("runs of blanks" in note for note in read_back.notes)


def test_aligned_columns_are_separated_by_blanks(tmp_path: Path) -> None:
    lines = [" ".join(f"{cell:>9}" for cell in row) for row in [NAMES, *ROWS]]
    assert_whole(table(tmp_path, "\r\n".join(lines)))


@pytest.mark.parametrize(
    "cells",
    [
        ["John Smith", "Ada Byron", "Max Muster"],
        ["1", "2", "4"],
        ["1,5", "2,5", "4,25"],
        ["a, b", "c", "d, e, f"],
    ],
)
def test_a_single_column_stays_whole(tmp_path: Path, cells: list[str]) -> None:
    assert_whole(table(tmp_path, "\n".join(["x", *cells]) + "\n"), ["x"], [[cell] for cell in cells])


def test_the_line_of_excel_names_the_separator(tmp_path: Path) -> None:
    read_back = table(tmp_path, "sep=;\r\n" + separated([NAMES, *ROWS], ";", "\r\n"))
    assert_whole(read_back)
    assert read_back.columns[0].place(0) == "line 3"


def test_the_separator_of_a_head_that_ends_inside_a_record_is_found() -> None:
    text = separated([["a", "b"], *[[str(i), "one\ntwo"] for i in range(50)]]).encode()
    assert find_separator(text[:-9], is_whole=False).separator.name == "comma"


words = st.text("abcdefgh .-_#'äß中", min_size=1, max_size=12).filter(lambda text: text.strip() == text != "")
numbers = st.one_of(st.integers(-(10**6), 10**6), st.floats(-1e6, 1e6, allow_nan=False)).map(json.dumps)


@given(
    rows=st.lists(st.tuples(numbers, words, numbers), min_size=8, max_size=30),
    delimiter=st.sampled_from(DELIMITERS),
)
def test_a_table_in_any_style_reads_back_as_the_same_table(
    tmp_path_factory: pytest.TempPathFactory, rows: list[tuple[str, str, str]], delimiter: str
) -> None:
    named = [["size", "kind of thing", "rest"], *[[a, f"w{b}", c] for a, b, c in rows]]
    read_back = table(tmp_path_factory.mktemp("style"), separated(named, delimiter))
    assert [read_back.names, *rows_of(read_back)] == named
