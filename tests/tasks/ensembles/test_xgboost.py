"""XGBoost against the library's own estimator."""

import json
import pickle
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import xgboost
from sklearn.datasets import load_diabetes, make_classification
from sklearn.model_selection import train_test_split
from sklearn.utils.estimator_checks import parametrize_with_checks

from infra.engines import ArraySource
from infra.engines.blocks import Span
from infra.engines.collective import Communicator
from infra.engines.streaming import StreamedBlocks
from infra.errors import ParameterError
from tasks.ensembles import XGBoostClassifier, XGBoostRegressor
from tasks.ensembles.xgboost_training import XGBoostPlan, train_xgboost

X, Y = make_classification(500, 8, n_informative=5, flip_y=0.1, random_state=0)


@parametrize_with_checks([XGBoostClassifier(n_estimators=5), XGBoostRegressor(n_estimators=5)])
def test_is_a_scikit_learn_estimator(estimator: Any, check: Any) -> None:
    check(estimator)


VARIANTS: list[dict[str, Any]] = [
    {},
    {"tree_method": "exact"},
    {"tree_method": "approx", "max_bin": 16},
    {"subsample": 0.5, "colsample_bytree": 0.5, "random_state": 3},
    {"gamma": 0.5, "reg_alpha": 0.2, "reg_lambda": 2.0, "min_child_weight": 3.0, "learning_rate": 0.1},
]


@pytest.mark.parametrize("parameters", VARIANTS, ids=str)
@pytest.mark.parametrize("weighted", [False, True])
def test_equals_the_library_to_the_last_bit(parameters: dict[str, Any], weighted: bool) -> None:
    weights = np.random.default_rng(1).exponential(size=len(X)) if weighted else None
    ours = XGBoostClassifier(12, max_depth=3, **parameters).fit(X, Y, sample_weight=weights)
    theirs = xgboost.XGBClassifier(n_estimators=12, max_depth=3, n_jobs=1, **parameters)
    theirs.fit(X, Y, sample_weight=weights)
    assert ours.predict_proba(X).tobytes() == theirs.predict_proba(X).tobytes()
    np.testing.assert_array_equal(ours.predict(X), theirs.predict(X))
    np.testing.assert_allclose(ours.feature_importances_, theirs.feature_importances_, rtol=1e-5)


def test_defaults_are_those_of_the_library() -> None:
    ours = XGBoostClassifier().fit(X, Y).predict_proba(X)
    assert ours.tobytes() == xgboost.XGBClassifier(n_jobs=1).fit(X, Y).predict_proba(X).tobytes()


def test_the_first_rounds_of_a_fit_are_the_shorter_fit() -> None:
    long = XGBoostClassifier(30, subsample=0.7, random_state=1).fit(X, Y)
    for rounds in (1, 7, 30):
        short = XGBoostClassifier(rounds, subsample=0.7, random_state=1).fit(X, Y)
        cut = long.truncated(rounds)
        assert cut.predict_proba(X).tobytes() == short.predict_proba(X).tobytes()
        np.testing.assert_allclose(cut.feature_importances_, short.feature_importances_)
        assert cut.get_params() == short.get_params()
    assert long.n_estimators == 30


@pytest.mark.parametrize("rounds", [0, -1, 2.5, "10", 31])
def test_rounds_that_a_fit_does_not_have_are_refused(rounds: Any) -> None:
    with pytest.raises(ValueError, match="n_estimators"):
        XGBoostClassifier(30).fit(X, Y).truncated(rounds)


def test_seeds_are_repeatable_and_matter() -> None:
    def fitted(seed: Any) -> bytes:
        return bytes(
            XGBoostClassifier(5, subsample=0.5, random_state=seed).fit(X, Y).predict_proba(X).tobytes()
        )

    assert fitted(1) == fitted(1) == fitted(np.int64(1))
    assert fitted(1) != fitted(2)
    assert fitted(np.random.RandomState(0)) == fitted(np.random.RandomState(0))
    assert fitted(None) == fitted(0)


def test_one_class_is_refused() -> None:
    with pytest.raises(ParameterError, match="at least two classes are needed, found one class, '1'"):
        XGBoostClassifier().fit(X, np.ones(len(X), dtype=int))


