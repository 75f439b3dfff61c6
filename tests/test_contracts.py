"""What holds for every algorithm on every engine. Another algorithm is another row of `CONTRACTS`."""

import pickle
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import lightgbm
import numpy as np
import pandas as pd
import pytest
import sklearn.cluster
import sklearn.ensemble
import sklearn.linear_model
import xgboost
from sklearn.base import clone
from sklearn.datasets import make_blobs, make_classification, make_regression
from sklearn.metrics import accuracy_score, roc_auc_score
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import StandardScaler

from infra.engines import ArraySource, Engine, blocks, connect
from tasks.cell_fits import fit_by_one_worker
from tasks.clustering import DBSCAN, AgglomerativeClustering, KMeans
from tasks.ensembles import (
    GradientBoostingClassifier,
    GradientBoostingRegressor,
    RandomForestClassifier,
    RandomForestRegressor,
    XGBoostClassifier,
    XGBoostRegressor,
)
from tasks.linear import LogisticRegression, Ridge
from tasks.registry import ALGORITHMS
from tasks.search import GridSearch
from tests.infra.engines import work
from tests.infra.engines.starting import started

ENGINES = [("local", 1), ("local", 2), ("dask", 1), ("dask", 2), ("dask", 4), ("spark", 2)]
BLOCK_ROWS = 97  # so that small tables have many blocks, the last of them a short one


def clusters() -> tuple[Any, None]:
    # overlapping, so that centres move for many rounds
    return make_blobs(1500, n_features=5, centers=12, cluster_std=4.0, random_state=1)[0], None


def flat_clusters() -> tuple[Any, None]:
    return make_blobs(1500, n_features=2, centers=12, cluster_std=1.0, random_state=1)[0], None


def two_classes() -> tuple[Any, Any]:
    return make_classification(1200, 12, n_informative=6, flip_y=0.1, random_state=2)


def three_classes() -> tuple[Any, Any]:
    X, y = make_classification(900, 10, n_informative=6, n_classes=3, random_state=3)
    X[::7, 2] = np.nan
    return X, np.array(["oats", "rye", "wheat"])[y]


def four_classes() -> tuple[Any, Any]:
    X, y = make_classification(900, 8, n_informative=6, n_classes=4, flip_y=0.1, random_state=8)
    return X, np.array(["oats", "rye", "spelt", "wheat"])[y]


def amounts() -> tuple[Any, Any]:
    X, y = make_regression(700, 9, n_informative=6, noise=20, random_state=4)
    return X, y


def partition_of(model: Any, X: Any) -> tuple[bytes, ...]:
    return (
        model.labels_.tobytes(),
        model.cluster_centers_.tobytes(),
        np.float64(model.inertia_).tobytes(),
        bytes([model.n_iter_]),
        model.predict(X).tobytes(),
    )


def density_of(model: Any, X: Any) -> tuple[bytes, ...]:
    return (
        model.labels_.tobytes(),
        model.core_sample_indices_.tobytes(),
        model.components_.tobytes(),
        model.predict(X).tobytes(),
    )


def dendrogram_of(model: Any, X: Any) -> tuple[bytes, ...]:
    return (
        model.labels_.tobytes(),
        model.children_.tobytes(),
        model.distances_.tobytes(),
        model.predict(X).tobytes(),
    )


def trees_of(model: Any, X: Any) -> tuple[bytes, ...]:
    return (bytes(model.booster_.save_raw("ubj")), model.predict_proba(X).tobytes())


def forest_of(model: Any, X: Any) -> tuple[bytes, ...]:
    predicted = model.predict_proba(X) if hasattr(model, "predict_proba") else model.predict(X)
    return (predicted.tobytes(), *(pickle.dumps(tree.tree_) for tree in model.estimators_))


def boosted_trees_of(model: Any, X: Any) -> tuple[bytes, ...]:
    predicted = model.predict_proba(X) if hasattr(model, "predict_proba") else model.predict(X)
    return (model.booster_.model_to_string().encode(), predicted.tobytes())


def coefficients_of(model: Any, X: Any) -> tuple[bytes, ...]:
    return (model.coef_.tobytes(), np.float64(model.intercept_).tobytes(), model.predict(X).tobytes())


