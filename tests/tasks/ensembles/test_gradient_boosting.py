"""Gradient boosting against LightGBM itself."""

import pickle
from pathlib import Path
from typing import Any

import lightgbm as lgb
import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone
from sklearn.datasets import make_classification, make_regression
from sklearn.utils.estimator_checks import parametrize_with_checks

from infra.errors import DataError, ParameterError
from tasks.ensembles import (
    GradientBoostingClassifier,
    GradientBoostingRegressor,
)
from tasks.ensembles.lightgbm_training import LightGBMPlan, held_out_rows

X, Y = make_classification(600, 8, n_informative=5, flip_y=0.1, random_state=0)
THREE = make_classification(900, 10, n_informative=6, n_classes=3, random_state=3)
NUMBERS = make_regression(500, 6, noise=5.0, random_state=1)
NATIVE: dict[str, Any] = {"n_jobs": 1, "deterministic": True, "force_row_wise": True, "verbosity": -1}

COUNTS_ROWS = {
    "check_sample_weight_equivalence_on_dense_data": "LightGBM counts rows, whatever their weights, in bins "
    "and in leaves"
}


@parametrize_with_checks([GradientBoostingClassifier(), GradientBoostingRegressor()])
def test_is_a_scikit_learn_estimator(estimator: Any, check: Any) -> None:
    check(estimator)


@parametrize_with_checks(
    [GradientBoostingClassifier(10, min_samples_leaf=1, early_stopping=True)],
    expected_failed_checks=lambda _estimator: COUNTS_ROWS,
)
def test_is_one_with_small_leaves_and_early_stopping(estimator: Any, check: Any) -> None:
    check(estimator)


def trees(booster: lgb.Booster) -> Any:
    return booster.dump_model()["tree_info"]


VARIANTS: list[tuple[dict[str, Any], dict[str, Any]]] = [
    ({}, {}),
    ({"max_depth": 3, "max_leaf_nodes": 6}, {"max_depth": 3, "num_leaves": 6}),
    ({"subsample": 0.6, "random_state": 3}, {"subsample": 0.6, "subsample_freq": 1, "random_state": 3}),
    ({"max_features": 0.5, "random_state": 1}, {"feature_fraction_bynode": 0.5, "random_state": 1}),
    (
        {"l2_regularization": 3.0, "min_samples_leaf": 5, "learning_rate": 0.3, "max_bins": 16},
        {"reg_lambda": 3.0, "min_child_samples": 5, "learning_rate": 0.3, "max_bin": 16},
    ),
    ({"class_weight": "balanced"}, {"class_weight": "balanced"}),
    ({"class_weight": {1: 5.0}}, {"class_weight": {1: 5.0}}),
]


@pytest.mark.parametrize(("ours", "theirs"), VARIANTS, ids=lambda parameters: str(parameters))
@pytest.mark.parametrize("weighted", [False, True])
def test_equals_the_library_to_the_last_bit(
    ours: dict[str, Any], theirs: dict[str, Any], weighted: bool
) -> None:
    weights = np.random.default_rng(1).exponential(size=len(X)) if weighted else None
    model = GradientBoostingClassifier(12, **ours).fit(X, Y, sample_weight=weights)
    native = lgb.LGBMClassifier(n_estimators=12, **NATIVE, **theirs).fit(X, Y, sample_weight=weights)
    assert trees(model.booster_) == trees(native.booster_)
    assert model.predict_proba(X).tobytes() == native.predict_proba(X).tobytes()
    np.testing.assert_array_equal(model.predict(X), native.predict(X))
    gains = native.booster_.feature_importance("gain")
    np.testing.assert_allclose(model.feature_importances_, gains / gains.sum())


def test_several_classes_with_gaps_and_labels_of_text() -> None:
    rows, codes = THREE[0].copy(), THREE[1]
    rows[::7, 2] = np.nan
    labels = np.array(["oats", "rye", "wheat"])[codes]
    model = GradientBoostingClassifier(10).fit(rows, labels)
    native = lgb.LGBMClassifier(n_estimators=10, **NATIVE).fit(rows, labels)
    assert model.classes_.tolist() == ["oats", "rye", "wheat"]
    assert model.predict_proba(rows).tobytes() == native.predict_proba(rows).tobytes()
    np.testing.assert_array_equal(model.predict(rows), native.predict(rows))


