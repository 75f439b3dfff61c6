"""Texts in ISO 8601 mean the same points in time whether they are read quickly or by their pattern."""

from datetime import datetime

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tasks.datasets.dates import matches
from tasks.datasets.dates.forms import DATES
from tasks.datasets.dates.matches import match, moments_of
from tasks.datasets.dates.moments import Instants
from tasks.datasets.dates.orders import DAY_FIRST

PATTERNS = ["%Y-%m-%d", "%Y-%m-%d %H:%M", "%Y-%m-%dT%H:%M:%S", "%Y-%m-%d %H:%M:%S.%f"]
ODD = [
    "2024-01-31 10",
    "2024-01-31T10:00:00ZZ",
    "2024-01-31 24:00",
    "2024-02-31",
    "2024-1-5",
    "2024-01-31 10:00:60",
    "2024-01-31T10:00:00+02:00",
    "2024-01-31 10:00:00.1234567",
    "0000-00-00",
    "soon",
    "Z",
]


def read(texts: list[str]) -> Instants:
    found = match(pa.array(texts, pa.large_string()), DATES)
    return moments_of(found, DAY_FIRST, len(texts))


def read_by_pattern(texts: list[str]) -> Instants:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(matches, "_iso_moments", lambda _texts: None)
        return read(texts)


def assert_same(texts: list[str]) -> None:
    found, wanted = read(texts), read_by_pattern(texts)
    np.testing.assert_array_equal(found.wall, wanted.wall)
    is_date = ~np.isnat(wanted.wall)
    np.testing.assert_array_equal(found.offset[is_date], wanted.offset[is_date])


@pytest.mark.parametrize("zone", ["", "Z"])
@pytest.mark.parametrize("odd", ["", *ODD])
def test_odd_texts_are_read_as_by_the_pattern(odd: str, zone: str) -> None:
    usual = [f"2024-01-{day:02}T10:30:{day:02}{zone}" for day in range(1, 30)]
    assert_same([*usual, odd] if odd else usual)


@settings(max_examples=80)
@given(
    times=st.lists(st.datetimes(datetime(1000, 1, 1), datetime(9999, 12, 31)), min_size=1, max_size=20),
    pattern=st.sampled_from(PATTERNS),
    zone=st.sampled_from(["", "Z"]),
    others=st.lists(st.sampled_from(ODD), max_size=2),
)
def test_random_texts_are_read_as_by_the_pattern(
    times: list[datetime], pattern: str, zone: str, others: list[str]
) -> None:
    ending = zone if "%H" in pattern else ""
    assert_same([*(f"{time.strftime(pattern)}{ending}" for time in times), *others])


def test_texts_in_iso_are_read_without_a_pattern(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(matches.pc, "extract_regex", None)
    assert not np.isnat(read(["2024-01-31 10:00:00", "2024-02-01 11:30:00"]).wall).any()
