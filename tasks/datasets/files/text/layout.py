"""Where the rows of a table begin: titles, header and units above them."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

from infra.errors import DataError
from tasks.datasets.files.base import EmptyTableError
from tasks.datasets.files.text.kinds import Kind, common_kind, kind_of
from tasks.datasets.files.text.records import Record
from tasks.datasets.files.text.separators import MOST_TITLES, SAMPLED_CELLS
from tasks.datasets.missing import AMONG_NUMBERS

LONGEST_UNIT = 40  # characters
ROW_NAME = "row name"
LEAST_OTHERS = 0.8  # least share of rows that differ from a header


@dataclass(frozen=True)
class TextLayout:
    """The rows of a table inside a file.

    Parameters
    ----------
    names : tuple of str
        Names of the columns, one for each field of a row.
    first : int
        Number of records above the first row, comments included.
    sample : tuple of list of str
        The first rows.
    trailing : bool
        Whether the last field of each row has no name and should be empty everywhere.
    notes : tuple of str
        Sentences on what was skipped or guessed.
    header : tuple of str
        The fields of the header, with which a row may be compared; empty if no row can be a header by mistake.
    """

    names: tuple[str, ...]
    first: int
    sample: tuple[list[str], ...]
    trailing: bool = False
    notes: tuple[str, ...] = ()
    header: tuple[str, ...] = ()

    def repeats_header(self, fields: Sequence[str]) -> bool:
        """Whether the fields of a row are those of the header, as in files that were joined."""
        return bool(self.header) and _bare(fields) == self.header

    @property
    def kinds(self) -> list[Kind]:
        """Kind of each column, by the looks of its first cells."""
        return [common_kind(column) for column in self.columns]

    @property
    def columns(self) -> list[tuple[str, ...]]:
        """The first cells of each column."""
        return list(zip(*self.sample, strict=True)) if self.sample else [()] * len(self.names)


def find_layout(records: Sequence[Record], width: int, place: str, *, header: bool) -> TextLayout:
    """Find header and first row among the first records of a file.

    Parameters
    ----------
    records : sequence of Record
        The first records.
    width : int
        Number of fields that most records have.
    place : str
        The file, as messages name it.
    header : bool
        Whether the file names its columns.

    Returns
    -------
    TextLayout

    Raises
    ------
    DataError
        If there are no rows, or the first record looks like a row although it should be a header, or like a header
        although it should be a row.
    """
    top = _header_at(records, width)
    notes = _notes_on_titles(records[:top], "header" if header else "rows")
    rows = _rows_after(records, top if not header else top + 1, width)
    if not header:
        if rows:
            _require_row(records[top], rows, place)
        names = tuple(f"column {index + 1}" for index in range(width))
        return TextLayout(names, top, rows, notes=tuple(notes))
    if not any(not one.is_comment for one in records[top + 1 :]):
        raise EmptyTableError(f"'{place}' has a header but no rows")
    found = _bare(records[top].fields)
    rows = _without_header(rows, found)
    named = _named(records, top, width, rows)
    if named.first < top:  # the header is a comment, and what seemed to be the header is the first row
        rows = _rows_after(records, top, width)
    elif len(found) == width and any(kind_of(name) == "text" for name in found):
        named = replace(named, header=found)
    layout = replace(named, first=named.first + 1, sample=rows, notes=(*notes, *named.notes))
    layout = _without_units(layout, records, width)
    if named.first == top:
        _require_header(records[top], layout, place)
    return layout


def _header_at(records: Sequence[Record], width: int) -> int:
    """Index of the first record that is neither a comment nor a title."""
    for index, one in enumerate(records[: MOST_TITLES + 1]):
        if not one.is_comment and not _is_title(one, width):
            return index
    return 0


def _is_title(record: Record, width: int) -> bool:
    """Whether a record has so few cells that it is no header: one cell, or none, of three or more."""
    if len(record.fields) == width:
        return width > 2 and record.filled < 2 and (not record.filled or bool(record.fields[0].strip()))
    return (
        record.filled < min(len(record.fields), width) or len(record.fields) < width - 1 or record.filled <= 1
    )


def _notes_on_titles(skipped: Sequence[Record], below: str) -> list[str]:
    comments = [one for one in skipped if one.is_comment]
    titles = [one for one in skipped if not one.is_comment]
    notes = []
    if titles:
        notes.append(f"{_lines(titles)} above the {below} left out ({_shown(titles[0].fields)})")
    if comments:
        notes.append(f"{_lines(comments)} left out, because a comment begins with '#'")
    return notes


def _lines(records: Sequence[Record]) -> str:
    numbers = [one.line for one in records]
    return f"line {numbers[0]}" if len(numbers) == 1 else f"lines {numbers[0]} to {numbers[-1]}"


def _shown(fields: Sequence[str], longest: int = 60) -> str:
    text = ", ".join(field.strip() for field in fields if field.strip())
    return f"{text[:longest]}..." if len(text) > longest else text


def _rows_after(records: Sequence[Record], start: int, width: int) -> tuple[list[str], ...]:
    kept = max(5, SAMPLED_CELLS // max(width, 1))
    return tuple(one.fields for one in records[start:] if len(one.fields) == width)[:kept]


def _without_header(rows: tuple[list[str], ...], header: tuple[str, ...]) -> tuple[list[str], ...]:
    """The rows without a few that repeat the header; many such rows show that the header is a row too."""
    others = tuple(row for row in rows if _bare(row) != header)
    return others if len(others) >= LEAST_OTHERS * len(rows) else rows


def _bare(fields: Sequence[str]) -> tuple[str, ...]:
    """The fields without blanks around them, and without the byte order mark of a file that was joined."""
    first, *others = fields
    return (first.removeprefix("\ufeff").strip().strip('"'), *(field.strip() for field in others))


def _named(records: Sequence[Record], top: int, width: int, rows: Sequence[list[str]]) -> TextLayout:
    """The layout with the names of the header, whose number of fields may differ from the rows' by one."""
    header = [field.strip() for field in records[top].fields]
    commented = _commented_header(records, top, width)
    if commented is not None and _looks_like_row(records[top].fields, rows):
        return TextLayout(
            _uncommented(commented),
            top - 1,
            (),
            notes=(f"line {commented.line} begins with '#' and is the header",),
        )
    if len(header) == width - 1 and rows:
        if all(not row[-1].strip() for row in rows):
            return TextLayout((*header, ""), top, (), trailing=True)
        note = (
            f"the header (line {records[top].line}) has one name less than the rows have fields: the first column "
            f"holds the names of the rows and was called '{ROW_NAME}'"
        )
        return TextLayout((ROW_NAME, *header), top, (), notes=(note,))
    trailing = (
        width > 1 and len(header) == width and not header[-1] and all(not row[-1].strip() for row in rows)
    )
    return TextLayout(tuple(header), top, (), trailing=trailing)