def test_numbers_are_predicted_as_the_library_does() -> None:
    model = GradientBoostingRegressor(20, subsample=0.7, random_state=2).fit(*NUMBERS)
    native = lgb.LGBMRegressor(n_estimators=20, subsample=0.7, subsample_freq=1, random_state=2, **NATIVE)
    assert model.predict(NUMBERS[0]).tobytes() == native.fit(*NUMBERS).predict(NUMBERS[0]).tobytes()


def test_defaults_are_those_of_the_library() -> None:
    native = lgb.LGBMClassifier(**NATIVE).fit(X, Y)
    assert GradientBoostingClassifier().fit(X, Y).predict_proba(X).tobytes() == (
        native.predict_proba(X).tobytes()
    )


def categories() -> tuple[pd.DataFrame, Any]:
    random = np.random.default_rng(0)
    grain = random.choice(["rye", "oats", "wheat", "millet", "spelt", "emmer"], 600)
    frame = pd.DataFrame({"size": random.normal(size=600), "grain": pd.Categorical(grain)})
    y = np.isin(grain, ["oats", "millet", "emmer"]) ^ (random.random(600) < 0.1)
    return frame, y.astype(int)


def test_categories_of_a_frame_and_by_index_are_native() -> None:
    frame, y = categories()
    codes = np.column_stack([frame["size"], frame["grain"].cat.codes])
    native = lgb.LGBMClassifier(n_estimators=5, **NATIVE).fit(codes, y, categorical_feature=[1])
    by_dtype = GradientBoostingClassifier(5, categorical_features="from_dtype").fit(frame, y)
    by_index = GradientBoostingClassifier(5, categorical_features=[1]).fit(codes, y)
    expected = native.predict_proba(codes).tobytes()
    assert by_dtype.predict_proba(frame).tobytes() == by_index.predict_proba(codes).tobytes() == expected
    assert any(tree["tree_structure"].get("decision_type") == "==" for tree in trees(by_dtype.booster_))


def test_categories_are_known_by_name_and_new_ones_are_missing() -> None:
    frame, y = categories()
    model = GradientBoostingClassifier(5, categorical_features="from_dtype").fit(frame, y)
    other = frame.assign(
        grain=frame["grain"].cat.reorder_categories(list(frame["grain"].cat.categories)[::-1])
    )
    assert model.predict_proba(other).tobytes() == model.predict_proba(frame).tobytes()
    new, missing = frame.head(1).copy(), frame.head(1).copy()
    new["grain"], missing["grain"] = pd.Categorical(["teff"]), pd.Categorical([None])
    assert model.predict_proba(new).tobytes() == model.predict_proba(missing).tobytes()


@pytest.mark.parametrize("wanted", [[8], [-1], [0.5], [[1]]])
def test_columns_that_are_not_there_are_refused(wanted: Any) -> None:
    with pytest.raises(ParameterError, match="categorical_features"):
        GradientBoostingClassifier(categorical_features=wanted).fit(X, Y)


@pytest.mark.parametrize("three", [False, True])
def test_early_stopping_finds_the_round_of_the_library(three: bool) -> None:
    rows, y = THREE if three else (X, Y)
    model = GradientBoostingClassifier(
        200, learning_rate=0.3, early_stopping=True, validation_fraction=0.2, random_state=4
    ).fit(rows, y)
    held = held_out_rows(y, LightGBMPlan({}, 200, classification=True, validation_fraction=0.2, seed=4))
    for label in np.unique(y):
        assert held[y == label].mean() == pytest.approx(0.2, abs=0.01)
    native = lgb.LGBMClassifier(n_estimators=200, learning_rate=0.3, random_state=4, **NATIVE)
    native.fit(
        rows[~held],
        y[~held],
        eval_X=rows[held],
        eval_y=y[held],
        callbacks=[lgb.early_stopping(10, verbose=False)],
    )
    assert model.best_iteration_ == native.best_iteration_ < 190
    assert model.n_iter_ == model.best_iteration_
    assert model.predict_proba(rows).tobytes() == native.predict_proba(rows).tobytes()


