"""Grid and random search have scikit-learn's candidates, scores and winner, and compute each distinct fit once."""

import time
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import sklearn.cluster
import xgboost
from scipy.stats import loguniform, randint, uniform
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.datasets import make_blobs, make_classification
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import davies_bouldin_score, silhouette_score
from sklearn.model_selection import GridSearchCV, ParameterGrid, RandomizedSearchCV, StratifiedKFold
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import StandardScaler

from infra.engines import Engine, connect
from infra.errors import EngineError, ParameterError
from infra.ledger import Ledger
from tasks.clustering import KMeans
from tasks.ensembles import GradientBoostingClassifier, XGBoostClassifier
from tasks.search import GridSearch, RandomSearch
from tasks.search import trials as trials_module

X, Y = make_classification(240, 8, n_informative=5, flip_y=0.1, random_state=0)
BLOBS = make_blobs(200, n_features=3, centers=4, cluster_std=1.5, random_state=1)[0]
FOLDS = StratifiedKFold(4, shuffle=True, random_state=7)
GRID = {"learning_rate": [0.1, 0.3], "max_depth": [2, 4], "n_estimators": [5, 20, 12]}


class Counting(ClassifierMixin, BaseEstimator):
    """Classifies by a threshold, writes a line into a file for each fit, and fails if `accident` is set."""

    def __init__(self, threshold: float = 0.0, folder: str | None = None, accident: str = "") -> None:
        self.threshold = threshold
        self.folder = folder
        self.accident = accident

    def fit(self, X: Any, y: Any) -> "Counting":
        if self.folder is not None:
            with (Path(self.folder) / "fits").open("a") as file:
                file.write(f"{self.threshold}\n")
        if self.accident:
            raise ValueError(self.accident)
        self.classes_ = np.unique(y)
        return self

    def predict(self, X: Any) -> Any:
        return self.classes_[(np.asarray(X)[:, 0] > self.threshold).astype(int)]


def fits(folder: Path) -> int:
    return len((folder / "fits").read_text().split())


def same_table(ours: Any, theirs: Any) -> None:
    names = [name for name in theirs if name.startswith(("split", "mean_test", "std_test", "rank"))]
    assert len(names) == FOLDS.n_splits + 3
    for name in names:
        np.testing.assert_array_equal(ours[name], theirs[name], err_msg=name)
    assert ours["params"] == theirs["params"]
    assert {name for name in theirs if name.startswith("param_")} == {
        n for n in ours if n.startswith("param_")
    }


@pytest.mark.parametrize("workers", [None, 2])
def test_grid_search_finds_what_scikit_learn_finds_in_a_third_of_the_fits(workers: int | None) -> None:
    theirs = GridSearchCV(xgboost.XGBClassifier(n_jobs=1), GRID, cv=FOLDS, scoring="accuracy").fit(X, Y)
    with connect("local", workers=workers or 1) as engine:
        used = engine if workers else None
        ours = GridSearch(XGBoostClassifier(), GRID, cv=FOLDS, scoring="accuracy", engine=used).fit(X, Y)
    same_table(ours.cv_results_, theirs.cv_results_)
    assert ours.best_params_ == theirs.best_params_
    assert ours.best_score_ == theirs.best_score_
    assert ours.best_index_ == theirs.best_index_
    np.testing.assert_array_equal(ours.predict(X), theirs.predict(X))
    assert ours.predict_proba(X).tobytes() == theirs.predict_proba(X).tobytes()
    assert ours.classes_.tolist() == [0, 1]
    assert ours.n_fits_ == 2 * 2 * 4  # three values of n_estimators share a fit


@pytest.mark.parametrize("scoring", ["roc_auc", "neg_log_loss", None])
def test_every_scorer_of_scikit_learn_is_accepted(scoring: str | None) -> None:
    space = {"n_estimators": [3, 9]}
    theirs = GridSearchCV(xgboost.XGBClassifier(n_jobs=1), space, cv=FOLDS, scoring=scoring).fit(X, Y)
    ours = GridSearch(XGBoostClassifier(), space, cv=FOLDS, scoring=scoring).fit(X, Y)
    same_table(ours.cv_results_, theirs.cv_results_)


def test_preparation_is_fitted_inside_the_folds() -> None:
    frame = pd.DataFrame(X * np.arange(1, 9), columns=[f"x{i}" for i in range(8)])
    pipeline = Pipeline([("scale", StandardScaler()), ("model", LogisticRegression())])
    space = {"model__C": [0.01, 1.0, 100.0]}
    theirs = GridSearchCV(pipeline, space, cv=FOLDS).fit(frame, Y)
    ours = GridSearch(pipeline, space, cv=FOLDS).fit(frame, Y)
    same_table(ours.cv_results_, theirs.cv_results_)
    np.testing.assert_array_equal(ours.predict(frame), theirs.predict(frame))


