"""Successive halving against scikit-learn's, candidate by candidate and round by round."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import xgboost
from scipy.stats import loguniform, randint
from sklearn.datasets import make_classification
from sklearn.experimental import enable_halving_search_cv  # noqa: F401 (makes the next import work)
from sklearn.model_selection import HalvingRandomSearchCV, StratifiedKFold

from infra.engines import connect
from infra.errors import ParameterError
from infra.ledger import Ledger
from tasks.ensembles import XGBoostClassifier
from tasks.search import HalvingSearch

X, Y = make_classification(300, 8, n_informative=5, flip_y=0.1, random_state=0)
FOLDS = StratifiedKFold(3, shuffle=True, random_state=7)
SPACE = {"learning_rate": loguniform(0.01, 0.5), "max_depth": randint(1, 7)}
OPTIONS: dict[str, Any] = {
    "resource": "n_estimators",
    "min_resources": 3,
    "max_resources": 40,
    "factor": 3,
    "random_state": 5,
    "cv": FOLDS,
}


@pytest.mark.parametrize("candidates", [9, 20])
@pytest.mark.parametrize("engine", ["local", "dask"])
def test_rounds_candidates_and_winner_are_scikit_learns(candidates: int, engine: Any) -> None:
    theirs = HalvingRandomSearchCV(
        xgboost.XGBClassifier(n_jobs=1), SPACE, n_candidates=candidates, **OPTIONS
    ).fit(X, Y)
    with connect(engine, workers=2) as connected:
        ours = HalvingSearch(XGBoostClassifier(), SPACE, n_iter=candidates, engine=connected, **OPTIONS)
        ours.fit(X, Y)
    assert ours.cv_results_["params"] == theirs.cv_results_["params"]
    np.testing.assert_array_equal(ours.cv_results_["round"], theirs.cv_results_["iter"])
    np.testing.assert_allclose(
        ours.cv_results_["mean_test_score"], theirs.cv_results_["mean_test_score"], rtol=1e-12
    )
    assert ours.best_params_ == theirs.best_params_
    assert ours.n_rounds_ == theirs.n_iterations_


def test_recorded_rounds_are_not_computed_again(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path / "ledger.sqlite")
    first = HalvingSearch(XGBoostClassifier(), SPACE, n_iter=9, ledger=ledger, **OPTIONS).fit(X, Y)
    second = HalvingSearch(XGBoostClassifier(), SPACE, n_iter=9, ledger=ledger, **OPTIONS).fit(X, Y)
    assert (first.n_fits_, first.n_kept_) == (3 * (9 + 3 + 1), 0)
    assert (second.n_fits_, second.n_kept_) == (0, first.n_fits_)
    assert second.best_params_ == first.best_params_


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"resource": "trees"}, "resource='trees': no parameter"),
        ({"resource": "max_depth"}, "resource='max_depth': halving sets it"),
        ({"min_resources": 50}, "min_resources=50: from 1 to max_resources=40"),
        ({"factor": 1}, "factor=1: at least 2"),
        ({"n_iter": 0}, "n_iter=0: from 1 to"),
    ],
)
def test_invalid_arguments_are_refused(wrong: dict[str, Any], message: str) -> None:
    with pytest.raises(ParameterError, match=message):
        HalvingSearch(XGBoostClassifier(), SPACE, **{**OPTIONS, **wrong}).fit(X, Y)
