"""Texts that have a form of a date, and the points in time that they mean."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from tasks.datasets.dates.clocks import Numbers, numbers, read_clocks
from tasks.datasets.dates.forms import ISO, Form
from tasks.datasets.dates.moments import Instants, Times
from tasks.datasets.dates.orders import Order
from tasks.datasets.dates.words import MONTH_NUMBERS, WEEKDAY_WORDS, plain

SAMPLE = 60  # number of texts that are tried first, which is enough to see that a column holds no dates
WORDS = ("word", "weekday", "time")  # groups that are no numbers
WEEKDAYS = dict.fromkeys(("", *WEEKDAY_WORDS), 1)
HOURS_ALONE = len(
    "2024-01-31 10"
)  # number of characters of a time that pyarrow reads and no form of dates has
PIVOT = 69  # years of two digits from 69 on are in the 20th century, as in POSIX and pandas


@dataclass(frozen=True)
class Match:
    """Texts that have the same form.

    Parameters
    ----------
    form : Form
        The form.
    places : numpy.ndarray of intp, shape (n,)
        Places of the texts among all texts.
    groups : mapping of str to pyarrow.Array of length n
        Text of each part of the date; an empty text for a part that is not written.
    """

    form: Form
    places: npt.NDArray[np.intp]
    groups: Mapping[str, pa.Array]

    def moments(self, order: Order) -> Instants:
        """The points in time, missing where the parts are no date of the calendar."""
        wall = self.days(order).astype("M8[us]")
        times, offsets = self._clocks
        return Instants(wall + times, offsets)

    def days(self, order: Order) -> Times:
        """The days (datetime64[D])."""
        parts = {order.parts.get(name, name): values for name, values in self.values.items()}
        if "third" in self.values:
            parts["year"] = whole_years(parts["year"])
        if self.form.is_open and "day" not in parts:  # a year of four digits is no day
            return np.full(len(self.places), "NaT", "M8[D]")
        days = _days(parts, len(self.places))
        days[~self._has_weekday] = np.datetime64("NaT")
        return days

    @cached_property
    def has_short_years(self) -> bool:
        """Whether some years have two digits only."""
        years = self.groups.get("third", self.groups.get("year"))
        return years is not None and bool(pc.any(pc.equal(pc.utf8_length(years), 2)).as_py())

    @cached_property
    def has_halves(self) -> bool:
        """Whether some times have AM or PM."""
        times = self.groups.get("time")
        return times is not None and bool(pc.any(pc.match_substring_regex(times, r"(?i)[ap]\.?m")).as_py())

    @cached_property
    def _clocks(self) -> tuple[npt.NDArray[np.timedelta64], npt.NDArray[np.float64]]:
        count = len(self.places)
        if "time" not in self.groups:
            return np.zeros(count, "m8[us]"), np.full(count, np.nan)
        return read_clocks(self.groups["time"])

    @cached_property
    def values(self) -> Mapping[str, Numbers]:
        """The parts of the date as numbers."""
        read = {name: numbers(texts) for name, texts in self.groups.items() if name not in WORDS}
        if "year" in read:
            is_short = pc.equal(pc.utf8_length(self.groups["year"]), 2).to_numpy(zero_copy_only=False)
            read["year"] = np.where(is_short, whole_years(read["year"]), read["year"])
        if "word" in self.groups:
            read["month"] = _looked_up(self.groups["word"], MONTH_NUMBERS)
        return read

    @cached_property
    def _has_weekday(self) -> npt.NDArray[np.bool_]:
        """Mask of the texts without a word in front of the date, or with the name of a weekday there."""
        if "weekday" not in self.groups:
            return np.ones(len(self.places), bool)
        known: npt.NDArray[np.bool_] = _looked_up(self.groups["weekday"], WEEKDAYS) == 1
        return known


@dataclass(frozen=True)
class _QuickMatch(Match):
    """Texts that pyarrow reads without a pattern.

    Parameters
    ----------
    stamps : Instants
        The points in time.
    """

    stamps: Instants

    def moments(self, order: Order) -> Instants:
        return self.stamps

    def days(self, order: Order) -> Times:
        return self.stamps.wall.astype("M8[D]")


def match(texts: pa.Array, forms: Sequence[Form]) -> list[Match]:
    """Find the form of each text.

    Parameters
    ----------
    texts : pyarrow.Array of large_string
        Different texts, none of which is null.
    forms : sequence of Form
        The forms; a text has the first form that fits it.

    Returns
    -------
    list of Match
        The texts of each form; a text without a form is in no match.
    """
    forms = _frequent_first(texts, forms)
    stamps = _iso_moments(texts) if forms[0] is ISO else None
    if stamps is not None:
        return [_QuickMatch(ISO, np.arange(len(texts)), {}, stamps)]
    rest = np.arange(len(texts))
    found = []
    for form in forms:
        if not len(rest):
            break
        groups = pc.extract_regex(texts.take(pa.array(rest)), form.pattern)
        fits = groups.is_valid().to_numpy(zero_copy_only=False)
        if fits.any():
            columns = dict(zip(groups.type.names, groups.drop_null().flatten(), strict=True))
            found.append(Match(form, rest[fits], columns))
            rest = rest[~fits]
    return found


def _iso_moments(texts: pa.Array) -> Instants | None:
    """The points in time of texts such as 2024-01-31 10:00:00 or 2024-01-31T10:00Z; None if one is written otherwise.

    A pattern takes several times as long as pyarrow's reader, which reads all texts or none.
    """
    has_zone = pc.ends_with(texts, "Z")
    are_utc = pc.all(has_zone).as_py()
    written = pc.utf8_slice_codeunits(texts, 0, -1) if are_utc else texts
    if pc.any(pc.equal(pc.binary_length(written), HOURS_ALONE)).as_py():
        return None
    try:
        stamps = written.cast(pa.timestamp("us"))
    except pa.ArrowInvalid:  # among them texts with a zone
        return None
    return Instants(stamps.to_numpy(zero_copy_only=False), np.full(len(texts), 0.0 if are_utc else np.nan))


def may_be_dates(texts: pa.Array, forms: Sequence[Form], tolerated: int) -> bool:
    """Whether nearly all texts of a sample have a form of a date; this takes much less time than `match`.

    Parameters
    ----------
    texts : pyarrow.Array of large_string
        Different texts, none of which is null.
    forms : sequence of Form
        The forms that the dates may have.
    tolerated : int
        Largest number of texts of the sample that may have no form.
    """
    sample = _sample(texts)
    strange = sum(not any(form.compiled.match(text) for form in forms) for text in sample)
    return strange < len(sample) and strange <= tolerated


def moments_of(matches: Sequence[Match], order: Order, count: int) -> Instants:
    """The points in time of all texts in an order of day and month; missing for a text that is no date.

    Parameters
    ----------
    matches : sequence of Match
        The texts by their form.
    order : Order
        Order of day, month and year in the forms that leave the order open.
    count : int
        Number of different texts.
    """
    moments = Instants.missing(count)
    for found in matches:
        moments.put(found.places, found.moments(order))
    return moments


def whole_years(years: Numbers) -> Numbers:
    """Years of two digits with their century."""
    return np.where(years < PIVOT, years + 2000, years + 1900)


def _frequent_first(texts: pa.Array, forms: Sequence[Form]) -> list[Form]:
    """The forms, those that occur most often in a sample first, so that most texts are compared with one form."""
    counts = Counter(form for text in _sample(texts) for form in forms if form.compiled.match(text))
    return sorted(forms, key=lambda form: -counts[form])


def _sample(texts: pa.Array) -> list[str]:
    places = np.unique(np.arange(SAMPLE) * len(texts) // SAMPLE)[: len(texts)]
    return list(texts.take(pa.array(places)).to_pylist())


def _looked_up(texts: pa.Array, meanings: Mapping[str, int]) -> Numbers:
    """Number that each word means; 0 for an unknown word."""
    encoded = texts.dictionary_encode()
    known = np.array([meanings.get(plain(word), 0) for word in encoded.dictionary.to_pylist()], np.int64)
    found: Numbers = known[encoded.indices.to_numpy()]
    return found


def _days(parts: Mapping[str, Numbers], count: int) -> Times:
    """Days of the calendar; NaT where the parts are no day of the calendar."""
    if "year" not in parts:
        return np.zeros(count, "M8[D]")
    years = (parts["year"] - 1970).astype("M8[Y]")
    if "week" in parts:
        return _days_of_weeks(years, parts["week"], np.maximum(parts["day"], 1))
    months = parts["quarter"] * 3 - 2 if "quarter" in parts else parts["month"]
    first = years.astype("M8[M]") + (months - 1)
    day = parts.get("day", np.ones(count, np.int64))
    days = first.astype("M8[D]") + (day - 1)
    is_day = (months >= 1) & (months <= 12) & (day >= 1) & (days.astype("M8[M]") == first)
    days[~is_day] = np.datetime64("NaT")
    return days


def _days_of_weeks(years: Times, weeks: Numbers, weekdays: Numbers) -> Times:
    """Days of weeks as ISO 8601 counts them: week 1 holds the 4th of January; NaT where a year has no such week."""
    fourth = years.astype("M8[D]") + 3
    monday = fourth - (fourth.astype(np.int64) + 3) % 7
    mondays = monday + (weeks - 1) * 7
    days = mondays + (weekdays - 1)
    days[(weeks < 1) | ((mondays + 3).astype("M8[Y]") != years)] = np.datetime64("NaT")
    return days