@dataclass(frozen=True)
class Contract:
    """An algorithm, and what its answer is."""

    name: str
    algorithm: str
    """Its name in the registry."""
    make: Callable[..., Any]
    data: Callable[[], tuple[Any, Any]]
    answer: Callable[[Any, Any], tuple[bytes, ...]]
    """Bytes that are the same on every engine."""
    library: Callable[[], Any]
    """The estimator of the library of the same name, with the same parameters."""
    same_as_library: Callable[[Any, Any, Any], None]
    parameters: dict[str, Any] = field(default_factory=dict)
    reads_paths: bool = False
    weighted: bool = True
    """Whether rows can have weights."""

    def __str__(self) -> str:
        return self.name


def same_clusters(ours: Any, theirs: Any, X: Any) -> None:
    np.testing.assert_array_equal(ours.labels_, theirs.labels_)
    np.testing.assert_array_equal(ours.predict(X), theirs.predict(X))
    np.testing.assert_allclose(ours.cluster_centers_, theirs.cluster_centers_, rtol=1e-9, atol=1e-9)
    assert ours.inertia_ == pytest.approx(theirs.inertia_, rel=1e-9)
    assert ours.n_iter_ == theirs.n_iter_


def same_density(ours: Any, theirs: Any, X: Any) -> None:
    np.testing.assert_array_equal(ours.labels_, theirs.labels_)
    np.testing.assert_array_equal(ours.core_sample_indices_, theirs.core_sample_indices_)
    np.testing.assert_array_equal(ours.components_, theirs.components_)


def same_dendrogram(ours: Any, theirs: Any, X: Any) -> None:
    np.testing.assert_array_equal(ours.labels_, theirs.labels_)
    np.testing.assert_array_equal(ours.children_, theirs.children_)
    np.testing.assert_allclose(ours.distances_, theirs.distances_, rtol=1e-9)


def same_trees(ours: Any, theirs: Any, X: Any) -> None:
    assert ours.predict_proba(X).tobytes() == theirs.predict_proba(X).tobytes()
    dump = {"with_stats": True, "dump_format": "json"}
    assert ours.booster_.get_dump(**dump) == theirs.get_booster().get_dump(**dump)


def same_forest(ours: Any, theirs: Any, X: Any) -> None:
    assert forest_of(ours, X) == forest_of(theirs, X)
    np.testing.assert_array_equal(ours.predict(X), theirs.predict(X))
    np.testing.assert_array_equal(ours.feature_importances_, theirs.feature_importances_)


def same_boosted_trees(ours: Any, theirs: Any, X: Any) -> None:
    assert ours.predict(X).tobytes() == theirs.predict(X).tobytes()
    assert ours.booster_.dump_model()["tree_info"] == theirs.booster_.dump_model()["tree_info"]


def same_coefficients(ours: Any, theirs: Any, X: Any) -> None:
    np.testing.assert_allclose(ours.coef_, theirs.coef_, atol=1e-4)
    np.testing.assert_allclose(ours.intercept_, theirs.intercept_, atol=1e-4)


class Labelled:
    """`xgboost.XGBClassifier`, which knows classes 0, 1, ... only."""

    def __init__(self, **parameters: Any) -> None:
        self.model = xgboost.XGBClassifier(tree_method="hist", n_jobs=1, **parameters)

    def fit(self, X: Any, y: Any) -> Any:
        return self.model.fit(X, np.unique(y, return_inverse=True)[1])


