"""The kind of a cell by its looks: enough to tell a header from values, not to read the value."""

import re
from collections import Counter
from collections.abc import Iterable
from typing import Literal

from tasks.datasets.missing import MISSING_WORDS

Kind = Literal["number", "date", "text", "empty"]

_SIGN = r"[+\-\u2212]?\s?"
_CURRENCY = r"(?:[$\u20ac\u00a3\u00a5]\s?)?"
_UNIT = r"(?:\s?[%$\u20ac\u00a3\u00a5])?"
_DIGITS = r"(?:\d(?:[\d.,'\u2019\u00a0\u202f]| (?=\d))*|[.,]\d+)(?:[eE][+-]?\d+)?"
_NUMBER = re.compile(
    rf"{_SIGN}{_CURRENCY}{_SIGN}{_DIGITS}{_UNIT}|\({_CURRENCY}{_DIGITS}{_UNIT}\)|[+-]?inf", re.I
)
_DATE = re.compile(r"\d{1,4}([-/.])\d{1,2}\1\d{1,4}([ T].*)?|\d{1,2}:\d{2}(:\d{2}.*)?")
_NO_VALUE = frozenset(word.casefold() for word in (*MISSING_WORDS, "-", "--", ".", "none", "<na>", "n.a."))


def kind_of(cell: str) -> Kind:
    """Kind of a cell, by its looks."""
    cell = cell.strip()
    if cell.casefold() in _NO_VALUE:
        return "empty"
    if _DATE.fullmatch(cell):
        return "date"
    return "number" if _NUMBER.fullmatch(cell) else "text"


def common_kind(cells: Iterable[str]) -> Kind:
    """Kind that at least four of five cells with a value have; otherwise text."""
    counts = Counter(kind_of(cell) for cell in cells)
    del counts["empty"]
    if not counts:
        return "empty"
    kind, count = counts.most_common(1)[0]
    return kind if count >= 0.8 * counts.total() else "text"
