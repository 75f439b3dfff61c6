"""The survey of a table: what each column holds and how it is read, beside the notes about it."""

from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tasks.datasets import survey as surveying
from tasks.datasets.catalogue import Source, resolve
from tasks.datasets.notes import warnings_first
from tasks.datasets.preparation import read_training_table
from tasks.datasets.raw import RawColumn
from tasks.datasets.survey import ColumnSurvey, TableSurvey, not_read, survey
from tests.tasks.datasets.tables import cleaned

ROWS = 40


def surveyed(source: Source) -> TableSurvey:
    return survey(read_training_table(source), cleaned(source))


def parquet(folder: Path, **columns: Any) -> Source:
    pq.write_table(pa.table({**columns, "y": ["no", "yes"] * (ROWS // 2)}), folder / "t.parquet")
    return resolve(str(folder / "t.parquet"), "y")


def csv(folder: Path, header: str, rows: list[str], target: str | None = "y") -> Source:
    (folder / "t.csv").write_text("\n".join([header, *rows]))
    return resolve(str(folder / "t.csv"), target)


def column_of(table: TableSurvey, name: str) -> ColumnSurvey:
    return next(column for column in table.columns if column.name == name)


def test_each_column_has_its_kind_values_and_notes(tmp_path: Path) -> None:
    rows = [f"{i % 9 or 'NA'},{'rgb'[i % 3]},7,{i % 7}.5 kg,{'no' if i % 4 else 'yes'}" for i in range(ROWS)]
    table = surveyed(csv(tmp_path, "n,colour,same,weight: dry,y", rows))
    assert [(column.name, column.read_as, column.used) for column in table.columns] == [
        ("n", "number", True),
        ("colour", "category", True),
        ("same", "left out", False),
        ("weight: dry", "number", True),
        ("y", "target", False),
    ]
    number = column_of(table, "n")
    assert (number.missing, number.distinct, number.examples) == (5, 8, ("1", "2", "3"))
    assert number.notes == ("5 of 40 cells are missing",)
    assert column_of(table, "weight: dry").examples == ("0.5 kg", "1.5 kg", "2.5 kg")
    assert column_of(table, "weight: dry").notes == ("'0.5 kg' is read as 0.5",)
    assert column_of(table, "same").notes[0].startswith("left out, it holds the same value in every row")
    assert (table.rows, table.used) == (ROWS, 3)


def test_the_target_has_its_classes_and_its_missing_rows(tmp_path: Path) -> None:
    rows = [f"{i % 7},{['', 'a', 'b', 'b'][i % 4]}" for i in range(ROWS)]
    table = surveyed(csv(tmp_path, "n,y", rows))
    assert table.target is not None
    assert (table.target.rows, table.target.classes) == (30, {"a": 10, "b": 20})
    target = column_of(table, "y")
    assert (target.missing, target.distinct, target.examples) == (10, 2, ("b", "a"))


def test_missing_cells_are_counted_in_the_rows_that_have_a_target(tmp_path: Path) -> None:
    rows = [f"{'' if i < 10 else i % 7},{'' if i < 8 else 'ab'[i % 2]}" for i in range(ROWS)]
    number = column_of(surveyed(csv(tmp_path, "n,y", rows)), "n")
    assert (number.missing, number.notes) == (2, ("2 of 32 cells are missing",))


def test_a_quantity_has_its_range(tmp_path: Path) -> None:
    rows = [f"{i % 7},{i / 8}" for i in range(ROWS)]
    target = surveyed(csv(tmp_path, "n,y", rows)).target
    assert target is not None
    assert target.quantity is not None
    assert target.classes == {}
    assert (target.quantity.low, target.quantity.high) == (0, (ROWS - 1) / 8)
    assert target.quantity.mean == pytest.approx(np.arange(ROWS).mean() / 8)


def test_without_a_target_all_rows_are_counted(tmp_path: Path) -> None:
    table = surveyed(csv(tmp_path, "a,b", [f"{i % 7},{i % 5}" for i in range(ROWS)], target=None))
    assert table.target is None
    assert [column.read_as for column in table.columns] == ["number", "number"]


def test_typed_values_are_shown_as_a_reader_writes_them(tmp_path: Path) -> None:
    source = parquet(
        tmp_path,
        measure=np.arange(ROWS) % 9 / 3,
        day=[date(2024, 1 + i % 12, 1) for i in range(ROWS)],
        text=[("long words " * 9) + str(i % 5) for i in range(ROWS)],
        truth=[i % 3 == 0 for i in range(ROWS)],
    )
    table = surveyed(source)
    assert column_of(table, "measure").examples == ("0", "0.3333333333", "0.6666666667")
    assert column_of(table, "day").examples == ("2024-01-01", "2024-02-01", "2024-03-01")
    assert column_of(table, "text").examples == ("long words long words long words long wo...",)
    assert column_of(table, "truth").examples == ("True", "False")


def test_values_that_cannot_be_compared_are_shown_and_not_counted(tmp_path: Path) -> None:
    raw = RawColumn("several", pa.chunked_array([[[1, 2], [3], None, [1, 2]]]), tmp_path, str)
    column = not_read(raw, f"'{tmp_path}': column 'several' holds lists")
    assert (column.read_as, column.missing, column.distinct) == ("refused", 1, None)
    assert column.examples == ("[1, 2]", "[3]")
    assert column.notes == ("column 'several' holds lists",)


def test_of_a_long_column_many_different_values_are_counted_in_the_first_rows(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(surveying, "COUNTED", 20)
    monkeypatch.setattr(surveying, "FEW", 9)
    source = parquet(tmp_path, many=np.arange(ROWS) * 1.5, few=np.arange(ROWS) // 5)
    many, few = (column_of(surveyed(source), name) for name in ("many", "few"))
    assert (many.distinct, many.distinct_at_least) == (20, True)
    assert (few.distinct, few.distinct_at_least) == (8, False)


def test_examples_are_looked_for_beyond_the_first_rows(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(surveying, "HEAD", 10)
    source = parquet(tmp_path, late=[None] * 20 + ["a", "b", "c", "a"] * 5)
    assert column_of(surveyed(source), "late").examples == ("a", "b", "c")


def test_notes_about_the_table_are_apart_and_warnings_come_first(tmp_path: Path) -> None:
    rows = [f"{i % 4},{i % 3}.5,{'' if i < 3 else 'no' if i % 4 else 'yes'}" for i in range(ROWS)]
    table = surveyed(csv(tmp_path, "index,n,y", rows))
    assert "3 of 40 rows left out: 'y' is empty there" in table.notes
    assert not [note for note in table.notes if note.startswith(("index: ", "n: ", "y: "))]
    assert table.notes == tuple(warnings_first(table.notes))
