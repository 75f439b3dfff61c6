"""One or several scores as in scikit-learn; scorers that do not fit the target are refused."""

from typing import Any

import numpy as np
import pytest
from sklearn.datasets import make_blobs, make_classification, make_regression
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.metrics import make_scorer, median_absolute_error
from sklearn.model_selection import GridSearchCV, StratifiedKFold

from infra.errors import ParameterError
from tasks.clustering import KMeans
from tasks.ensembles import XGBoostClassifier
from tasks.search import GridSearch

X, Y = make_classification(200, 6, n_informative=4, flip_y=0.1, random_state=0)
FOLDS = StratifiedKFold(3, shuffle=True, random_state=7)
REGULARISED: dict[str, Any] = {"C": [0.01, 1.0, 100.0]}


@pytest.mark.parametrize("refit", ["roc_auc", "neg_log_loss"])
def test_several_scores_are_those_of_scikit_learn_and_one_decides(refit: str) -> None:
    scoring = ["accuracy", "roc_auc", "neg_log_loss"]
    options: dict[str, Any] = {"scoring": scoring, "cv": FOLDS, "refit": refit}
    ours = GridSearch(LogisticRegression(), REGULARISED, **options).fit(X, Y)
    theirs = GridSearchCV(LogisticRegression(), REGULARISED, **options).fit(X, Y)
    columns = [name for name in theirs.cv_results_ if "_test_" in name]
    assert len(columns) == 3 * (FOLDS.n_splits + 3)
    for name in columns:
        np.testing.assert_array_equal(ours.cv_results_[name], theirs.cv_results_[name], err_msg=name)
    assert ours.best_params_ == theirs.best_params_
    assert ours.best_score_ == theirs.best_score_


def test_scores_may_have_names_of_their_own() -> None:
    rows, target = make_regression(120, 4, noise=10, random_state=0)
    scoring = {"fit": "r2", "typical": make_scorer(median_absolute_error, greater_is_better=False)}
    ours = GridSearch(Ridge(), {"alpha": [0.1, 10.0]}, scoring=scoring, cv=3, refit="typical")
    theirs = GridSearchCV(Ridge(), {"alpha": [0.1, 10.0]}, scoring=scoring, cv=3, refit="typical")
    ours.fit(rows, target)
    theirs.fit(rows, target)
    assert ours.best_params_ == theirs.best_params_
    for name in ("mean_test_fit", "mean_test_typical", "rank_test_fit"):
        np.testing.assert_array_equal(ours.cv_results_[name], theirs.cv_results_[name])


def test_several_scores_of_clusterings_come_from_one_search() -> None:
    rows = make_blobs(120, centers=3, random_state=0)[0]
    space = {"n_clusters": [2, 3, 4]}
    both = GridSearch(KMeans(random_state=0), space, scoring=["silhouette", "davies_bouldin"]).fit(rows)
    for name in ("silhouette", "davies_bouldin"):
        alone = GridSearch(KMeans(random_state=0), space, scoring=name).fit(rows)
        np.testing.assert_array_equal(
            both.cv_results_[f"mean_test_{name}"], alone.cv_results_["mean_test_score"]
        )
    assert both.best_params_ == {"n_clusters": 3}


@pytest.mark.parametrize(
    ("scoring", "refit", "message"),
    [
        ("silhouettes", True, "scoring='silhouettes'"),
        ([], True, "name at least one"),
        (["accuracy"], "roc_auc", "refit='roc_auc': allowed: true, false, accuracy"),
        ("neg_mean_squared_log_error", True, "does not fit the target"),
        (["accuracy", "roc_auc"], "accuracy", "scoring='roc_auc' does not fit the target"),
    ],
)
def test_a_scorer_that_cannot_score_is_refused_before_anything_is_fitted(
    scoring: Any, refit: Any, message: str
) -> None:
    classes = np.array(["a", "b", "c"])[np.arange(len(X)) % 3]
    done: list[int] = []
    search = GridSearch(
        XGBoostClassifier(2), {"max_depth": [1]}, scoring=scoring, refit=refit, progress=lambda n, *_: done.append(n)
    )  # fmt: skip
    with pytest.raises(ParameterError, match=message):
        search.fit(X, classes)
    assert not done


def test_a_score_that_is_not_finite_is_a_failure() -> None:
    def odd(model: Any, X: Any, y: Any) -> float:
        return float("nan") if model.C == 1.0 else 0.5

    found = GridSearch(LogisticRegression(), REGULARISED, scoring=odd, cv=FOLDS).fit(X, Y)
    assert [bool(error) for error in found.cv_results_["error"]] == [False, True, False]
    assert "score is nan" in found.cv_results_["error"][1]
