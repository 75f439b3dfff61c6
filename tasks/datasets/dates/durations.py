"""Durations as they are written: hours with minutes and seconds, days as pandas writes them, and ISO 8601."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from tasks.datasets.dates.cells import Cells
from tasks.datasets.dates.forms import Form
from tasks.datasets.dates.matches import Match, match, may_be_dates
from tasks.datasets.dates.reading import LARGEST_SHARE, MOST_WORDS

Seconds = npt.NDArray[np.float64]
MINUTE, HOUR, DAY, WEEK = 60, 3_600, 86_400, 604_800  # seconds
NUMBER = r"\d+(?:[.,]\d+)?"
COLONS = Form(
    r"^(?P<sign>[+-]?)(?P<first>\d{1,6}):(?P<second>[0-5]\d)(?::(?P<third>[0-5]\d))?(?P<fraction>[.,]\d{1,9})?$"
)
DAYS = Form(
    r"^(?P<days>-?\d{1,7}) days?(?:,? (?P<sign>[+-]?)(?P<hours>\d{1,2}):(?P<minutes>[0-5]\d):"
    r"(?P<seconds>[0-5]\d(?:\.\d{1,9})?))?$"
)
ISO = Form(
    rf"^(?P<sign>[+-]?)P(?:(?P<weeks>{NUMBER})W)?(?:(?P<days>{NUMBER})D)?"
    rf"(?:T(?:(?P<hours>{NUMBER})H)?(?:(?P<minutes>{NUMBER})M)?(?:(?P<seconds>{NUMBER})S)?)?$"
)
"""Without years and months, whose length is open."""


@dataclass(frozen=True)
class Durations:
    """A column of durations as it was read.

    Parameters
    ----------
    cells : Cells
        The texts.
    matches : sequence of Match
        The texts by their form.
    minutes_first : bool
        Whether a text of two parts, such as 59:10, means minutes and seconds; else it means hours and minutes.
    """

    cells: Cells
    matches: Sequence[Match]
    minutes_first: bool

    @property
    def seconds(self) -> Seconds:
        """Seconds of each of the different texts; NaN for a text that is no duration."""
        seconds = np.full(len(self.cells.texts), np.nan)
        for found in self.matches:
            seconds[found.places] = _READERS[found.form](found.groups, self.minutes_first)
        return seconds

    @property
    def rows(self) -> Seconds:
        """Seconds of each row; NaN for a missing cell and for a text that is no duration."""
        rows: Seconds = np.append(self.seconds, np.nan)[self.cells.codes]
        return rows

    @property
    def is_word(self) -> npt.NDArray[np.bool_]:
        """Mask of the texts that are no durations."""
        return np.isnan(self.seconds)

    @property
    def words(self) -> tuple[str, ...]:
        """The texts that are no durations."""
        return tuple(self.cells.texts.filter(pa.array(self.is_word)).to_pylist())

    @property
    def example(self) -> str:
        """The first text that is a duration."""
        return str(self.cells.texts[int((~self.is_word).argmax())].as_py())

    @property
    def short_example(self) -> str:
        """The first text of two parts; empty without such a text."""
        for found in self._of_colons:
            short = found.places[_is_short(found.groups)]
            if len(short):
                return str(self.cells.texts[int(short[0])].as_py())
        return ""

    @property
    def are_clocks(self) -> bool:
        """Whether each duration is written like a time of day."""
        if any(found.form is not COLONS for found in self.matches):
            return False
        as_clocks = Durations(self.cells, self.matches, minutes_first=False).seconds
        in_a_day = bool(((as_clocks >= 0) & (as_clocks <= DAY) | np.isnan(as_clocks)).all())
        return in_a_day and not any(_has_short_fractions(found.groups) for found in self._of_colons)

    @property
    def are_long(self) -> bool:
        """Whether some texts have three parts, or seconds with a fraction."""
        return any(
            not _is_short(found.groups).all() or _has_short_fractions(found.groups)
            for found in self._of_colons
        )

    @property
    def _of_colons(self) -> list[Match]:
        return [found for found in self.matches if found.form is COLONS]

    def first_strange_row(self, known_words: Sequence[str]) -> int | None:
        """The first row with a text that is no duration and none of the known words; None without such a row."""
        known = pc.is_in(self.cells.texts, pa.array(known_words, pa.large_string()))
        return self.cells.first_row(self.is_word & ~known.to_numpy(zero_copy_only=False))


def read_durations(cells: Cells, *, minutes_first: bool) -> Durations:
    """Read a column of durations."""
    return Durations(cells, match(cells.texts, FORMS), minutes_first)


def find_durations(cells: Cells) -> Durations | None:
    """Read a column of a training table if it holds durations: all but 2 different texts and 10 % of the cells.

    Returns
    -------
    Durations or None
        The durations; None if the column holds other texts, or if all of its texts are written like times of day.
    """
    if not len(cells.texts) or not may_be_dates(cells.texts, FORMS, MOST_WORDS):
        return None
    found = read_durations(cells, minutes_first=False)
    share = cells.counts[found.is_word].sum() / cells.counts.sum()
    if found.is_word.sum() > MOST_WORDS or share > LARGEST_SHARE or found.are_clocks:
        return None
    return Durations(cells, found.matches, minutes_first=found.are_long)


Groups = Mapping[str, pa.Array]


def _of_colons(groups: Groups, minutes_first: bool) -> Seconds:
    first, second, third, fraction = (
        _numbers(groups[name]) for name in ("first", "second", "third", "fraction")
    )
    is_short = _is_short(groups) & (minutes_first | (fraction > 0))
    seconds = np.where(is_short, first * MINUTE + second, first * HOUR + second * MINUTE + third) + fraction
    return seconds * _signs(groups)


def _of_days(groups: Groups, _minutes_first: bool) -> Seconds:
    return _numbers(groups["days"]) * DAY + _signs(groups) * _clock(groups)


def _of_iso(groups: Groups, _minutes_first: bool) -> Seconds:
    seconds = _numbers(groups["weeks"]) * WEEK + _numbers(groups["days"]) * DAY + _clock(groups)
    names = ("weeks", "days", "hours", "minutes", "seconds")
    is_empty = np.all([_is_blank(groups[name]) for name in names], axis=0)
    return np.where(is_empty, np.nan, seconds * _signs(groups))


def _clock(groups: Groups) -> Seconds:
    hours, minutes, seconds = (_numbers(groups[name]) for name in ("hours", "minutes", "seconds"))
    return hours * HOUR + minutes * MINUTE + seconds


_READERS: Mapping[Form, Callable[[Groups, bool], Seconds]] = {
    COLONS: _of_colons,
    DAYS: _of_days,
    ISO: _of_iso,
}
FORMS = tuple(_READERS)
"""The forms of durations."""


def _numbers(texts: pa.Array) -> Seconds:
    """Numbers of texts, with a decimal point or comma; 0 for an empty text."""
    written = pc.replace_substring(pc.fill_null(texts, ""), ",", ".")
    numbers: Seconds = pc.if_else(pc.equal(written, ""), "0", written).cast(pa.float64()).to_numpy()
    return numbers


def _signs(groups: Groups) -> Seconds:
    return np.where(pc.equal(groups["sign"], "-").fill_null(False).to_numpy(zero_copy_only=False), -1.0, 1.0)


def _is_blank(texts: pa.Array) -> npt.NDArray[np.bool_]:
    mask: npt.NDArray[np.bool_] = pc.equal(pc.fill_null(texts, ""), "").to_numpy(zero_copy_only=False)
    return mask


def _is_short(groups: Groups) -> npt.NDArray[np.bool_]:
    """Mask of the texts of two parts."""
    return _is_blank(groups["third"])


def _has_short_fractions(groups: Groups) -> bool:
    """Whether some texts of two parts have a fraction, as 45:10.5."""
    return bool((_is_short(groups) & ~_is_blank(groups["fraction"])).any())
