"""Columns of dates: every usual way of writing is read right, and nothing else is taken for a date."""

from collections.abc import Sequence
from datetime import date, datetime, time, timedelta
from email.utils import format_datetime
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from infra.errors import DataError
from tasks.datasets.catalogue import Source
from tasks.datasets.columns import AnyKind, DateColumn, LeftOut, TrainingColumn, learn_column
from tasks.datasets.options import ReadingOptions
from tasks.datasets.raw import RawColumn

PATH = Path("sales.csv")
STAMPS = pd.Series(pd.date_range("2023-11-20 00:30", periods=40, freq="31h7min"))
DAYS = STAMPS.dt.floor("D")
ENGLISH = pd.date_range("2024-01-01", periods=12, freq="MS").strftime("%B")
MONTHS = "Januar|Februar|März|April|Mai|Juni|Juli|August|September|Oktober|November|Dezember".split("|")  # noqa: SIM905
GERMAN = dict(zip(ENGLISH, MONTHS, strict=True))


def raw(values: Any) -> RawColumn:
    cells = values if isinstance(values, pa.Array) else pa.array(values, from_pandas=True)
    return RawColumn("sold", pa.chunked_array([cells]), PATH, lambda row: f"line {row + 2}")


def training(values: Any, known: Any = None, **options: Any) -> TrainingColumn:
    column = raw(values)
    mask = np.ones(len(column.values), bool) if known is None else np.asarray(known)
    return TrainingColumn(
        column, mask, Source("sales", PATH, "clustering", options=ReadingOptions(**options))
    )


def learned(values: Any, known: Any = None, **options: Any) -> AnyKind:
    return learn_column(training(values, known, **options))


def dated(values: Any, **options: Any) -> DateColumn:
    kind = learned(values, **options)
    assert isinstance(kind, DateColumn), kind
    return kind


def assert_reads(values: Any, wanted: Sequence[Any], **options: Any) -> None:
    """The prepared columns are those that pandas computes from the wanted dates."""
    found = pd.DataFrame(dated(values, **options).apply(raw(values)))
    times = pd.Series(wanted).astype("datetime64[us]").dt
    expected = {
        "sold: year": times.year,
        "sold: month": times.month,
        "sold: day": times.day,
        "sold: weekday": times.weekday,
        "sold: day of year": times.day_of_year,
        "sold: hour": times.hour + times.minute / 60 + times.second / 3600 + times.microsecond / 3.6e9,
    }
    for name in found.columns.intersection(list(expected)):
        np.testing.assert_allclose(found[name], expected[name].to_numpy(float), err_msg=name)
    dates = pd.Series(wanted).astype("datetime64[us]")
    days = (dates - dates.min().floor("D")) / pd.Timedelta(days=1)
    np.testing.assert_allclose(found["sold: days"], days)
    assert (found.dtypes == np.float64).all()


def told(kind: AnyKind) -> str:
    return "\n".join(kind.notes(training(["2024-01-01", "2024-01-02"])))


