"""Keys of recorded trials: they change with everything that a result depends on, and with nothing else."""

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
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from infra.engines import connect
from tasks.ensembles import XGBoostClassifier
from tasks.search.ledger_keys import ledger_keys
from tasks.search.trials import TrialContext

ROOT = Path(__file__).parents[3]


def named(column: str, category: object) -> str:
    return f"{column}-{category}"


def context(**changes: Any) -> TrialContext:
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
    return TrialContext(
        Pipeline([("prepare", before), ("model", model)]), X, y, folds, scorer=lambda *_: [0.0]
    )


def key(candidate: dict[str, Any] | None = None, scoring: object = "accuracy", **changes: Any) -> str:
    return ledger_keys(context(**changes), [candidate or {"model__gamma": 0.5}], scoring)[0][0]


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
def test_a_key_changes_with_everything_that_a_result_depends_on(changes: dict[str, Any]) -> None:
    assert key(**changes) != key()
    assert key(**changes) == key(**changes)


def test_a_key_does_not_change_with_the_engine() -> None:
    with connect("local", workers=1) as engine:
        assert key(engine=engine) == key()


def test_each_fold_has_a_key_of_its_own() -> None:
    several = context()
    several.folds = list(several.folds) * 2
    [keys] = ledger_keys(several, [{"model__gamma": 0.5}], "accuracy")
    assert len(set(keys)) == 2


@pytest.mark.parametrize("hash_seed", ["1", "2"])
def test_a_key_is_the_same_in_another_process(hash_seed: str) -> None:
    code = "from tests.tasks.search.test_ledger_keys import key; print(key())"
    done = subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, "PYTHONHASHSEED": hash_seed},
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.strip() == key()