def test_the_steps_before_the_model_are_searched_too() -> None:
    pipeline = Pipeline([("scale", StandardScaler()), ("model", LogisticRegression(max_iter=5000))])
    space = {"scale__with_std": [True, False], "model__C": [0.01, 1.0], "scale__with_mean": [False, True]}
    wide = X * 3.0 ** np.arange(-4, 4)
    theirs = GridSearchCV(pipeline, space, cv=FOLDS).fit(wide, Y)
    ours = GridSearch(pipeline, space, cv=FOLDS).fit(wide, Y)
    same_table(ours.cv_results_, theirs.cv_results_)
    assert len(set(theirs.cv_results_["mean_test_score"])) > 2
    assert ours.best_params_ == theirs.best_params_


def test_rows_may_be_a_list() -> None:
    ours = GridSearch(LogisticRegression(), {"C": [0.1, 1.0]}, cv=FOLDS).fit(X.tolist(), Y.tolist())
    assert (
        ours.best_score_
        == GridSearchCV(LogisticRegression(), {"C": [0.1, 1.0]}, cv=FOLDS).fit(X, Y).best_score_
    )


@pytest.mark.parametrize("scoring", ["silhouette", "davies_bouldin"])
def test_clusterings_are_searched_like_a_plain_loop_would(scoring: str) -> None:
    space: dict[str, list[Any]] = {"n_clusters": [2, 3, 4, 5, 6], "init": ["k-means++", "random"]}
    score = {"silhouette": silhouette_score, "davies_bouldin": lambda X, y: -davies_bouldin_score(X, y)}[
        scoring
    ]
    ours = GridSearch(KMeans(n_init=3, random_state=0), space, scoring=scoring).fit(BLOBS)
    loop = [
        score(BLOBS, sklearn.cluster.KMeans(n_init=3, random_state=0, **candidate).fit(BLOBS).labels_)
        for candidate in ParameterGrid(space)
    ]
    np.testing.assert_allclose(ours.cv_results_["mean_test_score"], loop, rtol=1e-12)
    assert ours.best_params_ == list(ParameterGrid(space))[int(np.argmax(loop))]
    assert ours.n_splits_ == 1


def test_random_search_draws_the_candidates_of_scikit_learn() -> None:
    space = {
        "learning_rate": loguniform(0.01, 0.3),
        "max_depth": randint(2, 6),
        "n_estimators": randint(3, 12),
        "subsample": uniform(0.6, 0.4),
    }
    options: dict[str, Any] = {"n_iter": 8, "cv": FOLDS, "scoring": "accuracy", "random_state": 5}
    theirs = RandomizedSearchCV(xgboost.XGBClassifier(n_jobs=1, random_state=0), space, **options).fit(X, Y)
    ours = RandomSearch(XGBoostClassifier(random_state=0), space, **options).fit(X, Y)
    same_table(ours.cv_results_, theirs.cv_results_)
    assert ours.best_params_ == theirs.best_params_
    assert all(
        type(v) in (int, float) for candidate in ours.cv_results_["params"] for v in candidate.values()
    )


def test_recorded_trials_are_not_computed_again(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path / "ledger.sqlite")
    model = Counting(folder=str(tmp_path))
    first = GridSearch(model, {"threshold": [-1.0, 0.0, 1.0]}, cv=FOLDS, ledger=ledger, refit=False).fit(X, Y)
    assert (fits(tmp_path), first.n_fits_, first.n_kept_) == (12, 12, 0)
    again = GridSearch(model, {"threshold": [-1.0, 0.0, 1.0]}, cv=FOLDS, ledger=ledger, refit=False).fit(X, Y)
    assert (fits(tmp_path), again.n_fits_, again.n_kept_) == (12, 0, 12)
    np.testing.assert_array_equal(again.cv_results_["mean_test_score"], first.cv_results_["mean_test_score"])
    # another grid that contains the first computes what is new only, in its own order
    wider = GridSearch(model, {"threshold": [0.5, 1.0, 0.0]}, cv=FOLDS, ledger=ledger, refit=False).fit(X, Y)
    assert (fits(tmp_path), wider.n_fits_, wider.n_kept_) == (16, 4, 8)
    assert wider.cv_results_["mean_test_score"][1] == first.cv_results_["mean_test_score"][2]