def _commented_header(records: Sequence[Record], top: int, width: int) -> Record | None:
    above = records[top - 1] if top else None
    return above if above is not None and above.is_comment and len(above.fields) == width > 1 else None


def _uncommented(record: Record) -> tuple[str, ...]:
    first, *others = (field.strip() for field in record.fields)
    return (first.lstrip("# "), *others)


def _without_units(layout: TextLayout, records: Sequence[Record], width: int) -> TextLayout:
    """The layout without rows of units or types right below the header."""
    while len(layout.sample) > 1 and _holds_units(layout.sample[0], layout.sample[1:]):
        record = records[layout.first]
        note = f"line {record.line} below the header left out, because it holds units and no values"
        layout = replace(
            layout,
            first=layout.first + 1,
            sample=layout.sample[1:],
            notes=(*layout.notes, f"{note} ({_shown(record.fields)})"),
        )
    return layout


def _holds_units(row: Sequence[str], rows: Sequence[Sequence[str]]) -> bool:
    """Whether a row has words, or nothing, where the rows below have numbers, and no value of theirs elsewhere."""
    words = numeric = elsewhere = 0
    for cell, column in zip(row, zip(*rows, strict=True), strict=True):
        kind, filled = kind_of(cell), cell.strip()
        if common_kind(column) in ("number", "date"):
            if kind in ("number", "date") or len(filled) > LONGEST_UNIT:
                return False
            numeric += 1
            words += kind == "text"
        elif filled and any(filled == other.strip() for other in column):
            return False
        else:
            elsewhere += bool(filled)
    return words > 0 and (2 * words >= numeric or not elsewhere)


def _require_header(record: Record, layout: TextLayout, place: str) -> None:
    if _looks_like_row(record.fields, layout.sample):
        raise DataError(
            f"'{place}', line {record.line}: the first line looks like a row of values and not like a header "
            f"({_shown(record.fields)}); give --no-header if the file names no columns, or write a header of words"
        )


def _require_row(record: Record, rows: Sequence[Sequence[str]], place: str) -> None:
    if record.fields == rows[0] and _looks_like_header(record.fields, rows[1:]):
        raise DataError(
            f"'{place}', line {record.line}: the first line looks like a header and not like a row of values "
            f"({_shown(record.fields)}), and --no-header says that there is none; leave out --no-header, or delete "
            "this line if the model was trained on a table without a header"
        )


def _looks_like_header(fields: Sequence[str], rows: Sequence[Sequence[str]]) -> bool:
    """Whether the fields of a row are names: words over all numbers, and elsewhere texts that no row below has."""
    words = 0
    for field, column in zip(fields, zip(*rows, strict=True), strict=False):
        name, is_measured = field.strip(), common_kind(column) in ("number", "date")
        if not name:
            continue
        if is_measured and kind_of(name) != "text":
            return False
        if any(name == other.strip() for other in column):
            return False
        words += is_measured and name.casefold() not in AMONG_NUMBERS
    return words > 0


def _looks_like_row(fields: Sequence[str], rows: Sequence[Sequence[str]]) -> bool:
    """Whether the fields of a header are values: no word stands over numbers, and numbers or known words are there."""
    if not rows or len(fields) != len(rows[0]) or _counts(fields):
        return False
    values = known = words = 0
    for field, column in zip(fields, zip(*rows, strict=True), strict=True):
        kind, below = kind_of(field), common_kind(column)
        if kind == "text" and below in ("number", "date"):
            return False
        values += kind in ("number", "date") and kind == below
        if kind == "text":
            words += 1
            known += any(field.strip() == other.strip() for other in column)
    return values > 0 or (words > 1 and known >= 0.8 * words)


def _counts(fields: Sequence[str]) -> bool:
    """Whether the numbers among the names count up by one, as years or the columns of a matrix do."""
    numbers = [int(field) for field in fields if field.strip().isdecimal()]
    others = [field for field in fields if not field.strip().isdecimal()]
    counting = all(after - before == 1 for before, after in pairwise(numbers))
    return len(numbers) > 1 and counting and all(kind_of(other) in ("text", "empty") for other in others)
