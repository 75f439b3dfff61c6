"""Finding out whether a column of a training table holds dates."""

from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from tasks.datasets.columns.base import TrainingColumn
from tasks.datasets.dates.cells import cells_of
from tasks.datasets.dates.forms import CLOCK, COMPACT, DATES
from tasks.datasets.dates.moments import Instants, Times, holds_times, typed_moments
from tasks.datasets.dates.parts import without_never
from tasks.datasets.dates.reading import DateReading, find_dates
from tasks.datasets.raw import is_number


@dataclass(frozen=True)
class FoundDates:
    """Dates in a column of a training table.

    Parameters
    ----------
    moments : Instants
        Point in time of each row.
    zone : str, optional
        The zone on whose clock all points in time are read; None without a known zone.
    are_clocks : bool
        Whether the cells are times of day without a date.
    reading : DateReading, optional
        How the texts were read; None for a column of a Parquet type of dates.
    """

    moments: Instants
    zone: str | None
    are_clocks: bool
    reading: DateReading | None

    @property
    def wall(self) -> Times:
        """Dates and times on the clock of the zone, without those that mean "never"."""
        return without_never(self.moments.clock_in(self.zone))


def find(column: TrainingColumn) -> FoundDates | None:
    """Find the dates of a column; None: the column does not hold dates."""
    raw = column.raw
    kind = raw.values.type
    if holds_times(kind):
        return FoundDates(
            typed_moments(raw.values), getattr(kind, "tz", None), bool(pa.types.is_time(kind)), None
        )
    if raw.has_words:
        return _in_texts(column)
    return _in_numbers(column) if raw.holds_texts or is_number(kind) else None


def _in_texts(column: TrainingColumn) -> FoundDates | None:
    cells = cells_of(column.raw)
    for forms, are_clocks in ((DATES, False), ((CLOCK,), True)):
        reading = find_dates(cells, forms, column.source.options.day_first)
        if reading is not None:
            return FoundDates(reading.rows, reading.moments.zone(), are_clocks, reading)
    return None


def _in_numbers(column: TrainingColumn) -> FoundDates | None:
    """Dates as whole numbers of eight digits: every number is a date or 0, and the dates differ."""
    numbers = column.raw.numbers
    known = numbers[~np.isnan(numbers) & (numbers != 0)]
    if not len(known) or known.min() < 19000101 or known.max() > 99991231 or (known % 1 != 0).any():
        return None
    reading = find_dates(cells_of(column.raw), (COMPACT,), None)
    if reading is None or reading.words or reading.is_date.sum() < 2:
        return None
    return FoundDates(reading.rows, None, False, reading)
