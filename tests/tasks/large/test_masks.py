"""Rows chosen by their numbers."""

import numpy as np
import pytest
from scipy import stats

from tasks.large.masks import CHUNK, Draw, RowMask, random_numbers


def test_the_numbers_are_uniform_and_independent_of_one_another_and_of_other_seeds() -> None:
    first, second = (random_numbers(np.arange(200_000), seed) for seed in (1, 2))
    for numbers in (first, second):
        assert stats.kstest(numbers, "uniform").pvalue > 0.001
    assert abs(np.corrcoef(first, second)[0, 1]) < 0.01
    assert abs(np.corrcoef(first[1:], first[:-1])[0, 1]) < 0.01
    assert len(np.unique(first)) == len(first)


def test_a_rows_number_does_not_depend_on_the_other_rows() -> None:
    everything = random_numbers(np.arange(1_000), 7)
    np.testing.assert_array_equal(random_numbers(np.array([3, 999, 3]), 7), everything[[3, 999, 3]])


@pytest.mark.parametrize(
    ("low", "high", "share"), [(0.0, 0.2, 0.2), (0.7, 1.0, 0.3), (0.9, 0.1, 0.2), (0.4, 0.4, 0)]
)
def test_a_draw_has_its_share_of_the_rows(low: float, high: float, share: float) -> None:
    assert Draw(3, low, high).of(0, 100_000).mean() == pytest.approx(share, abs=0.005)


def test_a_larger_draw_has_the_rows_of_the_smaller_one() -> None:
    small, large = (Draw(3, 0.0, high).of(0, 10_000) for high in (0.1, 0.3))
    assert not (small & ~large).any()


def test_a_mask_is_the_same_whatever_part_of_the_table_is_asked_for() -> None:
    mask = RowMask() & Draw(1, 0.0, 0.5) & Draw(2, 0.2, 1.0)
    whole = mask.of(0, 5_000)
    np.testing.assert_array_equal(np.concatenate([mask.of(0, 1_234), mask.of(1_234, 5_000)]), whole)
    assert whole.mean() == pytest.approx(0.4, abs=0.03)
    assert RowMask().of(0, 5).all()


def test_rows_are_counted_over_chunks() -> None:
    mask = RowMask() & Draw(1, 0.0, 0.5)
    assert mask.count(5, CHUNK + 100) == int(mask.of(5, CHUNK + 100).sum())