def test_more_shards_than_workers_are_refused() -> None:
    with pytest.raises(ParameterError, match="n_shards=2: at most 1"):
        XGBoostClassifier(n_shards=2).fit(X, Y)


def test_a_fitted_model_travels() -> None:
    model = XGBoostClassifier(5).fit(X, Y)
    assert pickle.loads(pickle.dumps(model)).predict_proba(X).tobytes() == model.predict_proba(X).tobytes()


def test_a_model_that_cannot_split_has_no_important_feature() -> None:
    model = XGBoostClassifier(2, gamma=1e9).fit(X, Y)
    assert model.feature_importances_.tolist() == [0.0] * 8


ROWS, PROGRESSION = load_diabetes(return_X_y=True)


@pytest.mark.parametrize("parameters", VARIANTS, ids=str)
def test_a_regression_equals_the_library_to_the_last_bit(parameters: dict[str, Any]) -> None:
    ours = XGBoostRegressor(12, max_depth=3, **parameters).fit(ROWS, PROGRESSION)
    theirs = xgboost.XGBRegressor(n_estimators=12, max_depth=3, n_jobs=1, **parameters).fit(ROWS, PROGRESSION)
    assert ours.predict(ROWS).tobytes() == theirs.predict(ROWS).tobytes()
    assert 0.5 < ours.score(ROWS, PROGRESSION) < 1


@pytest.mark.parametrize("weight", ["balanced", {0: 1.0, 1: 5.0}])
def test_class_weights_are_sample_weights(weight: Any) -> None:
    uneven = np.r_[0:250, 250:500][(Y == 0) | (np.arange(500) % 4 == 0)]
    rows, classes = X[uneven], Y[uneven]
    share = {c: len(classes) / (2 * (classes == c).sum()) for c in (0, 1)} if weight == "balanced" else weight
    weighted = XGBoostClassifier(8, class_weight=weight).fit(rows, classes)
    by_row = XGBoostClassifier(8).fit(rows, classes, sample_weight=[share[c] for c in classes])
    assert weighted.predict_proba(rows).tobytes() == by_row.predict_proba(rows).tobytes()
    assert (
        weighted.predict_proba(rows).tobytes()
        != XGBoostClassifier(8).fit(rows, classes).predict_proba(rows).tobytes()
    )


@pytest.mark.parametrize(
    ("kind", "rows", "target"),
    [(XGBoostClassifier, X, Y), (XGBoostRegressor, ROWS, PROGRESSION)],
    ids=["classes", "quantity"],
)
def test_early_stopping_stops_where_the_library_does(kind: Any, rows: Any, target: Any) -> None:
    ours = kind(200, early_stopping_rounds=5, validation_fraction=0.2, random_state=3).fit(rows, target)
    train, test = train_test_split(
        np.arange(len(rows)), test_size=0.2, random_state=3, stratify=target if kind is XGBoostClassifier else None
    )  # fmt: skip
    train, test = np.sort(train), np.sort(test)
    library = xgboost.XGBClassifier if kind is XGBoostClassifier else xgboost.XGBRegressor
    theirs = library(n_estimators=200, early_stopping_rounds=5, n_jobs=1, random_state=3)
    theirs.fit(rows[train], target[train], eval_set=[(rows[test], target[test])], verbose=False)
    assert ours.best_iteration_ == theirs.best_iteration < 150
    assert ours.n_iter_ == theirs.best_iteration + 6
    np.testing.assert_array_equal(ours.predict(rows), theirs.predict(rows))


def test_shorter_fits_with_early_stopping_are_served_by_the_longest() -> None:
    parameters: dict[str, Any] = {"early_stopping_rounds": 4, "random_state": 1, "learning_rate": 0.1}
    settings = [{"n_estimators": n} for n in (3, 20, 400)]
    for found, setting in zip(
        XGBoostClassifier(**parameters).fit_shared(X, Y, settings), settings, strict=True
    ):
        assert not isinstance(found, Exception)
        alone = XGBoostClassifier(**parameters, **setting).fit(X, Y)
        assert found.best_iteration_ == alone.best_iteration_
        assert found.n_iter_ == alone.n_iter_
        assert found.predict_proba(X).tobytes() == alone.predict_proba(X).tobytes()


