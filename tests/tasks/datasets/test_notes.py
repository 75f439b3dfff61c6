"""Notes beside their columns: names with colons, columns without a name, alike notes in one line, warnings first."""

import pytest

from tasks.datasets.notes import is_warning, lines, lines_of, sort_notes, warning, warnings_first


def test_notes_are_sorted_by_column() -> None:
    found = sort_notes(["a: one", "of the table", "b: two", "a: three"], ["a", "b"])
    assert found.general == ("of the table",)
    assert found.by_column == {"a": ("one", "three"), "b": ("two",)}


def test_the_name_of_a_column_may_hold_a_colon() -> None:
    found = sort_notes(["plan: kind: left out", "plan: used"], ["plan", "plan: kind"])
    assert found.by_column == {"plan: kind": ("left out",), "plan": ("used",)}
    assert sort_notes(["12:30 rows: 4"], ["12", "30 rows"]).general == ("12:30 rows: 4",)


def test_a_column_without_a_name_has_its_notes() -> None:
    found = sort_notes(["a column without a name: left out", warning("check it", "")], ["", "a"])
    assert found.by_column == {"": ("warning: check it", "left out")}


@pytest.mark.parametrize(
    ("note", "expected"),
    [
        (warning("the rows repeat"), True),
        (warning("it tells the target", "a"), True),
        ("a: left out; --keep-column a uses it", True),
        ("--no-header reads the first line as a row", True),
        ("a: 3 of 9 cells are missing", False),
        ("a: 'no--one' is a category", False),
        ("a: the word 'warning' is a category", False),
    ],
)
def test_a_warning_is_what_a_person_should_check(note: str, expected: bool) -> None:
    assert is_warning(note) is expected


def test_warnings_come_first_and_keep_their_order() -> None:
    notes = ["b: told", warning("one"), "a: told", warning("two", "a")]
    assert warnings_first(notes) == ["warning: one", "a: warning: two", "b: told", "a: told"]


def test_alike_notes_of_many_columns_are_one_line() -> None:
    few = {f"x{i}": (f"{i} of 90 cells are missing",) for i in range(1, 4)}
    assert lines_of(few) == [f"x{i}: {i} of 90 cells are missing" for i in range(1, 4)]
    many = {f"x{i}": (f"{i} of 90 cells are missing",) for i in range(1, 15)}
    (line,) = lines_of(many)
    assert line.startswith("x14: 14 of 90 cells are missing; likewise 13 other columns: x13 (13), x12 (12)")
    assert line.endswith("x4 (4) and 3 more")


def test_lines_with_warnings_come_first() -> None:
    assert lines_of({"a": ("told",), "b": ("warning: check", "told")}) == [
        "b: warning: check; told",
        "a: told",
    ]


def test_the_lines_of_a_data_set_begin_with_what_to_check() -> None:
    notes = ["a: told", "of the table", warning("check", "b"), warning("the rows repeat")]
    expected = ["warning: the rows repeat", "b: warning: check", "of the table", "a: told"]
    assert lines(notes, ["a", "b"]) == expected
