"""Keys of trials, and the fits that candidates share."""

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.compose import ColumnTransformer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import FunctionTransformer, OneHotEncoder, StandardScaler

from infra.engines import connect
from tasks.clustering import KMeans
from tasks.ensembles import XGBoostClassifier
from tasks.search.canonical import text
from tasks.search.keys import trial_keys
from tasks.search.planning import plan
from tasks.search.trials import Trials

ROOT = Path(__file__).parents[3]


def named(column: str, category: object) -> str:
    return f"{column}-{category}"


def trials(**changes: Any) -> Trials:
    rng = np.random.default_rng(changes.get("data", 0))
    X = pd.DataFrame({"a": rng.normal(size=30), "b": rng.normal(size=30)})
    X["kind"] = pd.Categorical(np.array(["oats", "rye", "wheat"])[np.arange(30) % 3])
    y = np.arange(30) % 2
    shift = changes.get("folds", 0)
    folds = [((np.arange(20) + shift) % 30, (np.arange(20, 30) + shift) % 30)]
    before = ColumnTransformer(
        [
            ("numbers", StandardScaler(with_mean=changes.get("with_mean", True)), ["a", "b"]),
            ("kinds", OneHotEncoder(feature_name_combiner=named), ["kind"]),
        ]
    )
    model = changes.get("model") or XGBoostClassifier(
        random_state=changes.get("seed", 0),
        max_depth=changes.get("max_depth", 6),
        engine=changes.get("engine"),
    )
    return Trials(Pipeline([("prepare", before), ("model", model)]), X, y, folds, scorer=lambda *_: [0.0])


def key(candidate: dict[str, Any] | None = None, scoring: object = "accuracy", **changes: Any) -> str:
    return trial_keys(trials(**changes), [candidate or {"model__gamma": 0.5}], scoring)[0][0]


@pytest.mark.parametrize(
    "changes",
    [
        {"data": 1},
        {"folds": 1},
        {"seed": 1},
        {"max_depth": 5},
        {"with_mean": False},
        {"model": LogisticRegression()},
        {"candidate": {"model__gamma": 0.6}},
        {"candidate": {"model__reg_alpha": 0.5}},
        {"scoring": "roc_auc"},
    ],
    ids=str,
)
def test_a_key_changes_with_all_that_a_result_depends_on(changes: dict[str, Any]) -> None:
    assert key(**changes) != key()
    assert key(**changes) == key(**changes)


def test_a_key_does_not_change_with_the_engine() -> None:
    with connect("local", workers=1) as engine:
        assert key(engine=engine) == key()


def test_each_fold_has_a_key_of_its_own() -> None:
    several = trials()
    several.folds = list(several.folds) * 2
    [keys] = trial_keys(several, [{"model__gamma": 0.5}], "accuracy")
    assert len(set(keys)) == 2


@pytest.mark.parametrize("hash_seed", ["1", "2"])
def test_a_key_is_the_same_in_another_process(hash_seed: str) -> None:
    code = "from tests.tasks.search.test_keys import key; print(key())"
    done = subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, "PYTHONHASHSEED": hash_seed},
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.strip() == key()


def test_long_arrays_are_told_apart_to_their_middle() -> None:
    a, b = np.zeros((600, 4)), np.zeros((600, 4))
    b[300, 2] = 1.0
    assert repr(a) == repr(b)
    assert text({"init": a}) != text({"init": b})
    assert text({"init": a}) == text({"init": a.copy()})
    assert len(plan(KMeans(), [{"init": a}, {"init": b}, {"init": a.copy()}], 1)) == 2


def test_functions_are_told_apart_by_what_they_do() -> None:
    one, same, other = (FunctionTransformer(f) for f in (lambda x: x + 1, lambda x: x + 1, lambda x: x * x))
    assert text(one) == text(same) != text(other)
    assert text(FunctionTransformer(np.log1p)) != text(FunctionTransformer(np.log))
    assert "0x" not in text([named, StandardScaler, len, np.log])


def test_numbers_are_told_apart_by_value_not_by_type() -> None:
    assert text(np.float64(0.1)) == text(0.1)
    assert text(np.int64(3)) == text(3) != text(3.0)
    assert text(True) != text(1)


def test_candidates_that_differ_in_shared_parameters_are_one_fit() -> None:
    candidates = [{"max_depth": d, "n_estimators": n} for d in (2, 3) for n in (5, 50, "x")]
    fits = plan(XGBoostClassifier(), candidates, 2)
    assert len(fits) == 4
    assert (fits[0].params, fits[0].preparation) == ({"max_depth": 2}, {})
    assert fits[0].settings == ({"n_estimators": 5}, {"n_estimators": 50}, {"n_estimators": "x"})
    assert fits[0].candidates == (0, 1, 2)
    assert {(c, fit.fold) for fit in fits for c in fit.candidates} == {
        (c, f) for c in range(6) for f in (0, 1)
    }


def test_a_fit_of_a_pipeline_knows_what_prepares_its_rows() -> None:
    pipeline = Pipeline([("scale", StandardScaler()), ("model", KMeans())])
    [first, second] = plan(
        pipeline,
        [
            {"scale__with_std": std, "model__n_clusters": 3, "model__n_init": n}
            for std in (True, False)
            for n in (1, 2)
        ],
        1,
    )
    assert (first.preparation, second.preparation) == ({"scale__with_std": True}, {"scale__with_std": False})
    assert (first.params, first.settings) == ({"n_clusters": 3}, ({"n_init": 1}, {"n_init": 2}))


def test_equal_candidates_are_computed_once() -> None:
    assert len(plan(KMeans(), [{"n_clusters": 3}, {"n_clusters": 4}, {"n_clusters": 3}], 1)) == 2
