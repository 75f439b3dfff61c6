"""The distribution of a column's values in a few figures: a histogram of numbers, or the most frequent texts."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from tasks.datasets.columns import AnyColumn
from tasks.datasets.raw import RawColumn

BINS = 30
FREQUENT = 5  # number of texts that are counted one by one
TAIL = 0.005  # share of the values on each side that may lie far from all others
FAR = 2.0  # a tail is far if the whole range is so many times as long as the range without the tails


@dataclass(frozen=True)
class Histogram:
    """Numbers of rows in intervals of equal length.

    Parameters
    ----------
    counts : tuple of int
        Number of rows in each interval, from low to high.
    low, high : str
        Ends of the intervals, in words; the first and the last interval may count values beyond them too.
    """

    counts: tuple[int, ...]
    low: str
    high: str


@dataclass(frozen=True)
class Frequencies:
    """Numbers of rows of the most frequent texts.

    Parameters
    ----------
    counts : tuple of (str, int)
        The most frequent texts, each with its number of rows.
    others : int
        Number of rows with another text.
    """

    counts: tuple[tuple[str, int], ...]
    others: int


Distribution = Histogram | Frequencies


def distribution(raw: RawColumn, kind: AnyColumn | None) -> Distribution | None:
    """Take the distribution of a column.

    Parameters
    ----------
    raw : RawColumn
        The column of the file.
    kind : AnyColumn, optional
        The step that prepares the column; None for a target or a column that cannot be used.

    Returns
    -------
    Histogram, Frequencies or None
        A histogram of a column of numbers, else the most frequent texts; None for a column without values, and for
        values that cannot be counted.
    """
    if kind and (measured := kind.measured(raw)) is not None:
        return histogram(measured)
    if kind is None and raw.holds_numbers:
        return histogram(raw.numbers)
    return _frequencies(raw.texts if raw.holds_texts else raw.values)


def histogram(values: npt.NDArray[Any]) -> Histogram | None:
    """Count numbers (float64) or points in time (datetime64) in intervals of equal length; missing ones are left out.

    A few values far from all others do not stretch the intervals.
    """
    if values.dtype.kind == "M":
        times = values[~np.isnat(values)].astype("M8[s]")
        return _counted(times.astype(np.float64), lambda seconds: str(np.datetime64(int(seconds), "s"))[:10])
    return _counted(values[np.isfinite(values)], _number)


def _counted(numbers: npt.NDArray[np.float64], shown: Callable[[float], str]) -> Histogram | None:
    if not len(numbers):
        return None
    least, low, high, most = np.quantile(numbers, (0, TAIL, 1 - TAIL, 1))
    if most - least <= FAR * (high - low):
        low, high = least, most
    counts, _ = np.histogram(np.clip(numbers, low, high), bins=_bins(numbers, low, high), range=(low, high))
    return Histogram(
        tuple(counts.tolist()),
        shown(low) if low == least else f"≤ {shown(low)} (from {shown(least)})",
        shown(high) if high == most else f"≥ {shown(high)} (up to {shown(most)})",
    )


def _number(value: float) -> str:
    """A number with five digits; years have no comma."""
    return f"{value:,.5g}" if 10_000 <= abs(value) < 100_000 else f"{value:.5g}"


def _bins(finite: npt.NDArray[np.float64], low: float, high: float) -> int:
    """Number of intervals: one for each value of a narrow range of whole numbers."""
    if high == low:
        return 1
    whole = high - low < BINS and bool((finite % 1 == 0).all())
    return int(high - low) + 1 if whole else BINS


def _frequencies(cells: pa.ChunkedArray) -> Frequencies | None:
    try:
        counted = pc.value_counts(cells.drop_null())
    except pa.ArrowNotImplementedError:  # lists and structures
        return None
    counts = counted.field("counts")
    if not len(counts):
        return None
    numbers = counts.to_numpy()
    first = np.argsort(-numbers, kind="stable")[:FREQUENT]
    most = tuple((str(counted.field("values")[int(i)].as_py()), int(numbers[i])) for i in first)
    return Frequencies(most, int(numbers.sum()) - sum(count for _, count in most))
