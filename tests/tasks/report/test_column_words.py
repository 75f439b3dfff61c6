"""What was done to the columns, in words: terminal, report and artifacts tell the same notes."""

from pathlib import Path

import pytest

from tasks.datasets.catalogue import resolve
from tasks.datasets.notes import warning
from tasks.datasets.prepared import PreparedDataset
from tasks.datasets.survey import ColumnSurvey, QuantitySurvey, TargetSurvey
from tasks.report import column_words
from tasks.report.column_words import MOST_LINES, preparation_words
from tasks.results import Dataset
from tests.tasks.datasets.images import image_files
from tests.tasks.preparing import prepare

ROWS = 40


def surveyed(name: str, **fields: object) -> ColumnSurvey:
    found = {"read_as": "number", "examples": ("1", "2"), "missing": 0, "distinct": 2, "used": True, **fields}
    return ColumnSurvey.model_validate({"name": name, **found})


def described(notes: list[str], columns: list[str], shown: int | None = None) -> Dataset:
    return Dataset(
        name="d",
        task="clustering",
        target=None,
        rows=ROWS,
        columns=columns,
        sha256="",
        path="d.parquet",
        notes=notes,
        surveys=[surveyed(name) for name in columns[:shown]],
        file_columns=columns,
    )


@pytest.fixture
def table(tmp_path: Path) -> PreparedDataset:
    """A prepared table of a column of numbers, one of dates, one of the same text, and a target."""
    lines = [
        f"{i % 9 or ''},{1 + i % 28:02d}.0{1 + i // 28}.2024,x,{'no' if i % 3 else 'yes'}"
        for i in range(ROWS)
    ]
    (tmp_path / "t.csv").write_text("\n".join(["n,day,same: x,y", *lines]))
    return prepare(resolve(str(tmp_path / "t.csv"), "y"), tmp_path / "data")


def test_the_lines_before_a_study_name_table_target_and_changes(table: PreparedDataset) -> None:
    words = preparation_words(table)
    assert words.header == "t: 40 rows, 2 columns used, target y: 2 classes, no 26, yes 14"
    assert "n: 5 of 40 cells are missing" in words.lines
    assert any(line.startswith("same: x: left out") for line in words.lines)
    assert words.left_out == 0


def test_a_note_that_was_added_after_the_preparation_is_told_before_a_study(table: PreparedDataset) -> None:
    note = warning("the study will take 90 minutes")
    words = preparation_words(table.model_copy(update={"notes": [*table.notes, note]}))
    assert words.lines[0] == note


def test_terminal_and_report_tell_the_same_notes(table: PreparedDataset) -> None:
    note = warning("the study will take 90 minutes")
    longer = table.model_copy(update={"notes": [*table.notes, note]})
    assert preparation_words(longer).lines == column_words.changes(
        described(longer.notes, ["n", "day", "same: x", "y"])
    )


def test_what_does_not_fit_is_counted(table: PreparedDataset) -> None:
    more = [f"sentence {number} of the table" for number in range(MOST_LINES)]
    words = preparation_words(table.model_copy(update={"notes": [*table.notes, *more]}))
    assert len(words.lines) == MOST_LINES
    assert words.left_out == len(preparation_words(table).lines)


def test_a_caution_about_images_is_told_before_a_study(tmp_path: Path) -> None:
    source = resolve(str(image_files.folder(tmp_path / "pets", 12)))
    dataset = prepare(source, tmp_path / "data")
    caution = "The images are digits instead of cats and dogs."
    words = preparation_words(dataset.model_copy(update={"caution": caution}))
    assert words.header == "pets: 24 images"
    assert words.lines == [warning(caution), *dataset.notes]


def test_alike_warnings_of_many_columns_are_one_finding() -> None:
    columns = [f"x{number}" for number in range(1, 31)]
    notes = [warning(f"{place} values tell the target", name) for place, name in enumerate(columns, 1)]
    (line,) = column_words.warnings(described(notes, columns))
    assert line.startswith("x30: warning: 30 values tell the target; likewise 29 other columns")


def test_notes_cannot_control_the_terminal() -> None:
    assert column_words.changes(described(["a: it holds '\x1b[31mred\n'"], ["a"])) == [
        "a: it holds ' [31mred '"
    ]


def test_classes_are_named_with_their_rows() -> None:
    target = TargetSurvey(name="y\n1", rows=36, classes={f"c{i}": i for i in range(1, 9)})
    words = "c8 8, c7 7, c6 6, c5 5, c4 4, c3 3, 2 more, the smallest with 1 row"
    assert column_words.target_words(target) == f"target y 1: 8 classes, {words}"


def test_a_quantity_is_named_with_its_range() -> None:
    target = TargetSurvey(name="y", rows=9, quantity=QuantitySurvey(low=-1, high=12_000.5, mean=3))
    assert column_words.target_words(target) == "target y: a quantity from -1 to 12,000.5, mean 3"
    assert column_words.target_words(None) == "no target"


def test_a_row_tells_of_a_column_what_a_reader_needs() -> None:
    column = surveyed("", missing=1_200, distinct=100_000, distinct_at_least=True, notes=("one", "two"))
    uncountable = surveyed("list", distinct=None)
    assert column_words.column_rows([column, uncountable]) == [
        ("a column without a name", "number", "1 · 2", "1,200", "≥ 100,000", "one; two"),
        ("list", "number", "1 · 2", "0", "–", ""),
    ]


def test_of_a_wide_table_the_ends_and_the_columns_with_notes_are_shown() -> None:
    columns = [surveyed(f"x{i}", notes=("told",) if i in (60, 70) else ()) for i in range(100)]
    shown = [column.name for column in column_words.columns_to_show(columns, 16)]
    assert shown == [
        "x0",
        "x1",
        "x2",
        "x3",
        "x4",
        "x5",
        *(f"x{i}" for i in (6, 7, 8, 9, 10, 11)),
        "x60",
        "x70",
        "x98",
        "x99",
    ]
    assert column_words.columns_to_show(columns, 100) == columns


def test_columns_that_are_not_described_are_counted() -> None:
    columns = [f"x{number}" for number in range(300)]
    assert column_words.some_columns(described([], columns)) == ""
    assert column_words.some_columns(described([], columns, shown=200)).startswith(
        "200 of 300 columns are shown"
    )


def test_notes_about_the_whole_data_set_are_apart() -> None:
    data = described(["a: told", "of the table", warning("check it")], ["a"])
    assert column_words.general_notes(data) == ["warning: check it", "of the table"]