WITH_TIMES = {
    "ISO": lambda t: t.strftime("%Y-%m-%dT%H:%M:%S"),
    "ISO with a blank and minutes": lambda t: t.strftime("%Y-%m-%d %H:%M"),
    "ISO with fractions and Z": lambda t: t.strftime("%Y-%m-%dT%H:%M:%S.000Z"),
    "ISO with an offset": lambda t: t.strftime("%Y-%m-%dT%H:%M:%S+02:00"),
    "ISO without separators": lambda t: t.strftime("%Y%m%dT%H%M%SZ"),
    "Java's with a zone": lambda t: t.strftime("%Y-%m-%dT%H:%M:%S+01:00[Europe/Paris]"),
    "slashes, year first": lambda t: t.strftime("%Y/%m/%d %H:%M"),
    "points": lambda t: t.strftime("%d.%m.%Y %H:%M"),
    "slashes, day first": lambda t: t.strftime("%d/%m/%Y, %H:%M"),
    "US": lambda t: f"{t.month}/{t.day}/{t.year} {t.strftime('%I:%M %p')}",
    "US of two digits": lambda t: t.strftime("%m/%d/%y %H:%M"),
    "RFC 2822": lambda t: format_datetime(t.to_pydatetime()),
    "RFC 2822 with GMT": lambda t: t.strftime("%a, %d %b %Y %H:%M:%S GMT"),
    "ctime": lambda t: t.ctime(),
    "JavaScript's": lambda t: t.strftime("%a %b %d %Y %H:%M:%S GMT+0100 (CET)"),
    "a web server's": lambda t: t.strftime("%d/%b/%Y:%H:%M:%S +0000"),
    "SAS": lambda t: t.strftime("%d%b%Y:%H:%M:%S").upper(),
    "Oracle": lambda t: t.strftime("%d-%b-%y %I.%M.%S.000000 %p").upper(),
    "English": lambda t: t.strftime("%B %d, %Y at %H:%M"),
}
WITHOUT_TIMES = {
    "ISO": lambda t: t.strftime("%Y-%m-%d"),
    "points": lambda t: t.strftime("%d.%m.%Y"),
    "points without zeros": lambda t: f"{t.day}.{t.month}.{t.year}",
    "slashes, day first": lambda t: t.strftime("%d/%m/%Y"),
    "dashes of two digits": lambda t: t.strftime("%d-%m-%y"),
    "US": lambda t: f"{t.month}/{t.day}/{t.year}",
    "names": lambda t: t.strftime("%d %b %Y"),
    "names and dashes": lambda t: t.strftime("%d-%b-%Y").upper(),
    "names and years of two digits": lambda t: t.strftime("%d-%b-%y"),
    "names, month first": lambda t: t.strftime("%B %d, %Y"),
    "ordinals": lambda t: f"{t.day}{'st' if t.day in (1, 21, 31) else 'th'} {t.strftime('%B %Y')}",
    "German": lambda t: f"{t.day}. {GERMAN[t.strftime('%B')]} {t.year}",
    "weekdays": lambda t: t.strftime("%A, %d.%m.%Y"),
    "weeks with days": lambda t: t.strftime("%G-W%V-%u"),
    "compact": lambda t: t.strftime("%Y%m%d"),
}


@pytest.mark.parametrize("style", WITH_TIMES)
def test_times_are_read_in_every_usual_style(style: str) -> None:
    assert_reads([WITH_TIMES[style](t) for t in STAMPS], STAMPS)


@pytest.mark.parametrize("style", WITHOUT_TIMES)
def test_dates_are_read_in_every_usual_style(style: str) -> None:
    assert_reads([WITHOUT_TIMES[style](t) for t in DAYS], DAYS)


@pytest.mark.parametrize("style", ["%Y-%m", "%b-%y", "%B %Y", "%m/%Y"])
def test_months_of_a_year_are_their_first_days(style: str) -> None:
    months = pd.Series(pd.date_range("2021-01-01", periods=30, freq="MS"))
    assert_reads(months.dt.strftime(style), months)


def test_quarters_and_weeks_are_their_first_days() -> None:
    quarters = pd.Series(pd.date_range("2021-01-01", periods=9, freq="QS"))
    assert_reads([f"{t.year}Q{t.quarter}" for t in quarters], quarters)
    assert_reads([f"Q{t.quarter} {t.year}" for t in quarters], quarters)
    weeks = pd.Series(pd.date_range("2019-12-30", periods=60, freq="W-MON"))
    assert_reads(weeks.dt.strftime("%G-W%V"), weeks)


@pytest.mark.parametrize(
    "texts",
    [
        ["31 janvier 2024", "1 août 2024", "14 juil. 2023", "3 déc. 2022"],
        ["31 de enero de 2024", "1 de agosto de 2024", "14 jul 2023", "3 dic 2022"],
        ["31 gennaio 2024", "1 agosto 2024", "14 lug 2023", "3 dic 2022"],
        ["31 januari 2024", "1 augustus 2024", "14 juli 2023", "3 dec 2022"],
        ["Mi., 31. Jän. 2024", "Do, 1. Aug. 2024", "Freitag, 14. Juli 2023", "Sa., 3. Dez. 2022"],
    ],
)
def test_names_of_months_are_read_in_other_languages(texts: list[str]) -> None:
    assert_reads(texts, ["2024-01-31", "2024-08-01", "2023-07-14", "2022-12-03"])


@pytest.mark.parametrize(
    "type_",
    [pa.timestamp("s"), pa.timestamp("ms"), pa.timestamp("us"), pa.timestamp("ns"), pa.date32(), pa.date64()],
)
def test_parquet_types_of_dates_are_read(type_: pa.DataType) -> None:
    values = pa.array([None, *DAYS.dt.date], pa.date32()).cast(type_)
    assert_reads(values, [pd.NaT, *DAYS])


def test_a_parquet_zone_gives_the_time_on_its_clock_and_a_csv_file_of_it_is_read_alike() -> None:
    local = STAMPS.dt.tz_localize("UTC").dt.tz_convert("Europe/Berlin")
    assert_reads(pa.array(local), list(local.dt.tz_localize(None)))
    kind = dated(pa.array(local))
    assert "times are read on the clock of Europe/Berlin" in told(kind)
    assert_same(kind.apply(raw(local.astype(str).tolist())), kind.apply(raw(pa.array(local))))


