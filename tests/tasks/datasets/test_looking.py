"""A look at a table: the survey of a study, also where a study would refuse the table."""

from pathlib import Path

import pytest

from infra.errors import DataError
from tasks.datasets.catalogue import resolve
from tasks.datasets.distributions import Frequencies, Histogram
from tasks.datasets.looking import TableLook, look_at
from tasks.datasets.options import ReadingOptions
from tasks.datasets.preparation import read_training_table
from tasks.datasets.survey import ColumnSurvey, survey
from tasks.problems import problem_of
from tests.tasks.datasets.large.large_tables import frame as large_frame
from tests.tasks.datasets.large.large_tables import small_bounds
from tests.tasks.datasets.tables import cleaned

ROWS = 60
WORDS = {30: "oops", 31: "ops", 32: "op"}


def looked(
    folder: Path, header: str, rows: list[str], target: str | None = "y", **options: object
) -> TableLook:
    (folder / "t.csv").write_text("\n".join([header, *rows]))
    source = resolve(str(folder / "t.csv"), target, options=ReadingOptions.model_validate(options))
    rules = problem_of(source.task).rules
    assert rules is not None
    return look_at(source, rules, 2)


def column_of(look: TableLook, name: str) -> ColumnSurvey:
    return next(column for column in look.survey.columns if column.name == name)


def test_a_look_shows_what_a_study_would_make_of_the_table(tmp_path: Path) -> None:
    look = looked(tmp_path, "n,colour,y", [f"{i % 7},{'rgb'[i % 3]},{'pq'[i % 2]}" for i in range(ROWS)])
    source = resolve(str(tmp_path / "t.csv"), "y")
    assert look.refusal is None
    assert look.task == "classification"
    assert look.survey == survey(read_training_table(source), cleaned(source))


def test_the_values_of_the_target_decide_the_task(tmp_path: Path) -> None:
    look = looked(tmp_path, "n,y", [f"{i % 7},{i * 1.25}" for i in range(ROWS)])
    assert look.task == "regression"


def test_each_column_of_values_has_a_picture(tmp_path: Path) -> None:
    rows = [f"{i % 7},{1 + i % 28:02d}.03.2024,{'rgb'[i % 3]},,{'pq'[i % 2]}" for i in range(ROWS)]
    pictures = looked(tmp_path, "n,day,colour,empty,y", rows).pictures(9)
    assert isinstance(pictures["n"], Histogram)
    assert isinstance(pictures["day"], Histogram)
    assert pictures["colour"] == Frequencies((("r", 20), ("g", 20), ("b", 20)), 0)
    assert pictures["y"] == Frequencies((("p", 30), ("q", 30)), 0)
    assert "empty" not in pictures


def test_of_a_wide_table_the_first_columns_have_a_picture(tmp_path: Path) -> None:
    look = looked(tmp_path, "a,b,c,y", [f"{i % 7},{i % 5},{i % 3},{'pq'[i % 2]}" for i in range(ROWS)])
    assert list(look.pictures(2)) == ["a", "b"]


def test_a_quantity_to_predict_has_a_histogram(tmp_path: Path) -> None:
    look = looked(tmp_path, "n,y", [f"{i % 7},{i * 1.25} EUR" for i in range(ROWS)])
    found = look.pictures(9)["y"]
    assert isinstance(found, Histogram)
    assert (sum(found.counts), found.low, found.high) == (ROWS, "0", "73.75")


def test_numbers_that_are_classes_are_counted_one_by_one(tmp_path: Path) -> None:
    look = looked(tmp_path, "n,y", [f"{i % 7},{i % 2}" for i in range(ROWS)])
    assert look.pictures(9)["y"] == Frequencies((("0", 30), ("1", 30)), 0)


def test_a_refused_table_shows_each_column_by_itself(tmp_path: Path) -> None:
    rows = [f"{i % 7},{WORDS.get(i, i)},{'rgb'[i % 3]},{'pq'[i % 2]}" for i in range(ROWS)]
    look = looked(tmp_path, "n,bad,colour,y", rows)
    assert look.refusal is not None
    assert "column 'bad' holds 'oops'" in look.refusal
    assert [(column.name, column.read_as) for column in look.survey.columns] == [
        ("n", "number"),
        ("bad", "refused"),
        ("colour", "category"),
        ("y", "target"),
    ]
    (reason,) = column_of(look, "bad").notes
    assert reason.startswith("line 32: column 'bad' holds 'oops'")
    assert set(look.pictures(9)) >= {"n", "colour", "y"}


def test_a_refused_table_shows_its_target_as_a_study_would_read_it(tmp_path: Path) -> None:
    rows = [f"{WORDS.get(i, i)},{i * 1.25}" for i in range(ROWS)]
    look = looked(tmp_path, "bad,y", rows)
    assert look.refusal is not None
    assert look.task == "regression"
    assert look.survey.target is not None
    assert look.survey.target.quantity is not None
    assert isinstance(look.pictures(9)["y"], Histogram)


def test_a_target_that_is_refused_has_the_reason_beside_it(tmp_path: Path) -> None:
    look = looked(tmp_path, "n,y", [f"{i % 7},p" for i in range(ROWS)])
    target = column_of(look, "y")
    assert (target.read_as, target.used) == ("target", False)
    assert target.notes == (look.refusal,)


def test_a_refused_table_keeps_the_notes_of_the_reader_and_of_the_target(tmp_path: Path) -> None:
    rows = [f"{WORDS.get(i, i)},{'' if i < 5 else 'pq'[i % 2]}" for i in range(ROWS)]
    look = looked(tmp_path, "bad,y", ["", *rows])
    assert look.refusal is not None
    assert "5 of 60 rows left out: 'y' is empty there" in look.survey.notes
    assert column_of(look, "y").missing == 5


def test_a_table_that_cannot_be_read_is_refused_at_once(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="line 3: 2 fields where the header has 3"):
        looked(tmp_path, "a,b,y", ["1,2,p", "1,2", *["1,2,q"] * 30])


def test_what_the_user_says_of_the_reading_counts(tmp_path: Path) -> None:
    rows = [f"{-999 if i < 6 else i % 7},{i},{'pq'[i % 2]}" for i in range(ROWS)]
    look = looked(tmp_path, "n,id,y", rows, missing=["-999"], keep_column=["id"])
    assert column_of(look, "n").missing == 6
    assert column_of(look, "id").used


def test_a_large_table_is_looked_at_by_rows_of_every_piece(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    small_bounds(monkeypatch)
    table = large_frame()
    table.to_csv(tmp_path / "t.csv", index=False)
    source = resolve(str(tmp_path / "t.csv"), "class")
    rules = problem_of(source.task).rules
    assert rules is not None
    look = look_at(source, rules, folds=2)
    assert look.survey.rows == len(table)
    assert look.table.rows < len(table)
    assert look.survey.target is not None
    assert look.survey.target.classes == table["class"].value_counts().to_dict()
    assert [note for note in look.survey.notes if "was decided on" in note]
    assert look.kinds["size"].kind == "number"
