"""Bayesian search: Optuna's own proposals, the same on every engine, and resumed from a ledger."""

from pathlib import Path
from typing import Any

import numpy as np
import optuna
import pytest
from scipy.stats import loguniform, norm, randint, uniform
from sklearn.datasets import make_classification
from sklearn.model_selection import StratifiedKFold, cross_val_score
from sklearn.utils import check_random_state

from infra.errors import ParameterError
from infra.ledger import Ledger
from tasks.ensembles import XGBoostClassifier
from tasks.search import BayesianSearch, RandomSearch
from tests.infra.engines.starting import started

X, Y = make_classification(300, 8, n_informative=5, flip_y=0.1, random_state=0)
FOLDS = StratifiedKFold(3, shuffle=True, random_state=7)
SPACE: dict[str, Any] = {
    "learning_rate": loguniform(0.01, 0.5),
    "max_depth": randint(1, 7),
    "subsample": uniform(0.5, 0.5),
    "n_estimators": [5, 10, 20],
}
OPTIONS: dict[str, Any] = {"n_iter": 14, "n_initial": 6, "batch_size": 1, "random_state": 5, "cv": FOLDS}


def test_candidates_are_those_that_optuna_tries_by_itself() -> None:
    def objective(trial: optuna.Trial) -> float:
        model = XGBoostClassifier(
            learning_rate=trial.suggest_float("learning_rate", 0.01, 0.5, log=True),
            max_depth=trial.suggest_int("max_depth", 1, 6),
            subsample=trial.suggest_float("subsample", 0.5, 1.0),
            n_estimators=[5, 10, 20][trial.suggest_categorical("n_estimators", range(3))],
        )
        return float(cross_val_score(model, X, Y, cv=FOLDS).mean())

    seed = check_random_state(OPTIONS["random_state"]).randint(2**31)
    sampler = optuna.samplers.TPESampler(n_startup_trials=6, multivariate=True, constant_liar=True, seed=seed)
    theirs = optuna.create_study(direction="maximize", sampler=sampler)
    theirs.optimize(objective, n_trials=14)
    ours = BayesianSearch(XGBoostClassifier(), SPACE, **OPTIONS).fit(X, Y)
    for name in ("learning_rate", "max_depth", "subsample"):
        assert [p[name] for p in ours.cv_results_["params"]] == [t.params[name] for t in theirs.trials]
    np.testing.assert_allclose(
        ours.cv_results_["mean_test_score"], [t.value for t in theirs.trials], rtol=1e-12
    )
    assert ours.best_score_ == pytest.approx(theirs.best_value, rel=1e-12)


@pytest.mark.parametrize("engine", ["dask", "spark"])
def test_every_engine_tries_the_same_candidates(engine: Any, tmp_path: Path) -> None:
    options = {**OPTIONS, "batch_size": 4}
    here = BayesianSearch(XGBoostClassifier(), SPACE, **options).fit(X, Y)
    with started(engine, 2, tmp_path) as connected:
        there = BayesianSearch(XGBoostClassifier(), SPACE, engine=connected, **options).fit(X, Y)
    assert there.cv_results_["params"] == here.cv_results_["params"]
    assert there.cv_results_["mean_test_score"].tobytes() == here.cv_results_["mean_test_score"].tobytes()
    assert len(there.cv_results_["params"]) == 14


def test_recorded_candidates_are_not_computed_again_and_more_are_added(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path / "ledger.sqlite")
    first = BayesianSearch(XGBoostClassifier(), SPACE, ledger=ledger, **OPTIONS).fit(X, Y)
    second = BayesianSearch(XGBoostClassifier(), SPACE, ledger=ledger, **{**OPTIONS, "n_iter": 16}).fit(X, Y)
    assert (first.n_fits_, first.n_kept_) == (3 * 14, 0)
    assert (second.n_fits_, second.n_kept_) == (3 * 2, 3 * 14)
    assert second.cv_results_["params"][:14] == first.cv_results_["params"]


def test_candidates_that_fail_are_recorded_and_the_search_goes_on() -> None:
    space = {"max_depth": [-5, 2, 3], "learning_rate": loguniform(0.01, 0.5)}
    found = BayesianSearch(XGBoostClassifier(5), space, **OPTIONS).fit(X, Y)
    failed = [params["max_depth"] == -5 for params in found.cv_results_["params"]]
    assert any(failed)
    assert [error is not None for error in found.cv_results_["error"]] == failed
    assert found.best_params_["max_depth"] > 0


def test_with_as_many_candidates_its_mean_score_is_above_that_of_random_search() -> None:
    space = {"learning_rate": loguniform(1e-4, 1.0), "max_depth": randint(1, 9)}
    options: dict[str, Any] = {"n_iter": 40, "random_state": 0, "cv": FOLDS}
    bayesian = BayesianSearch(XGBoostClassifier(10), space, **options).fit(X, Y)
    drawn = RandomSearch(XGBoostClassifier(10), space, **options).fit(X, Y)
    proposed = bayesian.cv_results_["mean_test_score"][10:]
    assert proposed.mean() > drawn.cv_results_["mean_test_score"].mean()


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"n_iter": 0}, "n_iter=0: from 1 to"),
        ({"n_initial": 0}, "n_initial=0: at least 1"),
        ({"batch_size": 0}, "batch_size=0: at least 1"),
        ({"space": {"subsample": norm()}}, "subsample is a distribution 'norm'; allowed: a list, or uniform"),
        ({"space": {"trees": [1]}}, "parameter 'trees' is unknown"),
    ],
)
def test_invalid_arguments_are_refused(wrong: dict[str, Any], message: str) -> None:
    with pytest.raises(ParameterError, match=message):
        BayesianSearch(XGBoostClassifier(), **{"space": SPACE, **OPTIONS, **wrong}).fit(X, Y)
