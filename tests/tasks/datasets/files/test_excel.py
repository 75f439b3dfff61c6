"""Spreadsheets that openpyxl wrote read back with the types of their cells."""

from collections.abc import Mapping, Sequence
from datetime import datetime, time, timedelta
from pathlib import Path

import pandas as pd
import pytest
from openpyxl import Workbook

from infra.errors import DataError
from tasks.datasets.catalogue import resolve
from tasks.datasets.options import ReadingOptions
from tasks.datasets.raw import RawTable
from tasks.datasets.reading import read
from tests.tasks.datasets.files.written import rows_of

HEADER = ["n", "x", "when", "ok", "word"]
BODY = [[i, i / 2 + 0.25, datetime(2024, 5, 1 + i, 3), i % 2 == 0, f"w{i % 3}"] for i in range(12)]


def sheets(
    folder: Path, content: Mapping[str, Sequence[Sequence[object]]], *, header: bool = True
) -> RawTable:
    book = Workbook()
    book.remove(book.active)
    for name, rows in content.items():
        sheet = book.create_sheet(name)
        for row in rows:
            sheet.append(list(row))
    book.save(folder / "t.xlsx")
    return read(resolve(str(folder / "t.xlsx"), options=ReadingOptions(no_header=not header)))


def test_cells_keep_their_types(tmp_path: Path) -> None:
    read_back = sheets(tmp_path, {"Data": [HEADER, *BODY]})
    assert read_back.names == HEADER
    assert rows_of(read_back) == BODY
    assert read_back.notes == ()
    assert [str(column.values.type) for column in read_back.columns] == [
        "int64", "double", "timestamp[us]", "bool", "string",
    ]  # fmt: skip


def test_a_sheet_equals_what_pandas_reads(tmp_path: Path) -> None:
    read_back = sheets(tmp_path, {"Data": [HEADER, *BODY]})
    expected = pd.read_excel(tmp_path / "t.xlsx", engine="openpyxl")
    found = pd.DataFrame({column.name: column.values.to_pandas() for column in read_back.columns})
    pd.testing.assert_frame_equal(found, expected, check_dtype=False)


def test_the_first_sheet_with_a_table_is_read_and_the_others_are_told(tmp_path: Path) -> None:
    read_back = sheets(
        tmp_path, {"Cover": [["My report"]], "Empty": [], "Data": [HEADER, *BODY], "More": [["a"], [1]]}
    )
    assert rows_of(read_back) == BODY
    assert read_back.notes == ("sheet 'Data' was read; sheets that were not read: 'Cover', 'More'",)


def test_titles_units_and_totals_are_left_out_and_told(tmp_path: Path) -> None:
    rows = [["Report of May"], [], HEADER, ["", "cm", "", "", ""], *BODY, ["Total", 12.5, None, None, None]]
    read_back = sheets(tmp_path, {"Data": rows})
    assert rows_of(read_back) == BODY
    assert len(read_back.notes) == 3
    assert read_back.columns[0].place(0) == "row 5"


def test_headers_that_joined_sheets_repeat_are_left_out_and_told(tmp_path: Path) -> None:
    read_back = sheets(tmp_path, {"Data": [HEADER, *BODY, HEADER, *BODY]})
    assert rows_of(read_back) == [*BODY, *BODY]
    assert read_back.notes == ("rows of the sheet that repeat the header were left out: 1",)
    assert read_back.columns[0].place(12) == "row 15"


def test_a_column_without_a_name_is_called_by_its_place(tmp_path: Path) -> None:
    read_back = sheets(tmp_path, {"Data": [["n", "", "when", "ok", "word"], *BODY]})
    assert read_back.names == ["n", "column 2", "when", "ok", "word"]
    assert rows_of(read_back) == BODY
    assert read_back.notes[0].startswith("column 2: the file has no name for this column")


def test_a_table_that_begins_further_down_and_right_is_read(tmp_path: Path) -> None:
    read_back = sheets(tmp_path, {"Data": [[], [], *([None, None, *row] for row in [HEADER, *BODY])]})
    assert rows_of(read_back) == BODY
    assert read_back.columns[0].place(0) == "row 4"


def test_a_column_of_several_kinds_is_text(tmp_path: Path) -> None:
    rows = [[value, i] for i, value in enumerate([1, 2.5, "n/a", None, 3, 4, 5, 6])]
    read_back = sheets(tmp_path, {"Data": [["a", "b"], *rows]})
    assert read_back["a"].values.to_pylist() == ["1", "2.5", "n/a", None, "3", "4", "5", "6"]


def test_times_and_durations_become_seconds(tmp_path: Path) -> None:
    rows = [["at", "for"], *[[time(1, i), timedelta(hours=30 + i)] for i in range(4)]]
    read_back = sheets(tmp_path, {"Data": rows})
    assert rows_of(read_back) == [[3600.0 + 60 * i, 3600.0 * (30 + i)] for i in range(4)]


def test_a_sheet_without_a_header_is_refused_with_the_remedy(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="--no-header"):
        sheets(tmp_path, {"Data": BODY})
    assert sheets(tmp_path, {"Data": BODY}, header=False).names[0] == "column 1"


@pytest.mark.parametrize("content", [b"PK\x03\x04x", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + b"\0" * 600])
def test_a_damaged_file_is_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "t.xlsx").write_bytes(content)
    with pytest.raises(DataError, match=r"t\.xlsx' "):
        read(resolve(str(tmp_path / "t.xlsx")))


def test_a_book_without_a_table_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no sheet with a header and rows"):
        sheets(tmp_path, {"Cover": [["My report"]]})