NATIVE_LIGHTGBM: dict[str, Any] = {
    "n_jobs": 1, "deterministic": True, "force_row_wise": True, "verbosity": -1,
}  # fmt: skip
CONTRACTS = [
    Contract(
        "kmeans",
        "kmeans",
        lambda engine=None: KMeans(9, tol=0, random_state=0, engine=engine),
        clusters,
        partition_of,
        lambda: sklearn.cluster.KMeans(9, tol=0, n_init=1, random_state=0),
        same_clusters,
        reads_paths=True,
    ),
    Contract(
        "kmeans from random rows, several times",
        "kmeans",
        lambda engine=None: KMeans(5, init="random", n_init=3, max_iter=30, random_state=4, engine=engine),
        clusters,
        partition_of,
        lambda: sklearn.cluster.KMeans(5, init="random", n_init=3, max_iter=30, random_state=4),
        same_clusters,
    ),
    Contract(
        "dbscan",
        "dbscan",
        lambda engine=None: DBSCAN(4.0, min_samples=4, engine=engine),
        clusters,
        density_of,
        lambda: sklearn.cluster.DBSCAN(4.0, min_samples=4),
        same_density,
    ),
    Contract(
        "dbscan, two columns",
        "dbscan",
        lambda engine=None: DBSCAN(0.6, min_samples=4, engine=engine),
        flat_clusters,
        density_of,
        lambda: sklearn.cluster.DBSCAN(0.6, min_samples=4),
        same_density,
    ),
    Contract(
        "ward linkage",
        "agglomerative",
        lambda engine=None: AgglomerativeClustering(9, linkage="ward", engine=engine),
        clusters,
        dendrogram_of,
        lambda: sklearn.cluster.AgglomerativeClustering(9, linkage="ward", compute_distances=True),
        same_dendrogram,
        weighted=False,
    ),
    Contract(
        "average linkage",
        "agglomerative",
        lambda engine=None: AgglomerativeClustering(9, linkage="average", engine=engine),
        clusters,
        dendrogram_of,
        lambda: sklearn.cluster.AgglomerativeClustering(9, linkage="average", compute_distances=True),
        same_dendrogram,
        weighted=False,
    ),
    Contract(
        "xgboost, two classes",
        "xgboost",
        lambda engine=None: XGBoostClassifier(
            20, max_depth=4, subsample=0.8, colsample_bytree=0.7, random_state=5, engine=engine
        ),
        two_classes,
        trees_of,
        lambda: Labelled(n_estimators=20, max_depth=4, subsample=0.8, colsample_bytree=0.7, random_state=5),
        same_trees,
    ),
    Contract(
        "xgboost, three classes with gaps",
        "xgboost",
        lambda engine=None: XGBoostClassifier(10, max_depth=3, learning_rate=0.2, engine=engine),
        three_classes,
        trees_of,
        lambda: Labelled(n_estimators=10, max_depth=3, learning_rate=0.2),
        same_trees,
    ),
    Contract(
        "random forest, two classes",
        "random_forest",
        lambda engine=None: RandomForestClassifier(20, max_depth=6, random_state=5, engine=engine),
        two_classes,
        forest_of,
        lambda: sklearn.ensemble.RandomForestClassifier(20, max_depth=6, random_state=5),
        same_forest,
    ),
    Contract(
        "random forest, three classes with gaps",
        "random_forest",
        lambda engine=None: RandomForestClassifier(
            11, class_weight="balanced_subsample", random_state=6, engine=engine
        ),
        three_classes,
        forest_of,
        lambda: sklearn.ensemble.RandomForestClassifier(
            11, class_weight="balanced_subsample", random_state=6
        ),
        same_forest,
    ),
    Contract(
        "random forest, amounts",
        "random_forest",
        lambda engine=None: RandomForestRegressor(9, max_samples=0.5, random_state=7, engine=engine),
        amounts,
        forest_of,
        lambda: sklearn.ensemble.RandomForestRegressor(9, max_samples=0.5, random_state=7),
        same_forest,
    ),
    Contract(
        "gradient boosting, two classes",
        "gradient_boosting",
        lambda engine=None: GradientBoostingClassifier(
            20, max_leaf_nodes=12, subsample=0.8, max_features=0.7, random_state=5, engine=engine
        ),
        two_classes,
        boosted_trees_of,
        lambda: lightgbm.LGBMClassifier(
            n_estimators=20,
            num_leaves=12,
            subsample=0.8,
            subsample_freq=1,
            feature_fraction_bynode=0.7,
            random_state=5,
            **NATIVE_LIGHTGBM,
        ),
        same_boosted_trees,
    ),
    Contract(
        "gradient boosting, three classes with gaps",
        "gradient_boosting",
        lambda engine=None: GradientBoostingClassifier(10, class_weight="balanced", engine=engine),
        three_classes,
        boosted_trees_of,
        lambda: lightgbm.LGBMClassifier(n_estimators=10, class_weight="balanced", **NATIVE_LIGHTGBM),
        same_boosted_trees,
    ),
    Contract(
        "gradient boosting, numbers",
        "gradient_boosting",
        lambda engine=None: GradientBoostingRegressor(15, l2_regularization=2.0, engine=engine),
        amounts,
        boosted_trees_of,
        lambda: lightgbm.LGBMRegressor(n_estimators=15, reg_lambda=2.0, **NATIVE_LIGHTGBM),
        same_boosted_trees,
    ),
    *(
        Contract(
            f"logistic regression, {words}",
            "linear_model",
            lambda engine=None: LogisticRegression(tol=1e-8, max_iter=1000, engine=engine),
            data,
            coefficients_of,
            lambda: sklearn.linear_model.LogisticRegression(tol=1e-8, max_iter=1000),
            same_coefficients,
        )
        for words, data in (("two classes", two_classes), ("four classes", four_classes))
    ),
    Contract(
        "ridge",
        "linear_model",
        lambda engine=None: Ridge(alpha=2.0, engine=engine),
        amounts,
        coefficients_of,
        lambda: sklearn.linear_model.Ridge(alpha=2.0),
        same_coefficients,
    ),
]
with_path = [contract for contract in CONTRACTS if contract.reads_paths]
each_contract = pytest.mark.parametrize("contract", CONTRACTS, ids=str)


