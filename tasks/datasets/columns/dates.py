"""Columns of dates and times, which become numbers: year, month, day, weekday, hour, days since the first date."""

from collections.abc import Mapping
from datetime import date
from typing import Literal, Self

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa

from tasks.datasets.columns.base import Column, TrainingColumn
from tasks.datasets.columns.left_out import LeftOut
from tasks.datasets.columns.remarks import Remarks
from tasks.datasets.dates.cells import cells_of
from tasks.datasets.dates.finding import find
from tasks.datasets.dates.forms import CLOCK, DATES
from tasks.datasets.dates.moments import Instants, holds_times, typed_moments
from tasks.datasets.dates.orders import ORDERS
from tasks.datasets.dates.parts import CLOCK_PARTS, PARTS, part_of, parts_that_vary, without_never
from tasks.datasets.dates.reading import DateReading, read_dates
from tasks.datasets.dates.remarks import remarks, summary
from tasks.datasets.dates.settling import Settled
from tasks.datasets.raw import RawColumn

EPOCH = np.datetime64("1970-01-01", "us")


class DateColumn(Column):
    """A column of dates, of points in time, or of times of day.

    Parameters
    ----------
    parts : tuple of str
        The parts of the dates that become columns of numbers.
    first : date
        The first date of the training rows, from which days are counted.
    clock : bool
        Whether the column holds times of day without a date.
    example : str
        A date as the training table writes it; empty for a Parquet column of dates.
    order : {"day first", "month first", "year first"}, optional
        Order of day, month and year in dates such as 03/04/2024; None: the training table has no such dates.
    zone : str, optional
        The zone on whose clock times are read; times without a zone stay as written.
    words : tuple of str
        Texts that are no dates and mean that a cell has no value.
    told : tuple of str
        Sentences that tell how the training table was read.
    """

    kind: Literal["dates"] = "dates"
    parts: tuple[str, ...]
    first: date
    clock: bool = False
    example: str = ""
    order: Literal["day first", "month first", "year first"] | None = None
    zone: str | None = None
    words: tuple[str, ...] = ()
    told: tuple[str, ...] = ()

    @classmethod
    def learn(cls, column: TrainingColumn) -> "Self | LeftOut | None":
        """Learn from a column of which nearly all texts are dates, or of a Parquet type of dates."""
        found = find(column)
        if found is None:
            return None
        wall = found.wall
        dates = wall[~np.isnat(wall)]
        first = (dates.min() if len(dates) else EPOCH).astype("M8[D]").astype(date)
        parts = parts_that_vary(wall, first, CLOCK_PARTS if found.are_clocks else PARTS)
        if not parts:
            return LeftOut(name=column.name, reason="it holds the same date in every row")
        reading = found.reading
        return cls(
            name=column.name,
            parts=parts,
            first=first,
            clock=found.are_clocks,
            example=reading.example if reading else "",
            order=reading.settled.order.name if reading and reading.settled else None,
            zone=found.zone,
            words=reading.words if reading else (),
            told=(summary(found, parts, first), *remarks(found)),
        )

    @property
    def numeric(self) -> tuple[str, ...]:
        """Names of the prepared columns, for example `sold: year`."""
        return tuple(f"{self.name}: {part}" for part in self.parts)

    def apply(self, raw: RawColumn) -> Mapping[str, pd.Series]:
        """The parts of the dates as float64; missing: NaN."""
        wall = self.measured(raw)
        return {
            name: part_of(part, wall, self.first) for name, part in zip(self.numeric, self.parts, strict=True)
        }

    def measured(self, raw: RawColumn) -> npt.NDArray[np.datetime64]:
        """The points in time on the clock of the column's zone (datetime64); missing: NaT."""
        return without_never(self._moments(raw).clock_in(self.zone))

    def told_in_training(self, column: TrainingColumn) -> list[str]:
        """What became of the column, and how its dates were read."""
        return [f"{self.name}: {sentence}" for sentence in self.told]

    def remarks(self, raw: RawColumn) -> Remarks:
        """The order of day and month, if the new rows decide it and not the training table."""
        if self.order is not None or not raw.holds_texts:
            return Remarks()
        settled = self._read(raw).settled
        return Remarks(manner=f"the {settled.order.name}") if settled else Remarks()

    def _moments(self, raw: RawColumn) -> Instants:
        if not holds_times(raw.values.type):
            return self._read(raw).rows
        if pa.types.is_time(raw.values.type) != self.clock:
            raw.refuse_type("times of day" if self.clock else "dates")
        return typed_moments(raw.values)

    def _read(self, raw: RawColumn) -> DateReading:
        """The dates of a column of texts; a text that is no date is refused."""
        settled = next((Settled(order) for order in ORDERS if order.name == self.order), None)
        reading = read_dates(cells_of(raw), (CLOCK,) if self.clock else DATES, settled)
        row = reading.first_strange_row(self.words)
        if row is not None:
            raw.refuse_cell(row, f"where a {'time of day' if self.clock else 'date'} belongs{self._shown}")
        doubtful = reading.first_open_row
        if doubtful is not None:
            raw.refuse_cell(
                doubtful, f"whose order of day and month is open; write the dates as 2024-01-31{self._shown}"
            )
        return reading

    @property
    def _shown(self) -> str:
        """An example of the training table."""
        if not self.example:
            return ""
        return f", as '{self.example}'" + (f" with the {self.order}" if self.order else "")
