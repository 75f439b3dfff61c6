"""Times of day as they are written: with seconds, fractions, AM and PM, and the zone."""

import re
from collections.abc import Mapping

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

Numbers = npt.NDArray[np.int64]
TIME_OF_DAY = (
    r"^(?P<hour>\d{1,2})[:.]?(?P<minute>\d{2})(?:[:.]?(?P<second>\d{2})(?:[.,](?P<fraction>\d{1,9}))?)?"
    r"(?: ?(?P<half>[AaPp])\.?[Mm]\.?)?"
    r"(?: ?(?P<zone>[Zz]|(?:UTC|GMT)?[+-]\d{1,2}(?::?\d{2})?|[A-Z]{2,4}))?(?: ?[\[(].*[\])])?$"
)
OFFSET = re.compile(r"(?:UTC|GMT)?([+-])(\d{1,2}):?(\d{2})?")
ZONE_HOURS = {
    **dict.fromkeys(("Z", "UT", "UTC", "GMT", "WET"), 0),
    **dict.fromkeys(("BST", "CET", "WEST"), 1),
    **dict.fromkeys(("CEST", "EET"), 2),
    **dict.fromkeys(("EEST", "MSK"), 3),
    **dict.fromkeys(("JST", "KST"), 9),
    "EDT": -4,
    **dict.fromkeys(("EST", "CDT"), -5),
    **dict.fromkeys(("CST", "MDT"), -6),
    **dict.fromkeys(("MST", "PDT"), -7),
    "PST": -8,
}
"""Hours by which the clock of a named zone is ahead of UTC."""


def read_clocks(texts: pa.Array) -> tuple[npt.NDArray[np.timedelta64], npt.NDArray[np.float64]]:
    """Read times of day.

    Parameters
    ----------
    texts : pyarrow.Array
        Times of day as they are written; an empty text is midnight.

    Returns
    -------
    times : numpy.ndarray of timedelta64[us], shape (n,)
        Times since midnight; NaT for a text that is no time of day.
    offsets : numpy.ndarray of float64, shape (n,)
        Minutes by which the clock is ahead of UTC; NaN where the text names no zone.
    """
    encoded = texts.dictionary_encode()
    written = encoded.dictionary
    groups = pc.extract_regex(pc.if_else(pc.equal(written, ""), "0:00", written), TIME_OF_DAY)
    parts = {field.name: groups.field(field.name) for field in groups.type}
    zones = [_offset(zone) for zone in pc.fill_null(pc.struct_field(groups, "zone"), "").to_pylist()]
    offsets = np.array([minutes for minutes, _ in zones], float)
    is_time = groups.is_valid().to_numpy(False) & np.array([known for _, known in zones], bool)
    times, in_range = _times(parts)
    times[~(is_time & in_range)] = np.timedelta64("NaT")
    codes = encoded.indices.to_numpy()
    return times[codes], offsets[codes]


def numbers(texts: pa.Array) -> Numbers:
    """Whole numbers of texts of digits; 0 for an empty text."""
    filled = pc.if_else(pc.equal(pc.fill_null(texts, ""), ""), "0", texts)
    whole: Numbers = filled.cast(pa.int64()).to_numpy(zero_copy_only=False)
    return whole


def _times(parts: Mapping[str, pa.Array]) -> tuple[npt.NDArray[np.timedelta64], npt.NDArray[np.bool_]]:
    """Times since midnight, and the mask of those whose hour, minute and second are in their range."""
    hour, minute, second = (numbers(parts[name]) for name in ("hour", "minute", "second"))
    micros = numbers(pc.utf8_slice_codeunits(pc.utf8_rpad(parts["fraction"], 6, "0"), 0, 6))
    half = pc.utf8_lower(pc.fill_null(parts["half"], "")).to_numpy(zero_copy_only=False)
    has_half = half != ""
    hours = np.where(has_half, hour % 12 + 12 * (half == "p"), hour)
    seconds = hours * 3600 + minute * 60 + second
    in_range = (hour <= np.where(has_half, 12, 24)) & (minute < 60) & (second <= 60) & (seconds <= 86_400)
    return (seconds * 1_000_000 + micros).astype("m8[us]"), in_range


def _offset(zone: str) -> tuple[float, bool]:
    """Minutes of a zone ahead of UTC (NaN: no zone is named), and whether the zone is known."""
    if not zone:
        return np.nan, True
    named = ZONE_HOURS.get(zone.upper())
    if named is not None:
        return named * 60.0, True
    written = OFFSET.fullmatch(zone)
    if written is None:
        return np.nan, False
    sign, hours, minutes = written.groups()
    ahead = int(hours) * 60 + int(minutes or 0)
    return (float(-ahead if sign == "-" else ahead), ahead <= 14 * 60)