@pytest.fixture(scope="module", params=ENGINES, ids=lambda param: f"{param[0]}-{param[1]}")
def engine(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Engine]:
    name, workers = request.param
    with started(name, workers, tmp_path_factory.mktemp("home")) as engine:
        yield engine


@pytest.fixture(autouse=True)
def many_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(blocks, "BLOCK_ROWS", BLOCK_ROWS)


def test_every_algorithm_of_a_study_has_a_contract() -> None:
    # the ranks of a network add in another order than one process: test_parallel.py says within what
    assert set(ALGORITHMS) == {contract.algorithm for contract in CONTRACTS} | {"convnet"}


def test_an_estimator_without_engine_is_the_same_from_every_engine(engine: Engine) -> None:
    """The linear model is scikit-learn's own: one worker fits it as a whole."""
    X, y = two_classes()
    model = Pipeline([("scale", StandardScaler()), ("model", sklearn.linear_model.LogisticRegression())])
    here, there = clone(model).fit(X, y), fit_by_one_worker(model, X, y, engine)
    assert there[-1].coef_.tobytes() == here[-1].coef_.tobytes()
    assert there.predict_proba(X).tobytes() == here.predict_proba(X).tobytes()


@each_contract
def test_the_answer_is_the_same_on_every_engine(contract: Contract, engine: Engine) -> None:
    X, y = contract.data()
    here = contract.make().fit(X, y)
    there = contract.make(engine=engine).fit(X, y)
    assert contract.answer(there, X) == contract.answer(here, X)
    assert clone(there).get_params()["engine"] is engine


@each_contract
def test_the_answer_is_that_of_the_library(contract: Contract) -> None:
    X, y = contract.data()
    contract.same_as_library(contract.make().fit(X, y), contract.library().fit(X, y), X)


@each_contract
def test_weighted_rows_in_single_precision_give_the_same_answer_on_every_engine(
    contract: Contract, engine: Engine
) -> None:
    X, y = contract.data()
    X = X.astype(np.float32)
    given = {"sample_weight": np.random.default_rng(0).exponential(size=len(X))} if contract.weighted else {}
    here = contract.make().fit(X, y, **given)
    there = contract.make(engine=engine).fit(X, y, **given)
    assert contract.answer(there, X) == contract.answer(here, X)


@pytest.fixture(scope="module")
def sharded_trees() -> dict[str, bytes]:
    """Trees that a sharded fit had on the engines so far."""
    return {}


