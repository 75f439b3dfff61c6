"""Sentences that tell how the dates of a column were read, and which cells are missing therefore."""

from collections.abc import Iterator, Sequence
from datetime import date

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from infra.readable import listed
from tasks.datasets.dates.finding import FoundDates
from tasks.datasets.dates.forms import COMPACT
from tasks.datasets.dates.moments import written_offset
from tasks.datasets.dates.orders import DAY_FIRST, MONTH_FIRST
from tasks.datasets.dates.parts import CALENDAR, DAYS, is_never
from tasks.datasets.dates.reading import DateReading

FLAGS = {DAY_FIRST: "--date-order day-first", MONTH_FIRST: "--date-order month-first"}


def summary(found: FoundDates, parts: Sequence[str], first: date) -> str:
    """What the column holds, and the columns of numbers that the dates become.

    Parameters
    ----------
    found : FoundDates
        The dates of the column.
    parts : sequence of str
        Parts of the dates that become columns of numbers.
    first : date
        The first date of the training rows.
    """
    shown = [f"days since {first}" if part == DAYS else part for part in parts]
    listed = ", ".join(shown[:-1]) + f" and {shown[-1]}" if len(shown) > 1 else shown[0]
    return f"{_kind(found)} become {listed}{_left_out(found, parts)}"


def remarks(found: FoundDates) -> Iterator[str]:
    """Sentences on the order of day and month, on zones, and on cells that are now missing."""
    if found.reading is not None:
        yield from _order(found.reading)
        yield from _short_years(found.reading)
    yield from _zones(found)
    yield from _missing(found)


def _kind(found: FoundDates) -> str:
    reading = found.reading
    if reading is None:
        return "times of day" if found.are_clocks else "dates"
    if found.are_clocks:
        return f"times of day like '{reading.example}'"
    if reading.matches[0].form is COMPACT:
        return f"whole numbers like {reading.example}, which are dates in all rows,"
    order = f" ({reading.settled.order.name})" if reading.settled else ""
    return f"dates like '{reading.example}'{order}"


def _left_out(found: FoundDates, parts: Sequence[str]) -> str:
    dull = [part for part in CALENDAR if part not in parts and part != "hour"]
    if found.are_clocks or not dull:
        return ""
    return f"; the same in all rows and left out: {', '.join(dull)}"


def _order(reading: DateReading) -> Iterator[str]:
    settled = reading.settled
    if settled is None or not settled.others:
        return
    others = " and ".join(order.name for order in settled.others)
    flags = [f"{FLAGS[order]} reads them {order.name}" for order in settled.others if order in FLAGS]
    yield (
        f"the dates can also be read {others}; {settled.order.name} was chosen, {settled.reason}"
        + "".join(f"; {flag}" for flag in flags)
    )


def _short_years(reading: DateReading) -> Iterator[str]:
    if any(match.has_short_years for match in reading.matches):
        yield "years of two digits are read as 1969 to 2068"


def _zones(found: FoundDates) -> Iterator[str]:
    offsets = found.moments.offset[~np.isnat(found.moments.wall)]
    known = offsets[~np.isnan(offsets)]
    if not len(known):
        return
    if found.reading is None:
        yield f"times are read on the clock of {found.zone}"
    else:
        yield _offsets(known, found.zone)
    if len(known) < len(offsets):
        yield f"{len(offsets) - len(known)} cells name no zone, and their times stay as written"


def _offsets(known: npt.NDArray[np.float64], zone: str | None) -> str:
    values, counts = np.unique(known, return_counts=True)
    if len(values) == 1:
        return f"times stay as written, on a clock with the offset {zone}"
    listed = ", ".join(
        f"{written_offset(int(value))} in {n} cells" for value, n in zip(values, counts, strict=True)
    )
    return f"the offsets differ ({listed}), so all times are read on the clock of UTC"


def _missing(found: FoundDates) -> Iterator[str]:
    never = int(is_never(found.moments.wall).sum())
    if never:
        yield f"{never} dates in the year 9999 or on the first day of the year 1 mean 'never', now missing"
    reading = found.reading
    if reading is None:
        return
    for mask, kind in (
        (reading.cells.is_nothing & ~reading.is_date, "dates of zeros"),
        (reading.is_word, "cells are no dates"),
    ):
        count = int(reading.cells.counts[mask].sum())
        if count:
            texts = reading.cells.texts.filter(pa.array(mask)).to_pylist()
            words = listed(texts, mark="'")
            yield f"{count} {kind} ({words}), now missing"
