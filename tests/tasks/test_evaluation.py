from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import RepeatedStratifiedKFold, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from xgboost import XGBClassifier

from infra.engines import connect
from infra.ledger import Ledger
from tasks.algorithms.base import ModelOptions
from tasks.datasets.catalogue import resolve
from tasks.datasets.prepared import PreparedDataset
from tasks.evaluation import compare, evaluate
from tasks.problems import EvaluationScheme
from tasks.results import Search, Way
from tests.tasks.preparing import prepare

SCHEME = EvaluationScheme(folds=4, repeats=2, seed=0, candidates=2)


@pytest.fixture(scope="module")
def diabetes(tmp_path_factory: pytest.TempPathFactory) -> PreparedDataset:
    return prepare(resolve("diabetes"), tmp_path_factory.mktemp("data"))


def run(
    dataset: PreparedDataset, searches: list[Search], ledger: Path, scheme: EvaluationScheme = SCHEME
) -> list:
    with connect("local", workers=2) as engine:
        ways = [Way("xgboost", search) for search in searches]
        return evaluate(dataset, ways, scheme, ModelOptions(), engine, Ledger(ledger))


def test_the_baseline_scores_are_scikit_learns(diabetes: PreparedDataset, tmp_path: Path) -> None:
    [baseline] = run(diabetes, ["baseline"], tmp_path / "ledger.sqlite")
    X, y = diabetes.load()
    folds = RepeatedStratifiedKFold(n_splits=4, n_repeats=2, random_state=0)
    expected = cross_val_score(XGBClassifier(n_jobs=1, random_state=0), X, y, cv=folds)
    np.testing.assert_array_equal(baseline.scores, expected)
    assert baseline.low < baseline.mean < baseline.high


def test_an_evaluation_resumes_from_its_ledger(diabetes: PreparedDataset, tmp_path: Path) -> None:
    path = tmp_path / "ledger.sqlite"
    first = run(diabetes, ["baseline", "random"], path)
    recorded = Ledger(path)
    assert recorded.count() == 2 * SCHEME.folds * SCHEME.repeats
    recorded.put("xgboost/baseline/0", [0.0, 0.0])  # recorded once: the first result stays
    assert [e.scores for e in run(diabetes, ["baseline", "random"], path)] == [e.scores for e in first]


def test_shuffled_classes_score_no_better_than_the_majority(tmp_path: Path) -> None:
    table = pd.read_csv(resolve("diabetes").path)
    table["diabetes"] = np.random.default_rng(1).permutation(table["diabetes"])
    table.to_csv(tmp_path / "shuffled.csv", index=False)
    dataset = prepare(resolve(str(tmp_path / "shuffled.csv"), "diabetes"), tmp_path)
    found = run(
        dataset,
        ["grid"],
        tmp_path / "ledger.sqlite",
        EvaluationScheme(folds=4, repeats=1, seed=0, candidates=2),
    )
    majority = (table["diabetes"] == "neg").mean()
    assert found[0].mean < majority + 0.04


def test_all_pairs_are_compared_on_the_same_folds(diabetes: PreparedDataset, tmp_path: Path) -> None:
    found = run(diabetes, ["baseline", "random"], tmp_path / "ledger.sqlite")
    [comparison] = compare(found)
    assert (comparison.first, comparison.second) == ("xgboost random", "xgboost baseline")
    assert comparison.difference == pytest.approx(found[1].mean - found[0].mean)
    assert comparison.low < comparison.difference < comparison.high
    assert 0 <= comparison.p_value <= 1


def test_the_linear_model_has_scikit_learns_scores_on_the_same_folds(tmp_path: Path) -> None:
    dataset = prepare(resolve("diabetes"), tmp_path)
    X, y = dataset.load()
    scheme = EvaluationScheme(folds=5, repeats=1, seed=0, candidates=2)
    with connect("local", workers=2) as engine:
        ways = [Way("linear_model", "baseline")]
        [linear] = evaluate(dataset, ways, scheme, ModelOptions(), engine, Ledger(tmp_path / "ledger"))
    theirs = make_pipeline(
        SimpleImputer(strategy="median"), StandardScaler(), LogisticRegression(max_iter=1000)
    )
    splits = RepeatedStratifiedKFold(n_splits=5, n_repeats=1, random_state=0)
    assert linear.seconds > 0
    assert linear.scores == pytest.approx(cross_val_score(theirs, X.to_numpy(), y, cv=splits).tolist())
