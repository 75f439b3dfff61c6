"""The tests of association, beside SciPy's tests of one property at a time."""

import numpy as np
import pytest
from scipy import stats

from tasks.datasets.encoding.association import ClassAssociation, QuantityAssociation, strongest


def properties(rows: int, count: int = 40) -> np.ndarray:
    random = np.random.default_rng(0)
    return (random.random((rows, count)) < random.uniform(0.05, 0.6, count)).astype(np.int64)


def test_two_classes_are_compared_by_the_one_sided_tails_of_fishers_exact_test() -> None:
    has, y = properties(80), np.random.default_rng(1).integers(0, 2, 80)
    association = ClassAssociation(y)
    p, _ = association.p_values(has.sum(axis=0), has.T @ association.weights)
    for i, column in enumerate(has.T):
        table = [
            [np.sum(column & y), np.sum(column & 1 - y)],
            [np.sum((1 - column) & y), np.sum(1 - column & 1 - y)],
        ]
        tails = [stats.fisher_exact(table, side).pvalue for side in ("greater", "less")]
        assert p[i] == pytest.approx(min(1, 2 * min(tails)))


def test_a_property_names_the_class_that_it_tells_most_about() -> None:
    y = np.repeat([0, 1, 2], 30)
    association = ClassAssociation(y)
    has = (y[:, None] == [1, 2]).astype(np.int64)
    p, outcomes = association.p_values(has.sum(axis=0), has.T @ association.weights)
    assert outcomes.tolist() == [1, 2]
    assert (p < 1e-10).all()


def test_a_quantity_is_compared_by_the_rank_sum_test() -> None:
    has, y = properties(200), np.random.default_rng(1).standard_cauchy(200)
    association = QuantityAssociation(y)
    p, _ = association.p_values(has.sum(axis=0), has.T @ association.weights)
    for i, column in enumerate(has.T.astype(bool)):
        expected = stats.mannwhitneyu(y[column], y[~column], method="asymptotic", use_continuity=False).pvalue
        assert p[i] == pytest.approx(expected, rel=0.02, abs=1e-4)


def test_outcomes_take_turns_and_insignificant_properties_are_left_out() -> None:
    p = np.array([1e-9, 1e-8, 0.9, 1e-5, 1e-7])
    outcomes = np.array([0, 0, 1, 1, 0])
    assert strongest(p, outcomes, 0.05, 3).tolist() == [0, 3, 1]
    assert strongest(p, outcomes, 0.05, 9).tolist() == [0, 3, 1, 4]
    assert strongest(np.zeros(0), np.zeros(0), 0.05, 9).tolist() == []
