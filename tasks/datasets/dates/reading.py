"""Reading a column of dates: of a training table, whose style is found, and of a later table in the same style."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from tasks.datasets.dates.cells import Cells
from tasks.datasets.dates.forms import YEAR_MONTH, Form
from tasks.datasets.dates.matches import Match, match, may_be_dates, moments_of
from tasks.datasets.dates.moments import Instants
from tasks.datasets.dates.orders import DAY_FIRST
from tasks.datasets.dates.settling import Settled, settle

MOST_WORDS = 2  # largest number of different texts that are no dates in a column of dates
LARGEST_SHARE = 0.1  # largest share of cells with such texts


@dataclass(frozen=True)
class DateReading:
    """A column of dates as it was read.

    Parameters
    ----------
    cells : Cells
        The texts.
    matches : sequence of Match
        The texts by their form.
    settled : Settled, optional
        The order of day and month; None if no text leaves the order open.
    moments : Instants
        Point in time of each of the different texts.
    """

    cells: Cells
    matches: Sequence[Match]
    settled: Settled | None
    moments: Instants

    @property
    def rows(self) -> Instants:
        """Point in time of each row; missing for a missing cell and for a text that is no date."""
        missing = Instants.missing(1)
        wall = np.append(self.moments.wall, missing.wall)
        return Instants(wall, np.append(self.moments.offset, missing.offset)).take(self.cells.codes)

    @property
    def is_date(self) -> npt.NDArray[np.bool_]:
        """Mask of the texts that are dates."""
        known: npt.NDArray[np.bool_] = ~np.isnat(self.moments.wall)
        return known

    @property
    def is_word(self) -> npt.NDArray[np.bool_]:
        """Mask of the texts that are neither a date nor a date of zeros."""
        return ~(self.is_date | self.cells.is_nothing)

    @property
    def first_open_row(self) -> int | None:
        """The first row with a date of which day and month can be exchanged; None if the column settles the order."""
        if self.settled is None or not self.settled.others:
            return None
        places = np.concatenate([match.places for match in self.matches if match.form.is_open])
        return self.cells.first_row(np.isin(np.arange(len(self.cells.texts)), places))

    def first_strange_row(self, known_words: Sequence[str]) -> int | None:
        """The first row with a text that is no date and none of the known words; None without such a row."""
        known = pc.is_in(self.cells.texts, pa.array(known_words, pa.large_string()))
        return self.cells.first_row(self.is_word & ~known.to_numpy(zero_copy_only=False))

    @property
    def words(self) -> tuple[str, ...]:
        """The texts that are neither a date nor a date of zeros."""
        return tuple(self.cells.texts.filter(pa.array(self.is_word)).to_pylist())

    @property
    def example(self) -> str:
        """The first text that is a date."""
        return str(self.cells.texts[int(self.is_date.argmax())].as_py())


def read_dates(
    cells: Cells, forms: Sequence[Form], settled: Settled | None = None, day_first: bool | None = None
) -> DateReading:
    """Read a column of dates.

    Parameters
    ----------
    cells : Cells
        The texts of the column.
    forms : sequence of Form
        The forms that the dates may have.
    settled : Settled, optional
        The order of day and month; None: the column decides.
    day_first : bool, optional
        The user's word on columns whose order of day and month is open.
    """
    matches = match(cells.texts, forms)
    count = len(cells.texts)
    settled = settled or settle(matches, cells.codes, count, day_first)
    moments = moments_of(matches, settled.order if settled else DAY_FIRST, count)
    return DateReading(cells, matches, settled, moments)


def find_dates(cells: Cells, forms: Sequence[Form], day_first: bool | None) -> DateReading | None:
    """Read a column of a training table if it holds dates: all but 2 different texts and 10 % of the cells.

    Parameters
    ----------
    cells : Cells
        The texts of the column.
    forms : sequence of Form
        The forms that the dates may have.
    day_first : bool, optional
        The user's word on columns whose order of day and month is open.

    Returns
    -------
    DateReading or None
        The dates; None if the column does not hold dates.
    """
    if not len(cells.texts) or not may_be_dates(cells.texts, forms, MOST_WORDS):
        return None
    reading = read_dates(cells, forms, day_first=day_first)
    return reading if _holds_dates(reading) else None


def _holds_dates(reading: DateReading) -> bool:
    share = reading.cells.counts[reading.is_word].sum() / reading.cells.counts.sum()
    if reading.is_word.sum() > MOST_WORDS or share > LARGEST_SHARE or not reading.is_date.any():
        return False
    return not _are_seasons(reading.matches)


def _are_seasons(matches: Sequence[Match]) -> bool:
    """Whether all texts are seasons from one year to the next, for example 2010-11."""
    return all(
        match.form is YEAR_MONTH and bool(((match.values["year"] + 1) % 100 == match.values["month"]).all())
        for match in matches
    )