def test_a_sharded_fit_scores_like_one_on_a_single_worker(
    engine: Engine, sharded_trees: dict[str, bytes]
) -> None:
    X, y = make_classification(40_000, 12, n_informative=8, flip_y=0.1, random_state=6)
    X, y, X_new, y_new = X[:20_000], y[:20_000], X[20_000:], y[20_000:]
    sharded = XGBoostClassifier(20, max_depth=4, n_shards=2, engine=engine)
    if engine.name == "local" or engine.workers < 2:
        with pytest.raises(ValueError, match="n_shards=2: at most 1, the worker processes of the engine"):
            sharded.fit(X, y)
        return
    sharded.fit(X, y)
    alone = XGBoostClassifier(20, max_depth=4).fit(X, y)
    assert (sharded.n_shards_, alone.n_shards_) == (2, 1)
    p, q = sharded.predict_proba(X_new)[:, 1], alone.predict_proba(X_new)[:, 1]
    assert (p != q).any()
    assert accuracy_score(y_new, p > 0.5) == pytest.approx(accuracy_score(y_new, q > 0.5), abs=0.01)
    assert roc_auc_score(y_new, p) == pytest.approx(roc_auc_score(y_new, q), abs=0.01)
    sharded_trees[f"xgboost, {engine.name}-{engine.workers}"] = bytes(sharded.booster_.save_raw("ubj"))
    assert len({trees for name, trees in sharded_trees.items() if name.startswith("xgboost")}) == 1