def assert_same(found: Any, wanted: Any) -> None:
    pd.testing.assert_frame_equal(pd.DataFrame(found), pd.DataFrame(wanted))


NO_DATES = {
    "versions": ["1.2.3", "1.10.2", "2.0.0", "10.4.1"],
    "addresses": ["10.0.0.1", "192.168.2.1", "10.1.2.24"],
    "phone numbers": ["555-0123", "030-12-3456", "555-123-4567"],
    "ranges": ["10-20", "20-30", "5-10"],
    "ranges of years": ["1990-1999", "2000-2009"],
    "seasons": ["2009-10", "2010-11", "2011-12"],
    "years": ["2021", "2022", "2023"],
    "fractions": ["1/2", "3/4", "1/12"],
    "decimal numbers": ["31.01", "12.24", "1.5"],
    "German numbers": ["31.012.024", "1.012.024"],
    "months without a year": ["May", "June", "April"],
    "names": ["Mark", "April", "Julian"],
    "identifiers": ["2024-0001", "2024-0002", "2024-0003"],
    "identifiers of letters": ["A-12", "B-11", "MAR-7"],
    "Unix times": ["1706695200", "1706781600", "1706868000"],
    "eight digits": ["20240131", "20240132", "20241301"],
    "Excel's serial numbers": ["45322", "45323", "45324"],
    "lengths of time": ["125:30", "99:10", "61:00"],
    "scores": ["3:1", "2:0", "0:0"],
    "hardware addresses": ["12:34:56:78:9a:bc", "12:34:56:78:9a:bd"],
    "texts with dates in them": ["sold on 2024-01-31", "sold on 2024-02-01"],
    "many different words": ["2024-01-31", "2024-02-01", "soon", "later", "never"],
    "two orders": ["31/01/2024", "01/31/2024", "30/01/2024", "01/30/2024"],
}


@pytest.mark.parametrize("texts", NO_DATES)
def test_what_only_looks_like_a_date_is_none(texts: str) -> None:
    assert not isinstance(learned(NO_DATES[texts] * 5), DateColumn)


def test_numbers_of_eight_digits_are_dates_only_if_all_are_and_this_is_told() -> None:
    numbers = [int(day) for day in DAYS.dt.strftime("%Y%m%d")]
    assert_reads(numbers, DAYS)
    assert_reads([float(number) for number in numbers], DAYS)
    assert_reads([f"{number}.0" for number in numbers], DAYS)
    assert "whole numbers like 20231120, which are dates in all rows" in told(dated(numbers))
    for strange in (20240231, 21010101, 7):
        assert not isinstance(learned([*numbers, strange]), DateColumn)
    assert not isinstance(learned([20240131] * 9), DateColumn)
    assert np.isnan(dated([*numbers, 0]).apply(raw([0]))["sold: days"]).all()


def test_one_value_above_12_settles_the_order_of_the_column() -> None:
    assert_reads(["01/02/2024", "03/04/2024", "13/05/2024"], ["2024-02-01", "2024-04-03", "2024-05-13"])
    assert_reads(["01/02/2024", "03/04/2024", "05/13/2024"], ["2024-01-02", "2024-03-04", "2024-05-13"])
    assert "can also be read" not in told(dated(["01/02/2024", "13/05/2024"]))


OPEN = ["03/04/2024", "11/02/2023", "05/01/2024", "02/11/2023"]


def test_an_open_order_is_told_with_the_flag_that_decides() -> None:
    assert_reads(OPEN, ["2024-04-03", "2023-02-11", "2024-01-05", "2023-11-02"])
    assert (
        "sold: the dates can also be read month first; day first was chosen, because most countries write dates so; "
        "--date-order month-first reads them month first" in told(dated(OPEN))
    )
    assert_reads(OPEN, ["2024-03-04", "2023-11-02", "2024-05-01", "2023-02-11"], date_order="month-first")
    assert "month first was chosen, as --date-order says" in told(dated(OPEN, date_order="month-first"))


def test_the_flag_does_not_decide_a_column_that_its_values_settle() -> None:
    assert_reads(["31/01/2024", "01/02/2024"], ["2024-01-31", "2024-02-01"], date_order="month-first")


def test_rows_in_order_of_time_settle_an_open_order() -> None:
    assert_reads(["02/01/2024", "02/05/2024", "03/02/2024"], ["2024-02-01", "2024-02-05", "2024-03-02"])
    assert "because the rows are then in order of time" in told(
        dated(["02/01/2024", "02/05/2024", "03/02/2024"])
    )


