"""The decision whether a point or comma before three digits is a decimal mark or a thousands mark."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import pyarrow as pa
import pyarrow.compute as pc

from tasks.datasets.number_style import Mark, NumberStyle

NAMES = {".": "point", ",": "comma"}
DROPS_ZEROS = 45
"""Number of different numbers that decides: of numbers with up to three decimals nine in ten have exactly three, so
that 45 of them have exactly three with a chance of 0.9 ** 45, which is below one percent."""


@dataclass(frozen=True)
class Hints:
    """Knowledge about the marks of a column that is not in the column.

    Parameters
    ----------
    chosen : {".", ","}, optional
        The decimal mark that the user named.
    trained : NumberStyle, optional
        The style of the column in the training table.
    table : callable
        Function that returns the decimal mark of the table's clear columns; None if there is no clear column, or if
        they differ. It is called only if nothing else decides.
    """

    chosen: Mark | None = None
    trained: NumberStyle | None = None
    table: Callable[[], Mark | None] = lambda: None


def settle(candidates: Sequence[NumberStyle], digits: pa.Array, hints: Hints) -> tuple[NumberStyle, str]:
    """Choose one of the styles that read all numbers of a column, but give different numbers.

    Parameters
    ----------
    candidates : sequence of NumberStyle
        The styles; one of them takes the mark for a decimal mark, another one for a thousands mark.
    digits : pyarrow.Array of large_string
        Digits and marks of the column's different numbers.
    hints : Hints
        What else is known.

    Returns
    -------
    style : NumberStyle
        The chosen style.
    reason : str
        Clause that tells how an ambiguous mark was decided; empty if there was no choice.
    """
    if len(candidates) == 1:
        return candidates[0], ""
    for rule in _RULES:
        found = rule(candidates, digits, hints)
        if found is not None:
            return found
    return candidates[0], ""


_Decision = tuple[NumberStyle, str] | None


def _as_the_user_says(candidates: Sequence[NumberStyle], _digits: pa.Array, hints: Hints) -> _Decision:
    for style in candidates:
        if style.decimal == hints.chosen:
            return style, f"the decimal mark is a {NAMES[style.decimal]}, as --decimal-mark says"
    return None


def _as_in_training(candidates: Sequence[NumberStyle], _digits: pa.Array, hints: Hints) -> _Decision:
    trained = hints.trained
    for style in candidates:
        if trained and (style.decimal, style.thousands) == (trained.decimal, trained.thousands):
            return style, ""
    return None


def _as_the_digits_say(candidates: Sequence[NumberStyle], digits: pa.Array, _hints: Hints) -> _Decision:
    """Decide by the numbers without the mark, and by zeros at the end."""
    thousands = next((style for style in candidates if style.thousands), None)
    decimal = next((style for style in candidates if style is not thousands), None)
    if thousands is None or decimal is None:
        return None
    is_marked = pc.match_substring(digits, thousands.thousands)
    marked, unmarked = digits.filter(is_marked), digits.filter(pc.invert(is_marked))
    if not len(unmarked):
        return None
    if pc.max(pc.utf8_length(unmarked)).as_py() > 3:
        return decimal, ""
    shown = marked[0].as_py()
    if pc.any(pc.ends_with(marked, "0")).as_py() or len(marked) >= DROPS_ZEROS:
        return (
            thousands,
            f"'{shown}' has a thousands mark, because numbers without the mark have at most 3 digits",
        )
    return None


def _as_in_the_table(candidates: Sequence[NumberStyle], _digits: pa.Array, hints: Hints) -> _Decision:
    mark = hints.table()
    for style in candidates:
        if style.decimal == mark:
            reason = f"the decimal mark is a {NAMES[mark]}, as in the other columns; {_other_way(style)}"
            return style, reason if mark != "." else ""
    return None


def _as_is_usual(candidates: Sequence[NumberStyle], digits: pa.Array, _hints: Hints) -> _Decision:
    """Take a point for a decimal mark, and a comma for a thousands mark."""
    style = next((style for style in candidates if style.decimal == "."), candidates[0])
    return (
        style,
        f"nothing in the table tells which mark is the decimal mark, and a point is usual; {_other_way(style)}",
    )


def _other_way(style: NumberStyle) -> str:
    other = "comma" if style.decimal == "." else "point"
    return f"if this is wrong, say --decimal-mark {other}"


_RULES: tuple[Callable[[Sequence[NumberStyle], pa.Array, Hints], _Decision], ...] = (
    _as_the_user_says,
    _as_in_training,
    _as_the_digits_say,
    _as_in_the_table,
    _as_is_usual,
)
