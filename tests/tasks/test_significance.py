"""Intervals and tests for cross-validation: the formulas of Nadeau and Bengio."""

import math

import numpy as np
import pytest
from scipy import stats

from tasks.significance import corrected_interval, corrected_p_value


def test_without_correction_the_figures_are_the_plain_t_tests() -> None:
    scores = np.random.default_rng(0).normal(0.02, 0.05, size=20)
    plain = stats.ttest_1samp(scores, 0.0)
    interval = plain.confidence_interval(0.95)
    assert corrected_interval(scores, 1, 0) == pytest.approx((interval.low, interval.high))
    assert corrected_p_value(scores, 1, 0) == pytest.approx(plain.pvalue)


def test_the_correction_widens_as_nadeau_and_bengio_say() -> None:
    scores = [0.70, 0.74, 0.78, 0.72, 0.76, 0.70, 0.75, 0.77, 0.73, 0.75]
    # variance 0.000755..., times 1/10 + 1/9; t(0.975, 9) = 2.262157
    error = np.sqrt((1 / 10 + 1 / 9) * np.var(scores, ddof=1))
    low, high = corrected_interval(scores, 90, 10)
    assert (high - low) / 2 == pytest.approx(2.262157 * error, rel=1e-6)
    assert (low + high) / 2 == pytest.approx(np.mean(scores))


def test_the_corrected_test_has_the_p_value_of_the_formula() -> None:
    # mean 0.02, variance 0.0008 / 3, times 1/4 + 1/3, hence t = 1.6036 with 3 degrees of freedom, for which
    # the distribution has a closed form: p = 1 - 2/pi (a + sin a cos a), a = atan(t / sqrt 3)
    t = 0.02 / math.sqrt((1 / 4 + 1 / 3) * 0.0008 / 3)
    a = math.atan(t / math.sqrt(3))
    expected = 1 - 2 / math.pi * (a + math.sin(a) * math.cos(a))
    assert corrected_p_value([0.02, 0.0, 0.04, 0.02], 3, 1) == pytest.approx(expected)
    assert expected == pytest.approx(0.2071, abs=5e-5)


def test_equal_scores_are_no_difference() -> None:
    assert corrected_p_value([0.0, 0.0, 0.0], 9, 1) == 1.0
    assert corrected_p_value([0.5, 0.5, 0.5], 9, 1) == 0.0