def test_first_days_of_months_settle_an_open_order() -> None:
    texts = ["01/05/2024", "01/02/2023", "01/11/2024"]
    assert_reads(texts, ["2024-05-01", "2023-02-01", "2024-11-01"])
    turned = ["05/01/2024", "02/01/2023", "11/01/2024"]
    assert_reads(turned, ["2024-05-01", "2023-02-01", "2024-11-01"])
    assert "firsts of months" in told(dated(turned))


def test_am_and_pm_with_slashes_mean_that_the_month_comes_first() -> None:
    texts = [f"{text} 3:05 PM" for text in OPEN]
    assert_reads(texts, ["2024-03-04 15:05", "2023-11-02 15:05", "2024-05-01 15:05", "2023-02-11 15:05"])


def test_years_of_two_digits_in_front_are_known_by_their_few_values() -> None:
    days = DAYS.sample(frac=1, random_state=0)
    assert_reads(days.dt.strftime("%y-%m-%d"), days)
    assert "years of two digits are read as 1969 to 2068" in told(dated(days.dt.strftime("%y-%m-%d")))


def test_offsets_that_differ_are_brought_to_utc_and_told() -> None:
    texts = ["2024-01-31T10:00:00+01:00", "2024-07-31T10:00:00+02:00", "2024-07-01T00:30:00+02:00"]
    assert_reads(texts, ["2024-01-31 09:00", "2024-07-31 08:00", "2024-06-30 22:30"])
    assert "the offsets differ (+01:00 in 1 cells, +02:00 in 2 cells)" in told(dated(texts))


def test_one_offset_keeps_the_times_as_written_and_other_offsets_are_brought_to_it() -> None:
    kind = dated([f"2024-01-{day}T10:00:00+02:00" for day in range(10, 30)])
    assert "times stay as written, on a clock with the offset +02:00" in told(kind)
    there, here = "2024-01-15T08:00:00Z", "2024-01-15T10:00:00+02:00"
    assert_same(kind.apply(raw([there])), kind.apply(raw([here])))
    assert_same(kind.apply(raw(["2024-01-15T10:00:00"])), kind.apply(raw([here])))


def test_times_of_day_become_hours() -> None:
    times = [time(hour, 30) for hour in range(24)]
    for values in (
        pa.array(times),
        [t.strftime("%H:%M") for t in times],
        [t.strftime("%I:%M %p") for t in times],
    ):
        kind = dated(values)
        assert kind.numeric == ("sold: hour",)
        np.testing.assert_array_equal(kind.apply(raw(values))["sold: hour"], np.arange(24) + 0.5)
        assert_same(kind.apply(raw(pa.array(times))), kind.apply(raw(values)))
        with pytest.raises(DataError, match="belong"):
            kind.apply(raw(["2024-01-31"]))


def test_24_00_is_the_end_of_the_day() -> None:
    assert_reads(["2024-01-31 24:00", "2024-01-31 23:00"], ["2024-02-01 00:00", "2024-01-31 23:00"])


def test_parts_that_are_the_same_in_all_rows_are_left_out_and_told() -> None:
    kind = dated([f"2024-02-{day:02}" for day in range(1, 20)])
    assert kind.parts[:3] == ("day", "weekday", "day of year")
    assert "the same in all rows and left out: year, month" in told(kind)
    assert kind.parts[-1] == "days"
    same = learned(["2024-02-01"] * 9)
    assert isinstance(same, LeftOut)
    assert "the same date in every row" in told(same)


def test_only_rows_with_a_target_decide_the_first_date_and_the_parts() -> None:
    texts = ["2020-01-31", "2024-01-01", "2024-01-05"]
    kind = learned(texts, known=[False, True, True])
    assert isinstance(kind, DateColumn)
    assert kind.first == date(2024, 1, 1)
    assert "year" not in kind.parts
    np.testing.assert_array_equal(kind.apply(raw(texts))["sold: days"], [-1431, 0, 4])


def test_dates_that_mean_never_and_words_are_missing_and_told() -> None:
    days = list(DAYS.dt.strftime("%Y-%m-%d"))
    values = [*days, "9999-12-31", "0001-01-01", "0000-00-00", "-", "2024-02-31", "-", None]
    kind = dated(values)
    assert np.isnan(kind.apply(raw(values))["sold: days"][len(days) :]).all()
    notes = told(kind)
    assert "2 dates in the year 9999 or on the first day of the year 1 mean 'never', now missing" in notes
    assert "1 dates of zeros ('0000-00-00'), now missing" in notes
    assert "3 cells are no dates ('-', '2024-02-31'), now missing" in notes
    assert kind.notes(training([None, "2024-01-01"]))[-1] == "sold: 1 of 2 cells are missing"


