"""Ways to train a pipeline on the rows of a large table."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone
from sklearn.cluster import KMeans
from sklearn.metrics import accuracy_score, adjusted_rand_score, roc_auc_score, silhouette_score

from infra.engines import Engine, connect
from infra.engines.blocks import Span
from tasks.algorithms.base import ModelOptions
from tasks.datasets.catalogue import resolve
from tasks.datasets.prepared import PreparedDataset
from tasks.large import row_roles
from tasks.large.drawn_rows import DrawnRows
from tasks.large.training_rows import LargeTrainingRows
from tasks.registry import ALGORITHMS
from tasks.search_plans import SearchPlan, plan_estimator
from tests.tasks.large.tables import clustered, prepared
from tests.tasks.preparing import prepare


@pytest.fixture
def dataset(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> PreparedDataset:
    monkeypatch.setattr(row_roles, "SAMPLE_CELLS", 3 * 900)
    monkeypatch.setattr(row_roles, "FEWEST_ROWS", 0)
    monkeypatch.setattr("tasks.datasets.preparation.ROW_GROUP", 700)
    return prepared(tmp_path)


@pytest.fixture(scope="module")
def engine() -> Iterator[Engine]:
    with connect("local", workers=2) as engine:
        yield engine


@pytest.mark.parametrize("name", ["xgboost", "gradient_boosting", "random_forest", "linear_model"])
def test_a_model_that_is_trained_by_blocks_is_as_good_as_one_trained_in_memory(
    dataset: PreparedDataset, engine: Engine, name: str
) -> None:
    algorithm, drawn = ALGORITHMS[name], DrawnRows(dataset, 0)
    pipeline = algorithm.make(dataset.model_copy(update={"by_blocks": True}), ModelOptions())
    pipeline.set_params(model__engine=engine)
    words = algorithm.large.fit(pipeline, LargeTrainingRows(drawn))
    X, y = dataset.load()
    assert y is not None
    training = drawn.roles.training.of(0, dataset.rows)
    in_memory = algorithm.make(dataset, ModelOptions()).fit(X[training], y[training])
    X_test, y_test = drawn.held_out()
    scores = [accuracy_score(y_test, model.predict(X_test)) for model in (pipeline, in_memory)]
    assert scores[0] == pytest.approx(scores[1], abs=0.03)
    count = int(training.sum()) if "all" in words else drawn.sample_size
    assert f"{count:,} training rows" in words


def test_a_boosted_model_from_blocks_knows_all_rows_and_not_only_the_sample(
    dataset: PreparedDataset, engine: Engine
) -> None:
    algorithm, rows = ALGORITHMS["xgboost"], LargeTrainingRows(DrawnRows(dataset, 0))
    models = []
    for seed in (
        0,
        1,
    ):  # another seed draws another sample, from which only scaling and categories are learned
        pipeline = algorithm.make(dataset, ModelOptions())
        pipeline.set_params(model__engine=engine)
        algorithm.large.fit(pipeline, LargeTrainingRows(DrawnRows(dataset, seed)))
        models.append(pipeline)
    X, _ = rows.drawn.held_out()
    np.testing.assert_array_equal(models[0].predict_proba(X), models[1].predict_proba(X))


@pytest.mark.parametrize("name", ["xgboost", "linear_model"])
def test_the_mean_target_of_a_value_does_not_hold_the_rows_own_target(
    tmp_path: Path, engine: Engine, name: str
) -> None:
    rng = np.random.default_rng(0)
    frame = pd.DataFrame({"x": rng.normal(size=4_000), "city": rng.integers(1_500, size=4_000).astype(str)})
    frame["city"] = "c" + frame["city"]
    frame["y"] = rng.choice(["no", "yes"], 4_000)  # nothing can be learned
    frame.to_csv(tmp_path / "noise.csv", index=False)
    noise = prepare(resolve(str(tmp_path / "noise.csv"), "y"), tmp_path / "data")
    assert noise.many_valued == ["city"]
    algorithm, rows = ALGORITHMS[name], LargeTrainingRows(DrawnRows(noise, 0))
    pipeline = algorithm.make(noise.model_copy(update={"by_blocks": True}), ModelOptions())
    pipeline.set_params(model__engine=engine)
    encoded: list[Any] = []
    monkey = type(pipeline[-1])
    original = monkey.fit

    def keep(self: Any, X: Any, y: Any = None, sample_weight: Any = None) -> Any:
        encoded.extend(X.load(Span(0, X.n_blocks)))
        return original(self, X, y, sample_weight)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(monkey, "fit", keep)
        algorithm.large.fit(pipeline, rows)
    X, y = (np.concatenate(arrays) for arrays in zip(*encoded, strict=True))
    area = roc_auc_score(y, X[:, 1])
    assert 0.4 < area < 0.6


@pytest.fixture
def groups(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> PreparedDataset:
    monkeypatch.setattr(row_roles, "SAMPLE_CELLS", 2 * 600)
    monkeypatch.setattr(row_roles, "FEWEST_ROWS", 0)
    monkeypatch.setattr("tasks.datasets.preparation.ROW_GROUP", 700)
    return clustered(tmp_path)


def test_k_means_ends_where_iterations_over_all_rows_end(groups: PreparedDataset, engine: Engine) -> None:
    algorithm, rows = ALGORITHMS["kmeans"], LargeTrainingRows(DrawnRows(groups, 0))
    pipeline = algorithm.make(groups, ModelOptions()).set_params(model__engine=engine, model__n_clusters=4)
    words = algorithm.large.fit(pipeline, rows)
    assert words == f"all 3,000 rows, from the result on a sample of {rows.drawn.sample_size:,} rows"
    model = pipeline[-1]
    assert model.init == "k-means++"  # as the user sees it, and not the centres of the sample
    X = pipeline[:-1].transform(groups.load()[0])
    peer = KMeans(4, random_state=0, n_init=10, tol=0).fit(X)
    assert model.inertia_ == pytest.approx(peer.inertia_, rel=1e-4)
    assert adjusted_rand_score(model.labels_, peer.labels_) > 0.99


@pytest.mark.parametrize(("name", "sampled"), [("kmeans", True), ("dbscan", False), ("agglomerative", False)])
def test_a_search_of_clusterings_compares_its_candidates_on_the_rows_that_its_algorithm_names(
    groups: PreparedDataset, engine: Engine, name: str, sampled: bool
) -> None:
    algorithm, rows = ALGORITHMS[name], LargeTrainingRows(DrawnRows(groups, 0))
    model = algorithm.make(groups, ModelOptions())
    plan = SearchPlan("random", ModelOptions(), folds=5, candidates=4)
    search = plan_estimator(plan, algorithm, groups, model, engine=engine)
    found = algorithm.large.searched(search, rows)
    X = rows.sample()[0] if sampled else groups.load()[0]
    again = clone(found.estimator).set_params(**found.best_params_).fit(X)
    score = silhouette_score(again[:-1].transform(X), again[-1].labels_)
    noise = np.mean(again[-1].labels_ == -1)
    if not noise:
        assert found.best_score_ == pytest.approx(score)
    assert found.cv_results_.get("rows", [None])[0] == (rows.drawn.sample_size if sampled else None)
