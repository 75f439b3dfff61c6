"""Refusals of a text file that cannot be parsed, with the line of the fault."""

from collections.abc import Iterator
from typing import NoReturn

import numpy as np
import numpy.typing as npt

from infra.errors import DataError
from tasks.datasets.files.text.layout import TextLayout
from tasks.datasets.files.text.records import Record, RecordError, records
from tasks.datasets.files.text.separators import Separator


def rows_of(text: str, separator: Separator, layout: TextLayout, place: str) -> Iterator[Record]:
    """Each row of the table, and what stands below the table; comments and repeated headers are left out.

    Parameters
    ----------
    text : str
        The text of the file.
    separator : Separator
        The separator of the fields.
    layout : TextLayout
        The rows of the table inside the file.
    place : str
        The file, as messages name it.

    Raises
    ------
    DataError
        If the text cannot be parsed; the message names the line.
    """
    for record in _records_below(text, separator, layout, place):
        if not layout.repeats_header(record.fields):
            yield record


def lines_of_headers(text: str, separator: Separator, layout: TextLayout, place: str) -> Iterator[int]:
    """Number of the line (from 1) of each row that repeats the header.

    Parameters
    ----------
    text : str
        The text of the file.
    separator : Separator
        The separator of the fields.
    layout : TextLayout
        The rows of the table inside the file.
    place : str
        The file, as messages name it.
    """
    for record in _records_below(text, separator, layout, place):
        if layout.repeats_header(record.fields):
            yield record.line


def _records_below(text: str, separator: Separator, layout: TextLayout, place: str) -> Iterator[Record]:
    """Each record below the header that is no comment."""
    try:
        for index, record in enumerate(records(text, separator.delimiter)):
            if index >= layout.first and not is_comment(record, len(layout.names)):
                yield record
    except RecordError as error:
        raise DataError(f"'{place}', line {error.line}: cannot be read as CSV ({error})") from None


def is_comment(record: Record, width: int) -> bool:
    """Whether a record among the rows is a comment, which has another number of fields than a row."""
    return record.is_comment and len(record.fields) != width


def lines_of_rows(text: str, separator: Separator, layout: TextLayout, place: str) -> npt.NDArray[np.int64]:
    """Number of the line (from 1) on which each row begins; blank lines and quoted line breaks count.

    Parameters
    ----------
    text : str
        The text of the file.
    separator : Separator
        The separator of the fields.
    layout : TextLayout
        The rows of the table inside the file.
    place : str
        The file, as messages name it.
    """
    return np.fromiter((row.line for row in rows_of(text, separator, layout, place)), np.int64)


def refuse_open_quote(text: str, separator: Separator, place: str) -> None:
    """Refuse an open quote, because it would make the rest of the file one cell.

    Parameters
    ----------
    text : str
        The text of the file.
    separator : Separator
        The separator of the fields.
    place : str
        The file, as messages name it.

    Raises
    ------
    DataError
        If a quote is wrong or never closed; the message names the line.
    """
    try:
        for _ in records(text, separator.delimiter, strict=True):
            pass
    except RecordError as error:
        raise DataError(f"'{place}', line {error.line}: a quote is wrong or never closed ({error})") from None


def refuse_ragged(text: str, separator: Separator, layout: TextLayout, place: str) -> None:
    """Refuse the first row that has more or fewer fields than the header.

    Parameters
    ----------
    text : str
        The text of the file.
    separator : Separator
        The separator of the fields.
    layout : TextLayout
        The rows of the table inside the file.
    place : str
        The file, as messages name it.

    Raises
    ------
    DataError
        If there is such a row; the message names the line and both numbers of fields.
    """
    for row in rows_of(text, separator, layout, place):
        if len(row.fields) != len(layout.names):
            refuse_width(row.line, len(row.fields), len(layout.names), separator, place)


def refuse_width(line: int, found: int, wanted: int, separator: Separator, place: str) -> NoReturn:
    """Refuse a row because of its number of fields.

    Parameters
    ----------
    line : int
        Number of the row's line.
    found, wanted : int
        Number of fields of the row and of the header.
    separator : Separator
        The separator.
    place : str
        The file, as messages name it.

    Raises
    ------
    DataError
        Always.
    """
    raise DataError(
        f"'{place}', line {line}: {found} fields where the header has {wanted}; look for a missing or extra "
        f"{separator.name}"
    )