def test_early_stopping_of_numbers_draws_by_the_seed() -> None:
    def fitted(seed: Any) -> Any:
        model = GradientBoostingRegressor(300, learning_rate=0.3, early_stopping=True, random_state=seed)
        return model.fit(*NUMBERS).predict(NUMBERS[0]).tobytes()

    assert fitted(1) == fitted(1)
    assert fitted(1) != fitted(2)
    assert fitted(None) == fitted(None)


def test_without_early_stopping_there_is_no_best_round() -> None:
    model = GradientBoostingClassifier(7).fit(X, Y)
    assert model.n_iter_ == 7
    assert not hasattr(model, "best_iteration_")


@pytest.mark.parametrize("parameters", [{}, {"subsample": 0.5, "min_samples_leaf": 120, "random_state": 1}])
def test_the_first_rounds_of_a_fit_are_the_shorter_fit(parameters: dict[str, Any]) -> None:
    # with leaves of 120 of 300 rows some rounds find no split and leave no tree
    settings = [{"n_estimators": rounds} for rounds in (1, 7, 30)]
    shared = GradientBoostingClassifier(**parameters).fit_shared(X, Y, settings)
    for setting, cut in zip(settings, shared, strict=True):
        short = GradientBoostingClassifier(**parameters, **setting).fit(X, Y)
        assert isinstance(cut, GradientBoostingClassifier)
        assert cut.predict_proba(X).tobytes() == short.predict_proba(X).tobytes()
        np.testing.assert_allclose(cut.feature_importances_, short.feature_importances_)
        assert cut.get_params() == short.get_params()
        assert cut.n_iter_ == short.n_iter_


def test_fits_that_stop_early_are_not_cut_from_each_other() -> None:
    model = GradientBoostingClassifier(learning_rate=0.3, early_stopping=True, random_state=0)
    settings = [{"n_estimators": rounds} for rounds in (3, 100)]
    for setting, found in zip(settings, model.fit_shared(X, Y, settings), strict=True):
        alone = clone(model).set_params(**setting).fit(X, Y)
        assert isinstance(found, GradientBoostingClassifier)
        assert found.best_iteration_ == alone.best_iteration_
        assert found.predict_proba(X).tobytes() == alone.predict_proba(X).tobytes()
    with pytest.raises(ParameterError, match="n_estimators=2: the fit stopped early; only a fit of all"):
        alone.truncated(2)


@pytest.mark.parametrize("rounds", [0, -1, 2.5, "10", 31])
def test_rounds_that_a_fit_does_not_have_are_refused(rounds: Any) -> None:
    with pytest.raises(ValueError, match="n_estimators"):
        GradientBoostingClassifier(30).fit(X, Y).truncated(rounds)


def test_what_cannot_be_fitted_is_refused() -> None:
    with pytest.raises(ParameterError, match="at least two classes are needed, found one class, '1'"):
        GradientBoostingClassifier().fit(X, np.ones(len(X), dtype=int))
    with pytest.raises(ParameterError, match="n_shards=2: at most 1, the worker processes of the engine"):
        GradientBoostingClassifier(n_shards=2).fit(X, Y)
    with pytest.raises(ParameterError, match="class_weight: 'rye' is not a class of y; allowed: 0, 1"):
        GradientBoostingClassifier(class_weight={"rye": 2.0}).fit(X, Y)
    with pytest.raises(ParameterError, match=r"validation_fraction=0\.1: it must leave rows"):
        GradientBoostingRegressor(early_stopping=True).fit(X[:1], [1.0])


def test_a_fitted_model_travels_and_says_nothing(capfd: pytest.CaptureFixture[str]) -> None:
    model = GradientBoostingClassifier(5, early_stopping=True).fit(X, Y)
    again = pickle.loads(pickle.dumps(model))
    assert again.predict_proba(X).tobytes() == model.predict_proba(X).tobytes()
    GradientBoostingRegressor(2).fit(X[:5], Y[:5]).predict(X)  # too few rows for any split
    assert capfd.readouterr() == ("", "")


def test_a_model_that_cannot_split_has_no_important_feature() -> None:
    model = GradientBoostingClassifier(3, min_samples_leaf=400).fit(X, Y)
    assert model.feature_importances_.tolist() == [0.0] * 8
    assert model.n_iter_ == 1