def test_an_interrupted_search_is_resumed(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path / "ledger.sqlite")
    model = Counting(folder=str(tmp_path))
    space = {"threshold": [-1.0, 0.0, 1.0]}

    def interrupt(done: int, _total: int, _best: float | None) -> None:
        if done == 5:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        GridSearch(model, space, cv=FOLDS, ledger=ledger, progress=interrupt).fit(X, Y)
    assert ledger.count() == 5
    before = fits(tmp_path)
    resumed = GridSearch(model, space, cv=FOLDS, ledger=ledger, refit=False).fit(X, Y)
    assert (resumed.n_kept_, resumed.n_fits_) == (5, 7)
    assert fits(tmp_path) == before + 7
    plain = GridSearch(model, space, cv=FOLDS, refit=False).fit(X, Y)
    np.testing.assert_array_equal(
        resumed.cv_results_["mean_test_score"], plain.cv_results_["mean_test_score"]
    )


def test_an_invalid_combination_fails_and_the_others_finish() -> None:
    space = {"n_estimators": [10, 0, "many", 5], "max_depth": [3, -1]}
    ours = GridSearch(XGBoostClassifier(), space, cv=FOLDS).fit(X, Y)
    table = pd.DataFrame(ours.cv_results_)
    failed = table["mean_test_score"].isna()
    valid = [p["n_estimators"] in (10, 5) and p["max_depth"] == 3 for p in table["params"]]
    assert (~failed).tolist() == valid
    assert table["error"][failed].str.contains("'n_estimators'|'max_depth'").all()
    assert table["error"][~failed].isna().all()
    alone = GridSearch(XGBoostClassifier(max_depth=3), {"n_estimators": [10, 5]}, cv=FOLDS).fit(X, Y)
    assert table["mean_test_score"][~failed].tolist() == alone.cv_results_["mean_test_score"].tolist()
    assert table["rank_test_score"][failed].min() > table["rank_test_score"][~failed].max()


def test_a_candidate_that_fails_on_one_fold_has_no_mean_score() -> None:
    class FailsOnce(Counting):
        def fit(self, X: Any, y: Any) -> "Counting":
            if self.threshold == 0 and X[0, 0] == first_rows[2]:
                raise ValueError("this fold fails")
            return super().fit(X, y)

    first_rows = [X[train][0, 0] for train, _ in FOLDS.split(X, Y)]
    ours = GridSearch(FailsOnce(), {"threshold": [0.0, 5.0]}, cv=FOLDS).fit(X, Y)
    assert ours.best_params_ == {"threshold": 5.0}
    assert np.isnan(ours.cv_results_["split2_test_score"][0])
    assert ours.cv_results_["error"] == ["ValueError: this fold fails", None]


def test_a_search_whose_candidates_all_fail_says_why() -> None:
    with pytest.raises(ParameterError, match=r"all 2 candidates failed; the first: ValueError: no way"):
        GridSearch(Counting(accident="no way"), {"threshold": [0.0, 1.0]}, cv=FOLDS).fit(X, Y)


def test_a_clustering_without_a_score_fails_as_a_candidate() -> None:
    ours = GridSearch(KMeans(random_state=0), {"n_clusters": [1, 2, 3]}).fit(BLOBS)
    assert "1 clusters of 200 rows have no silhouette score" in ours.cv_results_["error"][0]
    assert ours.cv_results_["error"][1:] == [None, None]


class LosesWorkers(Engine):
    """An engine whose worker dies over the items with the given indices."""

    name, workers = "local", 1
    partition = map = reduce = run_group = shuffle = None  # type: ignore[assignment]

    def __init__(self, lost: set[int]) -> None:
        self.lost = lost

    def run(self, function: Any, items: Any, shared: Any = None) -> Any:
        for i, item in enumerate(items):
            yield i, EngineError("its worker died") if i in self.lost else function(item, shared)


def test_a_lost_trial_is_reported_and_not_recorded(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path / "ledger.sqlite")
    search = GridSearch(
        Counting(), {"threshold": [0.0, 1.0]}, cv=FOLDS, ledger=ledger, engine=LosesWorkers({1})
    )
    search.fit(X, Y)
    assert search.cv_results_["error"] == [None, "its worker died"]  # the last candidates run first
    assert ledger.count() == 7
    search.set_params(engine=None).fit(X, Y)
    assert (search.n_fits_, search.n_kept_) == (1, 7)
    assert search.cv_results_["error"] == [None, None]


