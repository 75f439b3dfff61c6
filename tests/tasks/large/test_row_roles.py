"""The roles of a large table's rows."""

import numpy as np
import pytest

from tasks.large.row_roles import FEWEST_ROWS, HOLDOUT_ROWS, SAMPLE_CELLS, VALIDATION_ROWS, RowRoles


@pytest.mark.parametrize(("rows", "columns"), [(1_000, 3), (400_000, 28), (3_000_000, 10), (60_000, 2_000)])
def test_no_row_has_two_roles_that_exclude_each_other(rows: int, columns: int) -> None:
    roles = RowRoles.of(rows, columns, seed=0)
    held_out, training, sample, search = (
        mask.of(0, rows) for mask in (roles.held_out, roles.training, roles.sample, roles.search)
    )
    np.testing.assert_array_equal(held_out, ~training)
    assert not (search & held_out).any()
    assert not (sample & ~search).any()
    validation = search & ~sample
    assert 0 < validation.sum() < 0.25 * training.sum()
    assert sample.sum() < 1.1 * max(SAMPLE_CELLS / columns, min(FEWEST_ROWS, 4 * SAMPLE_CELLS / columns))
    assert validation.sum() < 1.1 * VALIDATION_ROWS


def test_a_small_table_uses_all_its_training_rows_in_the_search() -> None:
    roles = RowRoles.of(10_000, 3, seed=0)
    np.testing.assert_array_equal(roles.search.of(0, 10_000), roles.training.of(0, 10_000))


def test_the_held_out_rows_of_a_huge_table_do_not_grow() -> None:
    assert RowRoles.of(30_000_000, 10, seed=0).held_out.count(0, 3_000_000) == pytest.approx(
        HOLDOUT_ROWS / 10, rel=0.02
    )


def test_the_seed_changes_the_sample_and_not_the_held_out_rows() -> None:
    first, second = (RowRoles.of(3_000_000, 28, seed) for seed in (0, 1))
    assert first.held_out == second.held_out
    assert first.sample != second.sample


@pytest.mark.parametrize("rows", [5_000, 3_000_000])
def test_a_clustering_holds_no_row_out_and_scores_on_its_sample(rows: int) -> None:
    roles = RowRoles.of(rows, 28, seed=0, holds_out=False)
    held_out, training, sample, search = (
        mask.of(0, rows) for mask in (roles.held_out, roles.training, roles.sample, roles.search)
    )
    assert training.all()
    assert not held_out.any()
    np.testing.assert_array_equal(search, sample)
    assert sample.sum() == pytest.approx(min(rows, SAMPLE_CELLS / 28), rel=0.01)
