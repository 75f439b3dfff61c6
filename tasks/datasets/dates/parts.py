"""The numbers that dates become: year, month, day, weekday, day of the year, hour, and days since the first date."""

from collections.abc import Callable, Mapping, Sequence
from datetime import date

import numpy as np
import numpy.typing as npt
import pandas as pd

from tasks.datasets.dates.moments import Times

DAY = np.timedelta64(1, "D").astype("m8[us]")
HOUR = np.timedelta64(1, "h").astype("m8[us]")
YEAR_OF_NEVER = np.datetime64("9999-01-01", "us")
FIRST_OF_ALL = np.datetime64("0001-01-01", "D")

CALENDAR: Mapping[str, Callable[[pd.Series], pd.Series]] = {
    "year": lambda times: times.dt.year,
    "month": lambda times: times.dt.month,
    "day": lambda times: times.dt.day,
    "weekday": lambda times: times.dt.dayofweek,
    "day of year": lambda times: times.dt.dayofyear,
    "hour": lambda times: (times - times.dt.floor("D")) / HOUR,
}
"""Function of each part of a date; weekday 0 is Monday, and the hour has its minutes as a fraction."""
DAYS = "days"
"""Name of the days since the first date of the training rows."""
PARTS = (*CALENDAR, DAYS)
CLOCK_PARTS = ("hour",)
"""The part of a time of day."""


def is_never(wall: Times) -> npt.NDArray[np.bool_]:
    """Mask of the dates that programs write for "never" or "not known": the year 9999, and the first day of year 1."""
    never: npt.NDArray[np.bool_] = (wall >= YEAR_OF_NEVER) | (wall.astype("M8[D]") == FIRST_OF_ALL)
    return never


def without_never(wall: Times) -> Times:
    """The dates and times, of which those that mean "never" are missing."""
    return np.where(is_never(wall), np.datetime64("NaT", "us"), wall)


def part_of(part: str, wall: Times, first: date) -> pd.Series:
    """One part of dates and times (float64; missing: NaN).

    Parameters
    ----------
    part : str
        A key of `CALENDAR`, or `DAYS`.
    wall : numpy.ndarray of datetime64[us], shape (n,)
        Dates and times; NaT: missing.
    first : date
        The first date of the training rows.
    """
    if part == DAYS:
        return pd.Series((wall - np.datetime64(first, "us")) / DAY)
    return CALENDAR[part](pd.Series(wall)).astype(np.float64)


def parts_that_vary(wall: Times, first: date, parts: Sequence[str]) -> tuple[str, ...]:
    """The parts that differ among the training rows; a missing date differs from the others in the days.

    Parameters
    ----------
    wall : numpy.ndarray of datetime64[us], shape (n,)
        Dates and times of the training rows; NaT: missing.
    first : date
        The first date of the training rows.
    parts : sequence of str
        Names of the parts to choose from.
    """
    return tuple(part for part in parts if _varies(part_of(part, wall, first).to_numpy(), part == DAYS))


def _varies(values: npt.NDArray[np.float64], has_gaps: bool) -> bool:
    """Whether values differ from one another, or, if gaps count as a value, from a missing value."""
    known = values[~np.isnan(values)]
    if not len(known):
        return False
    return bool(known.min() < known.max() or (has_gaps and len(known) < len(values)))
