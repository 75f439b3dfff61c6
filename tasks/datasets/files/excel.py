"""Spreadsheets: the first sheet with a table, with the types of its cells."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Any

import pyarrow as pa
from python_calamine import CalamineError, CalamineWorkbook, SheetTypeEnum, SheetVisibleEnum

from infra.errors import DataError
from infra.readable import listed
from tasks.datasets.files.base import Content, EmptyTableError, Reading
from tasks.datasets.files.nesting import flat
from tasks.datasets.files.opened import ZIP, Opened
from tasks.datasets.files.text.footers import MOST_FOOTERS, footers
from tasks.datasets.files.text.layout import TextLayout, find_layout
from tasks.datasets.files.text.records import Record
from tasks.datasets.files.text.separators import SAMPLED_RECORDS
from tasks.datasets.files.unnamed import named

OLD_EXCEL = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
LEAST_ROWS = 2
"""A sheet with fewer rows, a title for example, is no table."""


@dataclass(frozen=True)
class Sheet:
    """The rows of a sheet that have a value.

    Parameters
    ----------
    name : str
        Name of the sheet.
    rows : list of list
        The cells.
    numbers : list of int
        Number of each row in the sheet (from 1).
    """

    name: str
    rows: list[list[Any]]
    numbers: list[int]


class Spreadsheet:
    """Excel's .xlsx, .xlsm, .xlsb and .xls, and OpenDocument's .ods."""

    name = "Excel"
    part_suffixes = (".xlsx", ".xlsm", ".xlsb", ".xls", ".ods")
    parts_may_lack_columns = False

    def fits(self, file: Opened) -> bool:
        """Tell whether a file begins as spreadsheets do: an archive that `open_file` left packed is one."""
        return file.head.startswith((ZIP, OLD_EXCEL)) or file.suffix in self.part_suffixes

    def read(self, file: Opened, reading: Reading) -> Content:
        """Read the first visible sheet with a table.

        Raises
        ------
        DataError
            If the file is damaged, is protected by a password, or has no sheet with a table.
        """
        place = str(file.path)
        sheet, others = _first_table(_workbook(file), place)
        texts = [[_as_text(cell) for cell in row] for row in sheet.rows]
        records = [Record(number, 0, fields) for number, fields in zip(sheet.numbers, texts, strict=True)]
        layout = find_layout(records[:SAMPLED_RECORDS], len(texts[0]), place, header=reading.header)
        count = footers(records[layout.first :][-MOST_FOOTERS:], layout)
        below = range(layout.first, len(records) - count)
        kept = [index for index in below if not layout.repeats_header(texts[index])]
        words = [texts[index] for index in kept]
        names, unnamed = _names(words, layout, reading)
        table, notes = flat(_table([sheet.rows[index] for index in kept], words, names, reading))
        told = (
            [f"sheet '{sheet.name}' was read; sheets that were not read: {listed(others)}"] if others else []
        )
        if count:
            told.append(f"{count} rows at the end of the sheet left out, because they are totals or remarks")
        if len(kept) < len(below):
            told.append(f"rows of the sheet that repeat the header were left out: {len(below) - len(kept)}")
        rows = [sheet.numbers[index] for index in kept]
        return Content(
            table, lambda row: f"row {rows[row]}", (*file.notes, *told, *layout.notes, *unnamed, *notes)
        )


def _workbook(file: Opened) -> CalamineWorkbook:
    try:
        return CalamineWorkbook.from_filelike(file.stream())
    except (CalamineError, OSError) as error:
        raise DataError(
            f"'{file.path}' cannot be read as a spreadsheet ({error}); save it again without a password, or as CSV"
        ) from None


def _first_table(workbook: CalamineWorkbook, place: str) -> tuple[Sheet, list[str]]:
    """The first visible sheet with a table, and the names of the other sheets that hold values."""
    visible = [
        one.name
        for one in workbook.sheets_metadata
        if one.typ == SheetTypeEnum.WorkSheet and one.visible == SheetVisibleEnum.Visible
    ]
    sheets = [sheet for sheet in (_sheet(workbook, name) for name in visible) if sheet.rows]
    tables = [sheet for sheet in sheets if len(sheet.rows) >= LEAST_ROWS]
    if not tables:
        raise EmptyTableError(f"'{place}' has no sheet with a header and rows")
    return tables[0], [f"'{sheet.name}'" for sheet in sheets if sheet is not tables[0]]


def _sheet(workbook: CalamineWorkbook, name: str) -> Sheet:
    sheet = workbook.get_sheet_by_name(name)
    top = sheet.start[0] + 1 if sheet.start else 1
    numbered = [
        (number, row)
        for number, row in enumerate(sheet.to_python(skip_empty_area=True), start=top)
        if any(_as_text(cell) for cell in row)
    ]
    return Sheet(name, [row for _, row in numbered], [number for number, _ in numbered])


def _as_text(cell: Any) -> str:
    """A cell as a person reads it: whole numbers without a decimal point, dates in ISO form."""
    if isinstance(cell, bool):
        return str(cell).upper()
    if isinstance(cell, float) and cell.is_integer():
        return str(int(cell))
    if isinstance(cell, datetime):
        return cell.isoformat(" ")
    return str(cell).strip()


def _names(
    texts: Sequence[Sequence[str]], layout: TextLayout, reading: Reading
) -> tuple[list[str], list[str]]:
    filled = [index for index, name in enumerate(layout.names) if name or any(row[index] for row in texts)]
    return named(
        layout.names,
        filled,
        lambda index: pa.chunked_array([[row[index] for row in texts]]),
        reading.is_wanted,
    )


def _table(
    rows: Sequence[Sequence[Any]], texts: Sequence[Sequence[str]], names: Sequence[str], reading: Reading
) -> pa.Table:
    found: list[str] = []
    columns: list[pa.Array] = []
    for index, name in enumerate(names):
        words = [row[index] for row in texts]
        if reading.is_wanted(name) and (name or any(words)):
            found.append(name)
            columns.append(_column([row[index] for row in rows], words))
    return pa.Table.from_arrays(columns, found)


def _column(cells: Sequence[Any], words: Sequence[str]) -> pa.Array:
    """Typed values if all cells are of one kind, otherwise the texts."""
    filled = [cell for cell, word in zip(cells, words, strict=True) if word]
    for kinds, make in _MAKERS:
        if filled and all(type(cell) in kinds for cell in filled):
            return make([cell if word else None for cell, word in zip(cells, words, strict=True)])
    return pa.array([word or None for word in words], pa.string())


def _numbers(cells: list[Any]) -> pa.Array:
    whole = all(cell is None or float(cell).is_integer() for cell in cells)
    return pa.array([None if cell is None else int(cell) if whole else float(cell) for cell in cells])


def _times(cells: list[Any]) -> pa.Array:
    moments = [
        None if cell is None else cell if isinstance(cell, datetime) else datetime.combine(cell, time())
        for cell in cells
    ]
    return pa.array(moments, pa.timestamp("us"))


_MAKERS: tuple[tuple[tuple[type, ...], Callable[[list[Any]], pa.Array]], ...] = (
    ((bool,), pa.array),
    ((int, float), _numbers),
    ((date, datetime), _times),
    ((time,), pa.array),
    ((timedelta,), pa.array),
)
