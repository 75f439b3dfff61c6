"""Search by successive halving over rows."""

from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.metrics import accuracy_score

from infra.engines import Engine, connect
from infra.ledger import Ledger
from tasks.algorithms.base import ModelOptions
from tasks.datasets.prepared import PreparedDataset
from tasks.ensembles import XGBoostClassifier
from tasks.large import row_halving, row_roles
from tasks.large.drawn_rows import DrawnRows
from tasks.large.row_halving import fewest_rows, round_sizes
from tasks.large.training import SmallTrees
from tasks.large.training_rows import LargeTrainingRows
from tasks.registry import ALGORITHMS
from tasks.search.base import BaseSearch
from tasks.search_plans import SearchPlan, plan_estimator
from tasks.sharing import SharedFit
from tests.tasks.large.tables import prepared


@pytest.fixture
def dataset(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> PreparedDataset:
    monkeypatch.setattr(row_roles, "SAMPLE_CELLS", 3 * 900)
    monkeypatch.setattr(row_roles, "FEWEST_ROWS", 0)
    monkeypatch.setattr(row_halving, "FEWEST_ROWS", 90)
    return prepared(tmp_path).model_copy(update={"by_blocks": True})


@pytest.fixture(scope="module")
def engine() -> Iterator[Engine]:
    with connect("local", workers=2) as engine:
        yield engine


def search_of(dataset: PreparedDataset, name: str, search: Any, **settings: Any) -> BaseSearch:
    algorithm = ALGORITHMS[name]
    plan = SearchPlan(search, ModelOptions(), folds=5, candidates=4)
    model = algorithm.make(dataset, ModelOptions())
    found = plan_estimator(plan, algorithm, dataset, model, **settings)
    assert isinstance(found, BaseSearch)
    return algorithm.large.searched(found, LargeTrainingRows(DrawnRows(dataset, 0)))


@pytest.mark.parametrize(
    ("rows", "candidates", "sizes"),
    [
        (270_000, 1, [270_000]),
        (270_000, 2, [270_000]),
        (270_000, 3, [90_000, 270_000]),
        (270_000, 18, [30_000, 90_000, 270_000]),
        (5_000, 18, [5_000]),
        (6_000, 18, [2_000, 6_000]),
        (100, 18, [100]),
    ],
)
def test_the_rows_of_the_rounds(rows: int, candidates: int, sizes: list[int]) -> None:
    assert round_sizes(rows, candidates) == sizes


@pytest.mark.parametrize("search", ["grid", "random"])
def test_each_trial_is_a_fit_on_the_first_rows_scored_on_the_rows_behind_the_sample(
    dataset: PreparedDataset, engine: Engine, search: str
) -> None:
    found = search_of(dataset, "xgboost", search, engine=engine)
    drawn = DrawnRows(dataset, 0)
    X, y = drawn.search_rows()
    table, size = found.cv_results_, drawn.sample_size
    counts = [table["rows"].count(rows) for rows in sorted(set(table["rows"]))]
    assert counts == ([18, 6, 2] if search == "grid" else [4, 2])
    assert max(table["rows"]) == size
    for params, rows, score in zip(table["params"], table["rows"], table["mean_test_score"], strict=True):
        model = clone(found.estimator).set_params(**params).fit(X[:rows], y[:rows])
        assert score == accuracy_score(y[size:], model.predict(X[size:]))
    for smaller, larger in pairwise(sorted(set(table["rows"]))):
        after = [
            params for params, rows in zip(table["params"], table["rows"], strict=True) if rows == larger
        ]
        before = [
            (score, params in after)
            for params, rows, score in zip(
                table["params"], table["rows"], table["mean_test_score"], strict=True
            )
            if rows == smaller
        ]
        kept, dropped = ([score for score, stays in before if stays is wanted] for wanted in (True, False))
        assert len(kept) == len(after)
        assert min(kept) >= max(dropped)
    last = [i for i, rows in enumerate(table["rows"]) if rows == size]
    assert found.best_score_ == max(table["mean_test_score"][i] for i in last)
    assert found.best_params_ in [table["params"][i] for i in last]


def test_a_tree_of_a_forest_draws_the_same_share_of_the_rows_of_each_round(dataset: PreparedDataset) -> None:
    model = ALGORITHMS["random_forest"].make(dataset, ModelOptions())
    rounds = [(500, 5_000), (5_000, 5_000), (50, 100), (100, 100), (1, 5_000)]
    sized = [SmallTrees(200).sized(model, rows, sample) for rows, sample in rounds]
    assert [pipeline[-1].max_samples for pipeline in sized] == [20, 200, 50, 100, 1]


def test_recorded_trials_are_not_computed_again(
    dataset: PreparedDataset, engine: Engine, tmp_path: Path
) -> None:
    ledger = Ledger(tmp_path / "ledger.sqlite")
    first = search_of(dataset, "gradient_boosting", "grid", engine=engine, ledger=ledger)
    again = search_of(dataset, "gradient_boosting", "grid", engine=engine, ledger=ledger)
    assert (first.n_kept_, again.n_fits_) == (0, 0)
    assert again.n_kept_ == len(first.cv_results_["params"])
    assert again.best_params_ == first.best_params_


def test_the_first_round_has_rows_of_each_class() -> None:
    target = np.zeros(50_000, int)
    target[[7, *range(1_000, 40_000, 1_000)]] = 1
    assert fewest_rows(target, has_classes=True) == 19_001
    assert fewest_rows(target[:5_000], has_classes=True) == 4_001
    assert fewest_rows(np.arange(5_000.0), has_classes=False) == row_halving.FEWEST_ROWS
    assert round_sizes(50_000, 18, fewest=19_001) == [50_000]


def test_a_round_in_which_all_candidates_fail_drops_none(
    dataset: PreparedDataset, engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(row_halving, "ROWS_OF_A_CLASS", 1)
    first = DrawnRows(dataset, 0).sample_size // 9

    def refuse_few(self: XGBoostClassifier, X: Any, y: Any, settings: Any) -> Any:
        if len(X) == first:
            raise ValueError("one class")
        return SharedFit.fit_shared(self, X, y, settings)

    monkeypatch.setattr(XGBoostClassifier, "fit_shared", refuse_few)
    table = search_of(dataset, "xgboost", "grid", engine=engine).cv_results_
    assert [table["rows"].count(rows) for rows in sorted(set(table["rows"]))] == [18, 18, 6]
