"""Texts and numbers that stand for a missing value."""

from collections.abc import Iterable

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

MISSING_WORDS = ("", "?", "NA", "N/A", "#N/A", "n/a", "NaN", "nan", "null", "NULL", "\\N")
"""Texts that mean that a cell has no value, in every column."""
AMONG_NUMBERS = frozenset(
    (
        *(
            "-",
            "--",
            "---",
            ".",
            "..",
            "...",
            "_",
            "*",
            "x",
            "none",
            "<na>",
            "n.a.",
            "n.a",
            "na",
            "n/a",
            "nan",
            "-nan",
        ),
        *(
            "null",
            "(null)",
            "\\n",
            "nil",
            "unknown",
            "unk",
            "missing",
            "not available",
            "not applicable",
            "undefined",
        ),
        *(
            "#div/0!",
            "#n/a",
            "#n/a n/a",
            "#na",
            "#value!",
            "#ref!",
            "#num!",
            "#name?",
            "#null!",
            "1.#ind",
            "-1.#ind",
        ),
        *(
            "1.#qnan",
            "-1.#qnan",
            "tbd",
            "k.a.",
            "k. a.",
            "keine angabe",
            "n.d.",
            "nd",
            "s/o",
            "n.v.t.",
            "empty",
            "blank",
        ),
    )
)
"""Texts, in lower case, that mean that a cell has no value if they stand among numbers."""
SENTINELS = tuple(sign * float("9" * digits) for digits in range(2, 7) for sign in (-1, 1))
MIN_SENTINELS = 2
MIN_OTHERS = 10


def is_missing_among_numbers(texts: pa.Array) -> pa.Array:
    """Mask of the texts that mean, among numbers, that a cell has no value."""
    return pc.is_in(pc.utf8_lower(texts), pa.array(sorted(AMONG_NUMBERS), texts.type))


def as_number(word: str) -> float | None:
    """The number that a word writes; None: the word is no number."""
    try:
        return float(word)
    except ValueError:
        return None


def sentinel(numbers: npt.NDArray[np.float64]) -> float | None:
    """The number, such as -999, that stands for a missing value: it repeats, and lies far from all other numbers.

    Far means farther from the nearest other number than the other numbers are from one another, because a number that
    was measured hardly lies there twice.

    Parameters
    ----------
    numbers : numpy.ndarray of float64, shape (rows,)
        The numbers of a column; NaN and infinite numbers are ignored.

    Returns
    -------
    float or None
        The number; None if the column has no such number.
    """
    finite = numbers[np.isfinite(numbers)]
    for candidate in _extremes(finite):
        others = finite[finite != candidate]
        if len(finite) - len(others) < MIN_SENTINELS or len(np.unique(others)) < MIN_OTHERS:
            continue
        distance = max(others.min() - candidate, candidate - others.max())
        if distance > np.ptp(others):
            return candidate
    return None


def _extremes(finite: npt.NDArray[np.float64]) -> Iterable[float]:
    """Lowest and highest number, where they are among the numbers that people choose for "missing"."""
    if not len(finite):
        return []
    return [extreme for extreme in (float(finite.min()), float(finite.max())) if extreme in SENTINELS]
