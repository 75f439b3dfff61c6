"""Points in time: as written on the clock of a place, with the place's offset from UTC where the offset is known."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa

Times = npt.NDArray[Any]
"""Dates and times in microseconds (datetime64[us]); NaT: none."""
MINUTE = np.timedelta64(1, "m").astype("m8[us]")


@dataclass(frozen=True)
class Instants:
    """Points in time.

    Parameters
    ----------
    wall : numpy.ndarray of datetime64[us], shape (n,)
        Dates and times as written; NaT: no date.
    offset : numpy.ndarray of float64, shape (n,)
        Minutes by which the clock is ahead of UTC; NaN: not known.
    """

    wall: Times
    offset: npt.NDArray[np.float64]

    @classmethod
    def missing(cls, count: int) -> "Instants":
        """A number of missing points in time."""
        return cls(np.full(count, "NaT", "M8[us]"), np.full(count, np.nan))

    def take(self, places: npt.NDArray[np.intp]) -> "Instants":
        """The points in time at the places."""
        return Instants(self.wall[places], self.offset[places])

    def put(self, places: npt.NDArray[np.intp], others: "Instants") -> None:
        """Write other points in time at the places."""
        self.wall[places] = others.wall
        self.offset[places] = others.offset

    def zone(self) -> str | None:
        """The zone of all points in time: an offset such as +02:00, UTC where offsets differ, None without offsets."""
        offsets = np.unique(self.offset[~np.isnan(self.offset)])
        if not len(offsets):
            return None
        return written_offset(int(offsets[0])) if len(offsets) == 1 else "UTC"

    def clock_in(self, zone: str | None) -> Times:
        """Dates and times on the clock of a zone; points in time without a known offset stay as written."""
        known = ~(np.isnan(self.offset) | np.isnat(self.wall))
        if zone is None or not known.any():
            return self.wall
        instants = self.wall[known] - self.offset[known].astype(np.int64) * MINUTE
        local = pd.Series(instants).dt.tz_localize("UTC").dt.tz_convert(zone).dt.tz_localize(None)
        wall = self.wall.copy()
        wall[known] = local.to_numpy()
        return wall


def holds_times(kind: pa.DataType) -> bool:
    """Whether values of an Arrow type are dates, points in time or times of day."""
    return bool(pa.types.is_timestamp(kind) or pa.types.is_date(kind) or pa.types.is_time(kind))


def typed_moments(values: pa.ChunkedArray) -> Instants:
    """The points in time of a column of dates, timestamps or times of day, which are times of the first day of 1970."""
    kind = values.type
    stamps: Any = values.cast(pa.time64("us")).cast(pa.int64()) if pa.types.is_time(kind) else values
    zone = getattr(kind, "tz", None)
    wall = stamps.cast(pa.timestamp("us", zone), safe=False).to_numpy().astype("M8[us]")
    return Instants(wall, np.full(len(wall), np.nan if zone is None else 0.0))


def written_offset(minutes: int) -> str:
    """An offset from UTC in hours and minutes, for example +02:00; 0 is UTC."""
    hours, rest = divmod(abs(minutes), 60)
    return f"{'-' if minutes < 0 else '+'}{hours:02}:{rest:02}" if minutes else "UTC"