def test_a_search_that_loses_all_its_trials_raises_an_engine_error() -> None:
    search = GridSearch(Counting(), {"threshold": [0.0]}, cv=FOLDS, engine=LosesWorkers({0, 1, 2, 3}))
    with pytest.raises(EngineError, match="all 1 candidates failed; the first: its worker died"):
        search.fit(X, Y)


@pytest.mark.parametrize(
    ("space", "message"),
    [
        ({}, "search space: empty"),
        ({"depth": [1]}, "parameter 'depth' is unknown; allowed: .*max_depth"),
        ({"max_depth": []}, r"max_depth=\[\]; give a list of at least one value"),
        ({"max_depth": "abc"}, "max_depth='abc'; give a list"),
        (
            {"max_depth": list(range(1000)), "gamma": list(range(1000))},
            "1,000,000 candidates; at most 100,000",
        ),
    ],
)
def test_an_invalid_space_is_refused(space: Any, message: str) -> None:
    with pytest.raises(ParameterError, match=message):
        GridSearch(XGBoostClassifier(), space).fit(X, Y)


@pytest.mark.parametrize("n_iter", [0, 100_001])
def test_random_search_has_a_bounded_number_of_candidates(n_iter: int) -> None:
    with pytest.raises(ParameterError, match=f"n_iter={n_iter}: from 1 to 100,000"):
        RandomSearch(XGBoostClassifier(), {"max_depth": [1]}, n_iter=n_iter).fit(X, Y)


def test_an_unknown_score_for_clusterings_is_refused() -> None:
    with pytest.raises(
        ParameterError, match="scoring='accuracy' does not score clusterings; allowed: silhouette"
    ):
        GridSearch(KMeans(), {"n_clusters": [2]}, scoring="accuracy").fit(BLOBS)


def test_without_refit_there_is_no_fitted_winner() -> None:
    search = GridSearch(Counting(), {"threshold": [0.0]}, cv=FOLDS, refit=False).fit(X, Y)
    assert not hasattr(search, "best_estimator_")
    with pytest.raises(NotFittedError):
        search.predict(X)


def test_progress_counts_fits_to_the_end() -> None:
    seen: list[tuple[int, int, float | None]] = []
    search = GridSearch(
        Counting(), {"threshold": [0.0, 1.0]}, cv=FOLDS, progress=lambda *values: seen.append(values)
    )
    search.fit(X, Y)
    assert [pair[:2] for pair in seen] == [(done, 8) for done in range(9)]
    best = [pair[2] for pair in seen]
    assert best[:4] == [None] * 4  # until a candidate has all its folds
    assert best[-1] == search.best_score_


def test_each_fold_is_prepared_once(monkeypatch: pytest.MonkeyPatch) -> None:
    prepared: list[int] = []
    original = trials_module.TrialContext._prepare

    def recording(self: Any, fold: int, params: Any) -> Any:
        prepared.append(fold)
        time.sleep(0.01)
        return original(self, fold, params)

    monkeypatch.setattr(trials_module.TrialContext, "_prepare", recording)
    pipeline = Pipeline([("scale", StandardScaler()), ("model", Counting())])
    with connect("local", workers=4) as engine:
        GridSearch(pipeline, {"model__threshold": list(np.arange(10.0))}, cv=FOLDS, engine=engine).fit(X, Y)
    assert sorted(prepared) == [0, 1, 2, 3]


@pytest.mark.parametrize("model", [XGBoostClassifier(5), GradientBoostingClassifier(5)])
def test_a_class_missing_from_a_fold_is_recorded_and_the_other_folds_go_on(
    model: Any, tmp_path: Path
) -> None:
    rows = np.arange(len(Y))
    folds = [(np.flatnonzero(Y[0] == Y), rows[Y[0] != Y]), (rows[::2], rows[1::2])]
    ledger = Ledger(tmp_path / "ledger.sqlite")
    search = GridSearch(model, {"n_estimators": [2, 5]}, cv=folds, ledger=ledger)
    with pytest.raises(ParameterError, match=r"all 2 candidates failed; the first: .*found one class"):
        search.fit(X, Y)
    kept = ledger.count()
    with pytest.raises(ParameterError):
        search.fit(X, Y)
    assert (kept, search.n_fits_) == (4, 0)
    whole = GridSearch(model, {"n_estimators": [2, 5]}, cv=folds[1:], ledger=ledger).fit(X, Y)
    assert np.isfinite(whole.cv_results_["mean_test_score"]).all()