@pytest.fixture
def table(tmp_path: Path) -> Path:
    rows = THREE[0].copy()
    rows[::7, 2] = np.nan
    frame = pd.DataFrame(rows, columns=[f"x{i}" for i in range(rows.shape[1])])
    frame.insert(3, "grain", np.array(["oats", "rye", "wheat"])[THREE[1]])
    frame["yield"] = rows[:, 0] * 3 + THREE[1]
    frame.to_parquet(tmp_path / "t.parquet", row_group_size=200)
    return tmp_path / "t.parquet"


def test_a_path_is_fitted_like_the_rows_in_it(table: Path) -> None:
    frame = pd.read_parquet(table).drop(columns="yield")
    frame.to_parquet(table)
    y = frame.pop("grain")
    parameters = {"early_stopping": True, "class_weight": {"rye": 3.0}, "random_state": 1}
    from_path = GradientBoostingClassifier(10, **parameters).fit(table, "grain")
    from_rows = GradientBoostingClassifier(10, **parameters).fit(frame, y)
    assert from_path.classes_.tolist() == from_rows.classes_.tolist() == ["oats", "rye", "wheat"]
    assert from_path.feature_names_in_.tolist() == frame.columns.tolist()
    expected = from_rows.predict_proba(frame).tobytes()
    assert from_path.predict_proba(frame).tobytes() == expected
    assert from_path.predict_proba(str(table)).tobytes() == expected
    np.testing.assert_array_equal(from_path.predict(table), from_rows.predict(frame))


def test_numbers_and_integer_labels_are_targets_of_a_path(table: Path) -> None:
    frame = pd.read_parquet(table).drop(columns="grain")
    frame["label"] = THREE[1] + 5
    frame.to_parquet(table)
    y, label = frame.pop("yield"), frame.pop("label")
    features = frame.columns.tolist()
    frame.assign(y=y).to_parquet(table)
    from_path = GradientBoostingRegressor(5).fit(table, "y")
    assert (
        from_path.predict(table).tobytes()
        == GradientBoostingRegressor(5).fit(frame, y).predict(frame).tobytes()
    )
    frame.assign(label=label).to_parquet(table)
    classifier = GradientBoostingClassifier(5).fit(table, "label")
    assert classifier.feature_names_in_.tolist() == features
    assert classifier.classes_.tolist() == [5, 6, 7]


def test_what_does_not_go_with_a_path_is_refused(table: Path, tmp_path: Path) -> None:
    model = GradientBoostingClassifier(2)
    with pytest.raises(
        ParameterError, match="y: of type ndarray; with a path, the name of the target column"
    ):
        model.fit(table, Y)
    with pytest.raises(ParameterError, match="sample_weight: allowed with an array, not with a path"):
        model.fit(table, "grain", sample_weight=np.ones(900))
    with pytest.raises(DataError, match=r"t\.parquet: column 'barley' is missing"):
        model.fit(table, "barley")
    with pytest.raises(DataError, match=r"t\.parquet: column 'grain' is .*; all columns must be numbers"):
        model.fit(table, "yield")
    pd.DataFrame({"a": [1.0, 2.0], "y": ["x", "x"]}).to_parquet(tmp_path / "one.parquet")
    with pytest.raises(ParameterError, match="found one class, 'x'"):
        model.fit(tmp_path / "one.parquet", "y")
    pd.DataFrame({"a": [1.0, 2.0], "y": [0.5, 1.25]}).to_parquet(tmp_path / "numbers.parquet")
    with pytest.raises(ParameterError, match=r"y: class labels are needed, found numbers such as 0\.5"):
        model.fit(tmp_path / "numbers.parquet", "y")
    with pytest.raises(ParameterError, match="y: numbers are needed, found text such as 'x'"):
        GradientBoostingRegressor(2).fit(tmp_path / "one.parquet", "y")
    pd.DataFrame({"a": [1.0], "y": [1]}).head(0).to_parquet(tmp_path / "none.parquet")
    with pytest.raises(DataError, match="at least one row"):
        model.fit(tmp_path / "none.parquet", "y")


def test_rows_of_a_path_need_the_features_of_the_model(table: Path, tmp_path: Path) -> None:
    model = GradientBoostingClassifier(2).fit(X, Y)
    pd.DataFrame(X[:, :3]).add_prefix("x").to_parquet(tmp_path / "few.parquet")
    with pytest.raises(ParameterError, match=r"few\.parquet: 3 columns; the model has 8"):
        model.predict(tmp_path / "few.parquet")