@pytest.mark.parametrize("early_stopping", [False, True])
def test_shards_of_gradient_boosting_score_like_one_worker(
    early_stopping: bool,
    engine: Engine,
    sharded_trees: dict[str, bytes],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(blocks, "BLOCK_ROWS", 2500)  # a table at a path is dealt in whole blocks
    X, y = make_classification(40_000, 12, n_informative=8, flip_y=0.1, random_state=6)
    X, y, X_new, y_new = X[:20_000], y[:20_000], X[20_000:], y[20_000:]
    model = GradientBoostingClassifier(
        60, learning_rate=0.3, early_stopping=early_stopping, n_iter_no_change=5, n_shards=2, engine=engine
    )
    if engine.name == "local" or engine.workers < 2:
        with pytest.raises(ValueError, match="n_shards=2: at most 1, the worker processes of the engine"):
            model.fit(X, y)
        return
    sharded = clone(model).fit(X, y)
    alone = clone(model).set_params(n_shards=1).fit(X, y)
    assert (sharded.n_shards_, alone.n_shards_) == (2, 1)
    p, q = sharded.predict_proba(X_new)[:, 1], alone.predict_proba(X_new)[:, 1]
    assert (p != q).any()
    assert accuracy_score(y_new, p > 0.5) == pytest.approx(accuracy_score(y_new, q > 0.5), abs=0.01)
    assert roc_auc_score(y_new, p) == pytest.approx(roc_auc_score(y_new, q), abs=0.01)

    # in the order of its rows, a table at a path is dealt to the same shards
    frame = pd.DataFrame(X, columns=[f"x{i}" for i in range(12)]).assign(grain=np.array(["oats", "rye"])[y])
    frame.to_parquet(tmp_path / "t.parquet", row_group_size=3000)
    from_path = clone(model).fit(tmp_path / "t.parquet", "grain")
    text = sharded.booster_.model_to_string(num_iteration=-1)
    assert trees_in(from_path.booster_.model_to_string(num_iteration=-1)) == trees_in(text)
    assert from_path.predict_proba(tmp_path / "t.parquet").tobytes() == sharded.predict_proba(X).tobytes()
    assert from_path.classes_.tolist() == ["oats", "rye"]

    name = f"early_stopping={early_stopping}, {engine.name}-{engine.workers}"
    sharded_trees[name] = text.encode()
    same = {trees for other, trees in sharded_trees.items() if other.startswith(name.partition(",")[0])}
    assert len(same) == 1


def trees_in(model: str) -> str:
    """The part of LightGBM's text that has no names and parameters."""
    return model[model.index("\nTree=0\n") : model.index("feature_importances:")]


@pytest.mark.parametrize("kind", [XGBoostClassifier, XGBoostRegressor])
def test_boosting_a_path_is_boosting_its_rows_on_every_engine(
    kind: Any, engine: Engine, tmp_path: Path
) -> None:
    X, y = three_classes() if kind is XGBoostClassifier else amounts()
    X = X.astype(np.float32)
    table = pd.DataFrame(X).add_prefix("x").assign(target=y)
    for part, rows in (("a", slice(0, 400)), ("b", slice(400, None))):
        (tmp_path / part).mkdir()
        table.iloc[rows].to_parquet(tmp_path / part / "rows.parquet", row_group_size=150)
    here = kind(8, max_depth=3).fit(X, y)
    there = kind(8, max_depth=3, engine=engine).fit(tmp_path, "target")
    assert there.booster_.get_dump(with_stats=True) == here.booster_.get_dump(with_stats=True)
    np.testing.assert_array_equal(there.predict(str(tmp_path)), here.predict(X))
    if kind is XGBoostClassifier:
        assert there.classes_.tolist() == ["oats", "rye", "wheat"]
        assert there.predict_proba(tmp_path).tobytes() == here.predict_proba(X).tobytes()


@pytest.mark.parametrize("contract", with_path, ids=str)
def test_a_path_gives_the_same_answer_on_every_engine_as_a_file_or_a_folder(
    contract: Contract, engine: Engine, tmp_path: Path
) -> None:
    X, _ = contract.data()
    frame = pd.DataFrame(X, columns=[f"x{i}" for i in range(X.shape[1])])
    frame.to_parquet(tmp_path / "table.parquet", row_group_size=200)
    for part, rows in (("part=1", slice(0, 610)), ("part=2", slice(610, len(frame)))):
        (tmp_path / "folder" / part).mkdir(parents=True)
        frame.iloc[rows].to_parquet(tmp_path / "folder" / part / "rows.parquet", row_group_size=150)
    here = contract.make().fit(tmp_path / "table.parquet")
    expected = (here.labels_.tobytes(), here.cluster_centers_.tobytes())
    for path in (tmp_path / "table.parquet", str(tmp_path / "folder")):
        there = contract.make(engine=engine).fit(path)
        assert (there.labels_.tobytes(), there.cluster_centers_.tobytes()) == expected
        assert there.predict(path).tobytes() == here.labels_.tobytes()
        assert here.predict(frame).tobytes() == here.labels_.tobytes()


@pytest.mark.parametrize("make", [RandomForestClassifier, RandomForestRegressor])
def test_a_forest_of_a_path_is_that_of_its_rows_on_every_engine(
    make: Any, engine: Engine, tmp_path: Path
) -> None:
    X, y = three_classes() if make is RandomForestClassifier else amounts()
    frame = pd.DataFrame(X, columns=[f"x{i}" for i in range(X.shape[1])])
    table = frame.assign(target=y)
    for part, rows in (("part=1", slice(0, 410)), ("part=2", slice(410, len(frame)))):
        (tmp_path / part).mkdir()
        table.iloc[rows].to_parquet(tmp_path / part / "rows.parquet", row_group_size=150)
    here = make(7, random_state=3).fit(frame, y)
    there = make(7, random_state=3, engine=engine).fit(tmp_path, "target")
    assert forest_of(there, frame) == forest_of(here, frame)
    assert there.implementation_.startswith("scikit-learn's trees, grown by ")
    np.testing.assert_array_equal(there.predict(tmp_path), here.predict(frame))


@pytest.mark.parametrize("algorithm", ["xgboost", "kmeans"])
def test_a_search_has_the_same_table_on_every_engine(algorithm: str, engine: Engine) -> None:
    if algorithm == "xgboost":
        X, y = two_classes()
        options: dict[str, Any] = {"cv": 3, "scoring": "roc_auc"}
        model, space = XGBoostClassifier(), {"max_depth": [2, 3], "n_estimators": [3, 9]}
    else:
        X, y = clusters()
        options = {}
        model, space = KMeans(random_state=0), {"n_clusters": [2, 3, 4]}
    here = GridSearch(model, space, **options).fit(X, y)
    there = GridSearch(clone(model).set_params(engine=engine), space, engine=engine, **options).fit(X, y)
    timeless = [name for name in here.cv_results_ if not name.endswith("_time")]
    for name in timeless:
        np.testing.assert_array_equal(there.cv_results_[name], here.cv_results_[name])
    np.testing.assert_array_equal(there.predict(X), here.predict(X))
    assert there.n_fits_ == here.n_fits_


def test_seeds_from_all_rows_are_the_same_on_every_engine(engine: Engine) -> None:
    X, _ = clusters()
    arguments: dict[str, Any] = {"n_clusters": 9, "init": "k-means||", "random_state": 1}
    here, there = KMeans(**arguments).fit(X), KMeans(**arguments, engine=engine).fit(X)
    assert partition_of(there, X) == partition_of(here, X)


def test_one_engine_serves_one_estimator_after_the_other(engine: Engine) -> None:
    for contract in CONTRACTS[:1] * 2 + CONTRACTS[-1:]:
        X, y = contract.data()
        again = contract.make(engine=engine).fit(X, y)
        assert contract.answer(again, X) == contract.answer(contract.make().fit(X, y), X)
    assert dict(engine.run(plus, [1, 2, 3], shared=10)) == {0: 11, 1: 12, 2: 13}


@pytest.mark.parametrize("count", [1, 3, 8])
def test_rows_change_blocks_in_the_order_of_their_blocks(count: int, engine: Engine) -> None:
    X = np.arange(1000.0).reshape(500, 2)
    held = engine.partition(ArraySource(X, np.arange(500)))
    changed = engine.shuffle(dealt, held, count, count)
    assert changed.n_blocks == count
    found = engine.map(arrays_of, changed)
    assert len(found) == count
    for part, (rows, index, blocks_of_origin) in enumerate(found):
        np.testing.assert_array_equal(index, np.arange(500)[np.arange(500) % count == part])
        np.testing.assert_array_equal(rows, X[index])
        np.testing.assert_array_equal(blocks_of_origin, index // BLOCK_ROWS)
    # what was exchanged is resident like any other blocks
    assert engine.reduce(row_count, plus, changed) == 500


def test_streamed_rows_give_the_same_answers_and_are_not_held(engine: Engine) -> None:
    X = np.random.default_rng(3).normal(size=(4000, 4))
    work.CountedSource.most = 0
    held = engine.partition(ArraySource(X, np.arange(4000), block_rows=100))
    read = engine.partition(work.CountedSource(X, 100).streamed())
    answers = [
        (
            engine.map(work.column_sums, blocks),
            engine.reduce(work.column_sums, work.added, blocks),
            engine.iterate(work.column_sums, work.added, work.three_rounds, blocks, 0)[0],
            engine.run_group(work.sums_of_span, blocks),
        )
        for blocks in (read, held)
    ]
    for streamed, resident in zip(*answers, strict=True):
        assert pickle.dumps(sums_in(streamed)) == pickle.dumps(sums_in(resident))
    # one block while it is worked on, and another one while it is read
    threads = engine.workers if engine.in_this_process else 1
    most = max(counted for _, counted in answers[0][0])
    assert 0 < max(most, answers[0][1][1], answers[0][2][1]) <= 3 * threads
    shuffled = engine.shuffle(work.by_parity, read, 2)
    np.testing.assert_array_equal(engine.map(arrays_of, shuffled)[1][0], X[1::2])


def sums_in(answer: Any) -> Any:
    """The sums in the answers to `work`'s kernels, without the counts of blocks."""
    if isinstance(answer, list):
        return [sums_in(part) for part in answer]
    return sums_in(answer[0]) if isinstance(answer, tuple) else answer.tobytes()


def dealt(number: int, X: Any, index: Any, count: int) -> list[tuple[Any, ...]]:
    """Rows in turn to each of the new blocks."""
    places = [np.flatnonzero(index % count == part) for part in range(count)]
    return [(X[rows], index[rows], np.full(len(rows), number)) for rows in places]


def arrays_of(*arrays: Any) -> tuple[Any, ...]:
    return arrays


def row_count(X: Any, *_rest: Any) -> int:
    return len(X)


def plus(item: int, shared: int) -> int:
    return item + shared


def test_an_engine_is_chosen_by_name_and_its_arguments_are_checked() -> None:
    with pytest.raises(ValueError, match="engine 'cloud' is unknown; allowed: local, dask, spark"):
        connect("cloud")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="workers=0: at least 1"):
        connect("local", workers=0)
    with pytest.raises(ValueError, match="address='tcp://h:1' does not belong to engine 'spark'"):
        connect("spark", address="tcp://h:1")
    with pytest.raises(ValueError, match="master='spark://h:1' does not belong to engine 'dask'"):
        connect("dask", master="spark://h:1")
