"""Distributions of columns: histograms of numbers and dates, and the most frequent texts."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from tasks.datasets.catalogue import Source
from tasks.datasets.columns import TrainingColumn, learn_column
from tasks.datasets.distributions import Distribution, Frequencies, Histogram, distribution, histogram
from tasks.datasets.raw import RawColumn
from tests.tasks.datasets.tables import raw_column


def found(tmp_path: Path, raw: RawColumn) -> Distribution | None:
    """The distribution of a column as its kind reads it."""
    column = TrainingColumn(
        raw, np.ones(len(raw.values), bool), Source("t", tmp_path / "t.csv", "clustering")
    )
    return distribution(raw, learn_column(column))


def test_each_value_of_a_few_whole_numbers_has_its_interval() -> None:
    assert histogram(np.array([1.0, 2, 2, 4, np.nan])) == Histogram((1, 2, 0, 1), "1", "4")


def test_measures_are_counted_in_thirty_intervals() -> None:
    values = np.random.default_rng(0).uniform(0, 1, 900)
    counted = histogram(values)
    assert counted is not None
    expected, _ = np.histogram(values, 30)
    assert counted.counts == tuple(expected.tolist())


def test_a_few_values_far_away_do_not_stretch_the_intervals() -> None:
    values = np.concatenate([np.random.default_rng(0).uniform(0, 10, 1000), [1e6, -1e6]])
    counted = histogram(values)
    assert counted is not None
    assert sum(counted.counts) == len(values)
    assert min(counted.counts) > 5
    assert counted.low.endswith("(from -1e+06)")
    assert counted.high.endswith("(up to 1e+06)")


def test_equal_values_are_one_interval() -> None:
    assert histogram(np.full(7, 3.5)) == Histogram((7,), "3.5", "3.5")


@pytest.mark.parametrize("values", [[], [np.nan, np.nan], [np.inf]])
def test_without_values_there_is_no_picture(values: list[float]) -> None:
    assert histogram(np.array(values, dtype=float)) is None


def test_dates_are_counted_in_time(tmp_path: Path) -> None:
    days = pd.date_range("2024-01-01", periods=40).strftime("%d.%m.%Y").tolist()
    counted = found(tmp_path, raw_column(tmp_path, [*days, None]))
    assert isinstance(counted, Histogram)
    assert (counted.low, counted.high) == ("2024-01-01", "2024-02-09")
    assert sum(counted.counts) == 40


def test_numbers_with_a_unit_are_counted_as_numbers(tmp_path: Path) -> None:
    counted = found(tmp_path, raw_column(tmp_path, ["1 kg", "3 kg", "3 kg", "2 kg"] * 5))
    assert counted == Histogram((5, 5, 10), "1", "3")


def test_the_most_frequent_texts_are_counted(tmp_path: Path) -> None:
    cells = [letter for count, letter in enumerate("abcdefg", 1) for _ in range(count)]
    counted = found(tmp_path, raw_column(tmp_path, [*cells, None]))
    assert counted == Frequencies((("g", 7), ("f", 6), ("e", 5), ("d", 4), ("c", 3)), 3)
