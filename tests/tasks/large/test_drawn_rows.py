"""Rows that are drawn from a large table."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from tasks.large import row_roles
from tasks.large.drawn_rows import DrawnRows
from tests.tasks.large.tables import clustered, prepared


@pytest.fixture(autouse=True)
def small_sample(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(row_roles, "SAMPLE_CELLS", 3 * 900)
    monkeypatch.setattr(row_roles, "FEWEST_ROWS", 0)
    monkeypatch.setattr("tasks.datasets.preparation.ROW_GROUP", 700)


def test_the_drawn_rows_are_those_of_the_table(tmp_path: Path) -> None:
    dataset = prepared(tmp_path)
    drawn = DrawnRows(dataset, seed=0)
    counts: list[tuple[int, int]] = []
    drawn.draw(lambda done, total: counts.append((done, total)))
    assert counts == [(n, 5) for n in range(1, 6)]
    X, y = dataset.load()
    assert y is not None
    for (features, target), mask in (
        (drawn.held_out(), drawn.roles.held_out),
        (drawn.search_rows(), drawn.roles.search),
    ):
        chosen = mask.of(0, dataset.rows)
        whole = pd.concat([X[chosen], pd.Series(y[chosen], X.index[chosen], name="y")], axis=1).astype(str)
        found = features.assign(y=target).astype(str)
        assert sorted(map(tuple, found.to_numpy())) == sorted(map(tuple, whole.to_numpy()))


def test_the_sample_comes_first_and_a_part_of_it_is_a_smaller_sample(tmp_path: Path) -> None:
    dataset = prepared(tmp_path)
    drawn = DrawnRows(dataset, seed=0)
    sample = drawn.roles.sample.of(0, dataset.rows)
    X, _ = dataset.load()
    found, _ = drawn.search_rows()
    assert drawn.sample_size == sample.sum() < len(found)
    assert set(found["x"][: drawn.sample_size]) == set(X["x"][sample])
    order = np.argsort(np.argsort(found["x"].to_numpy()))[: drawn.sample_size]
    assert abs(np.corrcoef(order, np.arange(len(order)))[0, 1]) < 0.1


def test_rows_are_drawn_once(tmp_path: Path) -> None:
    drawn = DrawnRows(prepared(tmp_path), seed=0)
    drawn.draw()
    [folder] = (tmp_path / "prepared").glob("*.drawn")
    before = {file: file.stat().st_mtime_ns for file in folder.iterdir()}
    drawn.draw(lambda _done, _total: pytest.fail("the table was read again"))
    assert {file: file.stat().st_mtime_ns for file in folder.iterdir()} == before
    assert len(before) == 2


def test_the_numbers_of_the_sample_are_those_of_its_rows(tmp_path: Path) -> None:
    drawn = DrawnRows(prepared(tmp_path), seed=3)
    X, _ = drawn.dataset.load()
    found, _ = drawn.search_rows()
    np.testing.assert_array_equal(X["x"].to_numpy()[drawn.sample_numbers()], found["x"][: drawn.sample_size])


def test_the_held_out_rows_are_drawn_once_for_all_seeds(tmp_path: Path) -> None:
    dataset = prepared(tmp_path)
    first, second = (DrawnRows(dataset, seed).held_out()[0] for seed in (0, 1))
    pd.testing.assert_frame_equal(first, second)
    [folder] = (tmp_path / "prepared").glob("*.drawn")
    assert len(list(folder.iterdir())) == 2  # the second seed asked for no other rows


def test_without_a_target_the_sample_alone_is_drawn(tmp_path: Path) -> None:
    dataset = clustered(tmp_path)
    drawn = DrawnRows(dataset, seed=0)
    drawn.draw()
    [folder] = (tmp_path / "prepared").glob("*.drawn")
    assert len(list(folder.iterdir())) == 1
    found, target = drawn.search_rows()
    assert target is None
    assert 0 < len(found) == drawn.sample_size < dataset.rows
    X, _ = dataset.load()
    np.testing.assert_array_equal(found, X.iloc[drawn.sample_numbers()])