def test_without_a_gpu_auto_is_the_cpu() -> None:
    auto = XGBoostClassifier(5, device="auto").fit(X, Y)
    device = json.loads(auto.booster_.save_config())["learner"]["generic_param"]["device"]
    assert device in ("cpu", "cuda:0")
    if device == "cpu":
        assert auto.predict_proba(X).tobytes() == XGBoostClassifier(5).fit(X, Y).predict_proba(X).tobytes()


@pytest.mark.parametrize(
    ("parameters", "target", "weights", "message"),
    [
        ({}, None, None, "the name of the target column"),
        ({}, Y, None, "the name of the target column"),
        ({}, "y", np.ones(500), "sample_weight: allowed with an array"),
        ({"class_weight": "balanced"}, "y", None, "class_weight: allowed with an array"),
        ({}, "one", None, "at least two classes are needed, found one class"),
        ({}, "z", None, "column 'z' is missing; it has: x0"),
    ],
)
def test_what_does_not_go_with_a_path_is_refused(
    parameters: dict[str, Any], target: Any, weights: Any, message: str, tmp_path: Path
) -> None:
    frame = pd.DataFrame(X).add_prefix("x").assign(y=Y, one=1)
    frame.to_parquet(tmp_path / "t.parquet")
    with pytest.raises(ValueError, match=message):
        XGBoostClassifier(**parameters).fit(tmp_path / "t.parquet", target, sample_weight=weights)


def test_a_regression_of_texts_is_refused(tmp_path: Path) -> None:
    pd.DataFrame(X).add_prefix("x").assign(y=Y.astype(str)).to_parquet(tmp_path / "t.parquet")
    with pytest.raises(ParameterError, match=r"numbers are needed, found text such as '[01]'"):
        XGBoostRegressor().fit(tmp_path / "t.parquet", "y")


def test_another_number_of_columns_is_refused(tmp_path: Path) -> None:
    pd.DataFrame(X[:, :5]).add_prefix("x").to_parquet(tmp_path / "t.parquet")
    with pytest.raises(ParameterError, match="5 columns; the model has 8"):
        XGBoostClassifier(3).fit(X, Y).predict(tmp_path / "t.parquet")


@pytest.mark.parametrize("patience", [None, 3])
def test_predictions_use_as_many_threads_as_the_fit(patience: int | None) -> None:
    X, y = make_classification(200, random_state=0)
    model = XGBoostClassifier(5, early_stopping_rounds=patience, n_jobs=1).fit(X, y)
    for fitted in (model, pickle.loads(pickle.dumps(model))):
        config = json.loads(fitted.booster_.save_config())
        assert config["learner"]["generic_param"]["nthread"] == "1"


@pytest.mark.parametrize("gaps", [False, True])
def test_binned_rows_on_disk_make_the_trees_of_rows_in_memory(gaps: bool) -> None:
    X, y = make_classification(5000, 8, n_informative=5, flip_y=0.1, random_state=0)
    X = X.astype(np.float32)
    if gaps:
        X[::5, 1] = np.nan
    parameters = {
        "tree_method": "hist",
        "max_bin": 64,
        "max_depth": 5,
        "nthread": 1,
        "seed": 0,
        "verbosity": 0,
    }
    plan = XGBoostPlan(parameters, 8, None, 0.1, classification=True)
    parts = StreamedBlocks(ArraySource(X, y, block_rows=700), Span(0, 8))
    alone = Communicator(0, 1)
    whole = train_xgboost([(X, y)], alone, plan).booster
    streamed = train_xgboost(parts, alone, plan).booster
    on_disk = train_xgboost(parts, alone, replace(plan, on_disk=True)).booster
    assert streamed.save_raw("ubj") == whole.save_raw("ubj")
    rows = xgboost.DMatrix(X)
    np.testing.assert_allclose(on_disk.predict(rows), whole.predict(rows), atol=1e-6)
