import math
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy import stats
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import RepeatedStratifiedKFold, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from xgboost import XGBClassifier

from infra.engines import connect
from infra.ledger import Ledger
from tasks.datasets.catalogue import resolve
from tasks.datasets.preparation import prepare
from tasks.datasets.prepared import PreparedDataset
from tasks.evaluation import Scheme, compare, corrected_interval, corrected_p_value, evaluate
from tasks.registry import FLOOR
from tasks.results import Search

SCHEME = Scheme(folds=4, repeats=2, seed=0, candidates=2)


@pytest.fixture(scope="module")
def diabetes(tmp_path_factory: pytest.TempPathFactory) -> PreparedDataset:
    return prepare(resolve("diabetes"), tmp_path_factory.mktemp("data"))


def run(dataset: PreparedDataset, searches: list[Search], ledger: Path, scheme: Scheme = SCHEME) -> list:
    with connect("local", workers=2) as engine:
        ways = [("xgboost", search) for search in searches]
        return evaluate(dataset, ways, scheme, engine, Ledger(ledger))


def test_without_correction_the_figures_are_the_plain_t_tests() -> None:
    scores = np.random.default_rng(0).normal(0.02, 0.05, size=20)
    plain = stats.ttest_1samp(scores, 0.0)
    interval = plain.confidence_interval(0.95)
    assert corrected_interval(scores, 1, 0) == pytest.approx((interval.low, interval.high))
    assert corrected_p_value(scores, 1, 0) == pytest.approx(plain.pvalue)


def test_the_correction_widens_as_nadeau_and_bengio_say() -> None:
    scores = [0.70, 0.74, 0.78, 0.72, 0.76, 0.70, 0.75, 0.77, 0.73, 0.75]
    # variance 0.000755..., times 1/10 + 1/9; t(0.975, 9) = 2.262157
    error = np.sqrt((1 / 10 + 1 / 9) * np.var(scores, ddof=1))
    low, high = corrected_interval(scores, 90, 10)
    assert (high - low) / 2 == pytest.approx(2.262157 * error, rel=1e-6)
    assert (low + high) / 2 == pytest.approx(np.mean(scores))


def test_the_corrected_test_has_the_p_value_of_the_formula() -> None:
    # mean 0.02, variance 0.0008 / 3, times 1/4 + 1/3, hence t = 1.6036 with 3 degrees of freedom, for which
    # the distribution has a closed form: p = 1 - 2/pi (a + sin a cos a), a = atan(t / sqrt 3)
    t = 0.02 / math.sqrt((1 / 4 + 1 / 3) * 0.0008 / 3)
    a = math.atan(t / math.sqrt(3))
    expected = 1 - 2 / math.pi * (a + math.sin(a) * math.cos(a))
    assert corrected_p_value([0.02, 0.0, 0.04, 0.02], 3, 1) == pytest.approx(expected)
    assert expected == pytest.approx(0.2071, abs=5e-5)


def test_equal_scores_are_no_difference() -> None:
    assert corrected_p_value([0.0, 0.0, 0.0], 9, 1) == 1.0
    assert corrected_p_value([0.5, 0.5, 0.5], 9, 1) == 0.0


def test_the_baseline_scores_are_scikit_learns(diabetes: PreparedDataset, tmp_path: Path) -> None:
    [baseline] = run(diabetes, ["baseline"], tmp_path / "ledger.sqlite")
    X, y = diabetes.load()
    folds = RepeatedStratifiedKFold(n_splits=4, n_repeats=2, random_state=0)
    expected = cross_val_score(XGBClassifier(n_jobs=1, random_state=0), X, y, cv=folds)
    np.testing.assert_array_equal(baseline.scores, expected)
    assert baseline.low < baseline.mean < baseline.high


def test_an_evaluation_goes_on_from_its_ledger(diabetes: PreparedDataset, tmp_path: Path) -> None:
    path = tmp_path / "ledger.sqlite"
    first = run(diabetes, ["baseline", "random"], path)
    recorded = Ledger(path)
    assert recorded.count() == 2 * SCHEME.folds * SCHEME.repeats
    recorded.put("xgboost/baseline/0", 0.0)  # recorded once: the first result stays
    assert [e.scores for e in run(diabetes, ["baseline", "random"], path)] == [e.scores for e in first]


def test_shuffled_classes_score_no_better_than_the_majority(tmp_path: Path) -> None:
    table = pd.read_csv(resolve("diabetes").path)
    table["diabetes"] = np.random.default_rng(1).permutation(table["diabetes"])
    table.to_csv(tmp_path / "shuffled.csv", index=False)
    dataset = prepare(resolve(str(tmp_path / "shuffled.csv"), "diabetes"), tmp_path)
    found = run(
        dataset, ["grid"], tmp_path / "ledger.sqlite", Scheme(folds=4, repeats=1, seed=0, candidates=2)
    )
    majority = (table["diabetes"] == "neg").mean()
    assert found[0].mean < majority + 0.04


def test_all_pairs_are_compared_on_the_same_folds(diabetes: PreparedDataset, tmp_path: Path) -> None:
    found = run(diabetes, ["baseline", "random"], tmp_path / "ledger.sqlite")
    [comparison] = compare(found)
    assert (comparison.first, comparison.second) == ("xgboost random", "xgboost baseline")
    assert comparison.difference == pytest.approx(found[1].mean - found[0].mean)
    assert 0 <= comparison.p_value <= 1


def test_the_floor_is_a_linear_model_on_the_same_folds(tmp_path: Path) -> None:
    dataset = prepare(resolve("diabetes"), tmp_path)
    X, y = dataset.load()
    scheme = Scheme(folds=5, repeats=1, seed=0, candidates=2)
    with connect("local", workers=2) as engine:
        [floor] = evaluate(dataset, [(FLOOR.name, "baseline")], scheme, engine, Ledger(tmp_path / "ledger"))
    theirs = make_pipeline(
        SimpleImputer(strategy="median"), StandardScaler(), LogisticRegression(max_iter=1000)
    )
    splits = RepeatedStratifiedKFold(n_splits=5, n_repeats=1, random_state=0)
    assert floor.scores == pytest.approx(cross_val_score(theirs, X.to_numpy(), y, cv=splits).tolist())
