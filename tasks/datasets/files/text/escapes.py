r"""Quotes that a backslash escapes (\"), as Spark and MySQL write them, become doubled quotes as in other files."""

import re
from collections import Counter

from tasks.datasets.files.text.records import RecordError, records
from tasks.datasets.files.text.separators import Separator, find_separator

ESCAPED = rb"\""
NOTE = (
    r"a quote behind a backslash (\") was read as a part of the text, because only then the rows have equal numbers "
    "of fields"
)
WINDOW = 1 << 20  # bytes by which the meaning of the backslash is decided
ANY_MARK = b",;\t|~^\x01 :"  # bytes that may stand before a field
_RUNS = re.compile(rb'(\\+)("|\Z)')
_ESCAPES = re.compile(rb'\\(["\\\n])')
_SINGLE = re.compile(rb'(?<!\\)(?:\\\\)*+\\(?![\\"N0\r\n])')


def with_doubled_quotes(data: bytes) -> tuple[bytes, list[str]]:
    r"""Write each quote that a backslash escapes as two quotes.

    A file is believed to escape quotes only if its rows agree better in the number of fields then: a path such as
    "C:\dir\" ends with a backslash too.

    Parameters
    ----------
    data : bytes
        The text in UTF-8.

    Returns
    -------
    bytes
        The text, with the same lines; the same object if no quote is escaped.
    list of str
        A sentence on the escapes.
    """
    at = data.find(ESCAPED)
    if at < 0:
        return data, []
    window, is_whole = _window(data, at)
    plain = _agreement(window, find_separator(window, is_whole=is_whole).separator, is_whole=is_whole)
    if plain == (1, 0):
        return data, []
    doubled = _doubled(window, ANY_MARK)
    separator = find_separator(doubled, is_whole=is_whole).separator
    if _agreement(doubled, separator, is_whole=is_whole) <= plain:
        return data, []
    is_plain = separator.normalized is bytes
    return _doubled(data, separator.delimiter.encode() if is_plain else ANY_MARK), [NOTE]


def _window(data: bytes, at: int) -> tuple[bytes, bool]:
    """The first line, and lines from the record of a position on; and whether they end with the text."""
    start = data.rfind(b"\n", 0, at) + 1
    quotes = data.count(b'"', 0, start)
    while quotes % 2:  # the line begins inside quotes
        begin = data.rfind(b"\n", 0, start - 1) + 1
        quotes -= data.count(b'"', begin, start)
        start = begin
    first = data[: min(data.find(b"\n") + 1, start)]
    end = data.find(b"\n", start + WINDOW) + 1 or len(data)
    return first + data[start:end], end == len(data)


def _agreement(window: bytes, separator: Separator, *, is_whole: bool) -> tuple[float, int]:
    """Share of the records with the usual number of fields, and 0; or 0 and the line of the first wrong quote."""
    text = separator.normalized(window).decode("utf-8", errors="ignore")
    widths: Counter[int] = Counter()
    try:
        for record in records(text, separator.delimiter, strict=True):
            widths[len(record.fields)] += not record.is_comment
    except RecordError as error:
        if is_whole or not error.at_end:
            return 0.0, error.line
    return max(widths.values(), default=0) / max(widths.total(), 1), 0


def _doubled(data: bytes, marks: bytes) -> bytes:
    """Write the escaped quotes of all fields as two quotes; a field without quotes around it gets them."""
    edge = rb"\n\r" + re.escape(marks)
    inside = rb'[^"' + edge + rb"]*+"
    field = re.compile(
        rb"(?<![^" + edge + rb'])(?:"((?:[^"\\]++|\\.|"")*+)"|'
        rb"(?=" + inside[:-1] + rb"\\)(" + inside + rb'(?:(?<=\\)"' + inside + rb")*+))",
        re.S,
    )
    escapes_itself = _SINGLE.search(data) is None
    return field.sub(lambda found: _rewritten(found, escapes_itself=escapes_itself), data)


def _rewritten(field: re.Match[bytes], *, escapes_itself: bool) -> bytes:
    """A field with doubled quotes, in quotes where it holds quotes."""
    quoted, bare = field.groups()
    if b"\\" not in field[0]:
        return field[0]
    if quoted is None and escapes_itself:
        text = _ESCAPES.sub(rb"\1", bare)
    elif quoted is None:
        text = bare.replace(ESCAPED, b'"')
    elif escapes_itself:
        return b'"' + _ESCAPES.sub(_meant, quoted) + b'"'
    else:
        return b'"' + _RUNS.sub(_run, quoted) + b'"'
    return b'"' + text.replace(b'"', b'""') + b'"' if b'"' in text else text


def _meant(escape: re.Match[bytes]) -> bytes:
    return b'""' if escape[1] == b'"' else escape[1]


def _run(found: re.Match[bytes]) -> bytes:
    """Backslashes before a quote or the end of a field: each pair means one, and one that is left escapes the quote."""
    backslashes = found[1][: len(found[1]) // 2]
    return backslashes + (b'""' if len(found[1]) % 2 else found[2])
