"""Columns of durations: every usual way of writing is read as seconds, and times of day stay times of day."""

from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from infra.errors import DataError
from tasks.datasets.catalogue import Source, resolve
from tasks.datasets.columns import AnyKind, DateColumn, DurationColumn, TrainingColumn, learn_column
from tasks.datasets.raw import RawColumn
from tests.tasks.datasets.tables import cleaned

PATH = Path("races.csv")


def raw(values: Any) -> RawColumn:
    cells = values if isinstance(values, pa.Array) else pa.array(values, from_pandas=True)
    return RawColumn("took", pa.chunked_array([cells]), PATH, lambda row: f"line {row + 2}")


def training(values: Any) -> TrainingColumn:
    column = raw(values)
    return TrainingColumn(column, np.ones(len(column.values), bool), Source("races", PATH, "clustering"))


def learned(values: Any) -> AnyKind:
    return learn_column(training(values))


def assert_reads(values: Sequence[Any], wanted: Sequence[float]) -> DurationColumn:
    kind = learned(values)
    assert isinstance(kind, DurationColumn), kind
    np.testing.assert_allclose(kind.apply(raw(values))["took"], wanted, rtol=1e-12, atol=1e-9)
    return kind


SECONDS = [432310.0, 3723.0, 45.0, 86399.0, 90000.0, 7.25]


def clock(seconds: float) -> str:
    whole, fraction = divmod(seconds, 1)
    written = f"{whole // 3600:.0f}:{whole % 3600 // 60:02.0f}:{whole % 60:02.0f}"
    return f"{written}{f'{fraction:.6f}'[1:]}" if fraction else written


def iso(seconds: float) -> str:
    return f"PT{seconds // 3600:.0f}H{seconds % 3600 // 60:.0f}M{seconds % 60:g}S"


STYLES = {
    "hours, minutes and seconds": clock,
    "decimal commas": lambda seconds: clock(seconds).replace(".", ","),
    "pandas": lambda seconds: str(pd.Timedelta(seconds=seconds)),
    "Python": lambda seconds: str(timedelta(seconds=seconds)),
    "ISO 8601": iso,
    "ISO 8601 as pandas writes it": lambda seconds: pd.Timedelta(seconds=seconds).isoformat(),
    "ISO 8601 of days": lambda seconds: f"P{seconds / 86400:.15f}D",
}


@pytest.mark.parametrize("style", STYLES)
def test_durations_are_read_in_every_usual_style(style: str) -> None:
    assert_reads([STYLES[style](seconds) for seconds in SECONDS], SECONDS)


@pytest.mark.parametrize("style", ["pandas", "Python"])
def test_negative_durations_are_read(style: str) -> None:
    seconds = [-60.0, -90061.5, 60.0]
    assert_reads([STYLES[style](each) for each in seconds], seconds)
    assert_reads(["-0:01:00", "-25:01:01.5", "+0:01:00"], seconds)
    assert_reads(["-PT1M", "-P1DT1H1M1.5S", "PT1M"], seconds)


def test_texts_of_two_parts_are_told() -> None:
    kind = assert_reads(["125:30", "99:10", "0:45"], [451800.0, 357000.0, 2700.0])
    assert kind.notes(training(["125:30", None])) == [
        "took: holds durations like '125:30' and was read as numbers of seconds; '125:30' means hours and minutes",
        "took: 1 of 2 cells are missing",
    ]
    kind = assert_reads(["1:02:03", "59:10", "00:45"], [3723.0, 3550.0, 45.0])
    assert kind.notes(training(["1:02:03"])) == [
        "took: holds durations like '1:02:03' and was read as numbers of seconds; '59:10' means minutes and seconds"
    ]
    assert_reads(["45:10.5", "12:01", "61:00"], [2710.5, 721.0, 3660.0])
    kind = assert_reads(["120:05:10", "1:02:03"], [432310.0, 3723.0])
    assert kind.notes(training(["120:05:10"])) == [
        "took: holds durations like '120:05:10' and was read as numbers of seconds"
    ]


@pytest.mark.parametrize(
    "texts",
    [
        ["10:30", "23:59", "0:05"],
        ["10:30:15", "23:59:59", "24:00:00"],
        ["2024-01-31 10:00:00", "2024-02-01 11:00:00"],
    ],
)
def test_times_of_day_and_dates_are_no_durations(texts: list[str]) -> None:
    assert isinstance(learned(texts * 5), DateColumn)


NO_DURATIONS = {
    "scores": ["31:2", "24:7", "102:98"],
    "hardware addresses": ["12:34:56:78:9a:bc", "12:34:56:78:9a:bd"],
    "many words": ["125:30", "99:10", "soon", "later", "never"],
    "years and months, whose length is open": ["P1Y", "P2M", "P1Y2M"],
    "letters": ["P", "PT", "T"],
    "numbers of days": ["1 days", "20 days", "3 days"],
}


@pytest.mark.parametrize("texts", NO_DURATIONS)
def test_what_only_looks_like_a_duration_is_none(texts: str) -> None:
    assert not isinstance(learned(NO_DURATIONS[texts] * 5), DurationColumn)


def test_words_are_missing_and_told() -> None:
    values = [clock(seconds) for seconds in SECONDS] * 5 + ["DNF", "DNF", "-", None]
    kind = assert_reads(values, SECONDS * 5 + [np.nan] * 4)
    assert kind.notes(training(values))[1:] == [
        "took: 3 cells are no durations ('DNF', '-'), now missing",
        "took: 1 of 34 cells are missing",
    ]
    assert kind.notes(training(["-"]))[1] == "took: 1 cell is no duration ('DNF', '-'), now missing"
    np.testing.assert_array_equal(kind.apply(raw(["-", "0:00:01"]))["took"], [np.nan, 1.0])


def test_a_later_table_may_be_in_another_style_or_type() -> None:
    kind = learned([clock(seconds) for seconds in SECONDS])
    for style in STYLES.values():
        np.testing.assert_allclose(kind.apply(raw([style(each) for each in SECONDS]))["took"], SECONDS)
    np.testing.assert_array_equal(kind.apply(raw(SECONDS))["took"], SECONDS)  # a duration of Parquet
    assert np.isnan(kind.apply(raw(pa.nulls(3)))["took"]).all()
    for strange in ("soon", "3600"):
        with pytest.raises(
            DataError,
            match=f"'races.csv', line 3: column 'took' holds '{strange}' where a duration belongs, as '120:05:10'",
        ):
            kind.apply(raw(["1:02:03", strange]))
    with pytest.raises(DataError, match=r"holds values of type date32\[day\] where numbers belong"):
        kind.apply(raw(pa.array([0], pa.date32())))


def test_durations_of_csv_and_of_parquet_are_the_same(tmp_path: Path) -> None:
    frame = pd.DataFrame({"took": pd.to_timedelta(np.arange(40) * 1234.5, unit="s"), "y": ["no", "yes"] * 20})
    frame.to_csv(tmp_path / "races.csv", index=False)
    frame.to_parquet(tmp_path / "races.parquet", index=False)
    prepared = [cleaned(resolve(str(tmp_path / f"races.{end}"), "y")).features for end in ("csv", "parquet")]
    pd.testing.assert_frame_equal(*prepared)


@settings(max_examples=60)
@given(seconds=st.lists(st.integers(0, 10**6), min_size=1, max_size=20), style=st.sampled_from([*STYLES]))
def test_random_durations_read_back_as_they_were_written(seconds: list[int], style: str) -> None:
    wanted = [90_000.0, *map(float, seconds)]  # the first one is no time of day
    assert_reads([STYLES[style](each) for each in wanted], wanted)
