"""Which columns of a very wide table are kept."""

import numpy as np
from scipy.stats import f_oneway, rankdata, spearmanr

from tasks.datasets.encoding.strongest_columns import StrongestColumns


def test_the_columns_with_the_largest_f_statistic_of_ranks_are_kept() -> None:
    random = np.random.default_rng(0)
    X, y = random.normal(size=(60, 30)), np.repeat([0, 1, 2], 20)
    expected = [f_oneway(*(rankdata(column)[y == c] for c in range(3))).statistic for column in X.T]
    kept = StrongestColumns(True, most=5).fit(X, y).get_support(indices=True)
    assert sorted(kept) == sorted(np.argsort(expected)[-5:])


def test_the_columns_with_the_largest_rank_correlation_are_kept_for_a_quantity() -> None:
    random = np.random.default_rng(0)
    X, y = random.normal(size=(60, 30)), random.standard_cauchy(60)
    expected = [abs(spearmanr(column, y).statistic) for column in X.T]
    kept = StrongestColumns(False, most=5).fit(X, y).get_support(indices=True)
    assert sorted(kept) == sorted(np.argsort(expected)[-5:])


def test_missing_numbers_stay_missing_and_empty_or_constant_columns_are_the_last_choice() -> None:
    X = np.column_stack([np.full(20, np.nan), np.ones(20), np.arange(20.0), np.arange(20.0) % 7])
    X[0, 2] = np.nan
    found = StrongestColumns(True, most=2).fit(X, np.arange(20) >= 10).transform(X)
    assert np.array_equal(found, X[:, 2:], equal_nan=True)