@pytest.mark.parametrize("written", [*WITHOUT_TIMES, "timestamps", "dates of Parquet"])
@pytest.mark.parametrize("trained", ["points", "US", "ISO", "names"])
def test_a_later_table_may_be_in_another_style(trained: str, written: str) -> None:
    kind = dated([WITHOUT_TIMES[trained](t) for t in DAYS])
    numbers: dict[str, Any] = {"timestamps": pa.array(DAYS), "dates of Parquet": pa.array(list(DAYS.dt.date))}
    values = numbers.get(written) or [WITHOUT_TIMES[written](t) for t in DAYS]
    orders = {"points": "day", "US": "month", "slashes, day first": "day", "points without zeros": "day",
              "dashes of two digits": "day", "weekdays": "day"}  # fmt: skip
    if written.startswith("dashes") and trained not in orders:
        with pytest.raises(DataError, match="whose order of day and month is open"):
            kind.apply(raw(values))
        return
    if {orders.get(trained), orders.get(written)} == {"day", "month"}:
        with pytest.raises(DataError, match=r"where a date belongs, as '.*' with the (day|month) first"):
            kind.apply(raw(values))
        return
    assert_same(kind.apply(raw(values)), kind.apply(raw(pa.array(DAYS))))


def test_an_open_later_table_follows_the_order_of_the_training_table() -> None:
    for texts, wanted in ((["31/01/2024", "01/02/2023"], 3), (["01/31/2024", "02/01/2023"], 4)):
        np.testing.assert_array_equal(dated(texts).apply(raw(["04/03/2024"]))["sold: month"], [wanted])


def test_an_open_later_table_is_refused_if_the_training_table_had_no_order() -> None:
    kind = dated(DAYS.dt.strftime("%Y-%m-%d"))
    with pytest.raises(DataError) as caught:
        kind.apply(raw(["2024-01-31", "04/03/2024"]))
    assert str(caught.value) == (
        "'sales.csv', line 3: column 'sold' holds '04/03/2024' whose order of day and month is open; write the dates "
        "as 2024-01-31, as '2023-11-20'"
    )


def test_a_cell_that_is_no_date_is_refused_with_its_place() -> None:
    kind = dated(DAYS.dt.strftime("%d.%m.%Y"))
    for strange in ("soon", "31.02.2024", "7"):
        with pytest.raises(
            DataError,
            match=f"'sales.csv', line 3: column 'sold' holds '{strange}' where a date belongs, as '20.11.2023' with",
        ):
            kind.apply(raw(["31.01.2024", strange]))
    with pytest.raises(DataError, match="holds values of type bool where dates belong"):
        kind.apply(raw([True]))
    for strange_number in (1.5, np.inf, 1e300):
        with pytest.raises(DataError, match="where a date belongs"):
            kind.apply(raw([20240131.0, strange_number]))


def test_a_later_table_may_have_no_dates_at_all() -> None:
    kind = dated(DAYS.dt.strftime("%d.%m.%Y"))
    for nothing in (pa.nulls(3), pa.array(["", "NA", None]), pa.array([None] * 3, pa.timestamp("us"))):
        assert np.isnan(kind.apply(raw(nothing))["sold: days"]).all()


def test_a_kind_is_the_same_after_a_round_trip_as_json() -> None:
    kind = dated([f"{day:%d/%m/%Y} 10:00 +0200" for day in DAYS])
    assert DateColumn.model_validate_json(kind.model_dump_json()) == kind


@settings(max_examples=60)
@given(
    times=st.lists(
        st.datetimes(datetime(1970, 1, 2), datetime(2067, 12, 31)),
        min_size=4,
        max_size=30,
        unique_by=datetime.date,
    ),
    style=st.sampled_from([*WITH_TIMES, *WITHOUT_TIMES]),
)
def test_random_dates_read_back_as_they_were_written(times: list[datetime], style: str) -> None:
    settled = [datetime(2001, 1, 31) + timedelta(days=i * 31) for i in range(2)]  # they settle the order
    stamps = [pd.Timestamp(t).floor("min") for t in (*times, *settled, datetime(1999, 12, 31))]
    if style in WITH_TIMES:
        assert_reads([WITH_TIMES[style](t) for t in stamps], stamps)
    else:
        assert_reads([WITHOUT_TIMES[style](t) for t in stamps], [t.floor("D") for t in stamps])
