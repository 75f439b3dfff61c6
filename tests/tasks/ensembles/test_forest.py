"""Random forests against scikit-learn's own: the same trees, bit for bit."""

import pickle
import re
from collections.abc import Iterator
from copy import deepcopy
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn import ensemble
from sklearn.base import clone
from sklearn.datasets import make_classification, make_regression
from sklearn.tree import DecisionTreeClassifier
from sklearn.utils.estimator_checks import parametrize_with_checks

from infra.engines import ArraySource, Engine, blocks, connect
from infra.errors import DataError, ParameterError
from tasks.ensembles import RandomForestClassifier, RandomForestRegressor, sampled_rows
from tasks.ensembles.mllib import MLlibRandomForestClassifier, MLlibRandomForestRegressor
from tasks.ensembles.mllib_forest import mllib_parameters
from tasks.ensembles.sampled_rows import SampledRows, forest_bytes
from tasks.ways import TableShape
from tests.infra.engines.starting import started

WEIGHTS_ARE_DRAWN = (
    "with bootstrap, weights change which rows are drawn; scikit-learn's own forests fail it too"
)
XFAIL = {
    "check_sample_weight_equivalence_on_dense_data": WEIGHTS_ARE_DRAWN,
    "check_sample_weight_equivalence_on_sparse_data": WEIGHTS_ARE_DRAWN,
}


@parametrize_with_checks(
    [RandomForestClassifier(5), RandomForestRegressor(5)], expected_failed_checks=lambda _: XFAIL
)
def test_is_a_scikit_learn_estimator(estimator: Any, check: Any) -> None:
    check(estimator)


def two_classes() -> tuple[Any, Any]:
    X, y = make_classification(400, 8, n_informative=5, weights=[0.7], flip_y=0.1, random_state=0)
    X[::5, 3] = np.nan
    return X, y


def three_classes() -> tuple[Any, Any]:
    X, y = make_classification(400, 8, n_informative=5, n_classes=3, random_state=1)
    return X, np.array(["oats", "rye", "wheat"])[y]


def amounts() -> tuple[Any, Any]:
    X, y = make_regression(400, 8, n_informative=5, noise=10, random_state=2)
    X[::7, 0] = np.nan
    return X, y


PAIRS: dict[str, tuple[Any, Any, Any]] = {
    "two classes": (RandomForestClassifier, ensemble.RandomForestClassifier, two_classes),
    "three classes": (RandomForestClassifier, ensemble.RandomForestClassifier, three_classes),
    "amounts": (RandomForestRegressor, ensemble.RandomForestRegressor, amounts),
}
each_pair = pytest.mark.parametrize("kind", PAIRS)

COMMON: list[dict[str, Any]] = [
    {},
    {"bootstrap": False, "max_features": 3},
    {"max_samples": 0.4, "max_depth": 4},
    {"min_samples_leaf": 5, "min_samples_split": 0.05, "max_features": 0.5},
    {"max_leaf_nodes": 9, "min_impurity_decrease": 0.001},
    {"ccp_alpha": 0.01, "min_weight_fraction_leaf": 0.02},
]
OF_CLASSES: list[dict[str, Any]] = [
    {"criterion": "entropy"},
    {"class_weight": "balanced"},
    {"class_weight": "balanced_subsample"},
    {"class_weight": "balanced_subsample", "bootstrap": False},
]
CASES = [
    *(("two classes", parameters) for parameters in COMMON + OF_CLASSES),
    *(("amounts", parameters) for parameters in [*COMMON, {"criterion": "absolute_error"}]),
    ("three classes", {}),
    ("three classes", {"class_weight": {"oats": 1, "rye": 5, "wheat": 2}}),
    ("three classes", {"monotonic_cst": None, "max_features": None}),
]


@pytest.fixture(scope="module")
def threads() -> Iterator[Engine]:
    with connect("local", workers=3) as engine:
        yield engine


def same_forest(ours: Any, theirs: Any, X: Any) -> None:
    assert len(ours.estimators_) == len(theirs.estimators_)
    for tree, other in zip(ours.estimators_, theirs.estimators_, strict=True):
        assert type(tree) is type(other)
        assert tree.random_state == other.random_state
        assert pickle.dumps(tree.tree_) == pickle.dumps(other.tree_)
    if hasattr(theirs, "predict_proba"):
        assert ours.predict_proba(X).tobytes() == theirs.predict_proba(X).tobytes()
    np.testing.assert_array_equal(ours.predict(X), theirs.predict(X))
    np.testing.assert_array_equal(ours.feature_importances_, theirs.feature_importances_)
    np.testing.assert_array_equal(ours.estimators_samples_, theirs.estimators_samples_)


@pytest.mark.parametrize(("kind", "parameters"), CASES, ids=str)
@pytest.mark.parametrize("weighted", [False, True])
def test_is_scikit_learns_forest_tree_by_tree(
    kind: str, parameters: dict[str, Any], weighted: bool, threads: Engine
) -> None:
    make, library, data = PAIRS[kind]
    X, y = data()
    weights = np.random.default_rng(1).exponential(size=len(X)) if weighted else None
    arguments = {"random_state": 7, **parameters}
    theirs = library(14, **arguments).fit(X, y, sample_weight=weights)
    same_forest(make(14, **arguments).fit(X, y, sample_weight=weights), theirs, X)
    same_forest(make(14, **arguments, engine=threads).fit(X, y, sample_weight=weights), theirs, X)


@each_pair
def test_defaults_are_those_of_scikit_learn(kind: str) -> None:
    make, library, data = PAIRS[kind]
    X, y = data()
    ours, theirs = make().get_params(), library().get_params()
    assert set(theirs) - set(ours) == {"oob_score", "n_jobs", "verbose", "warm_start"}
    assert {**ours, **theirs} == {**theirs, **ours}
    seeded = make(random_state=0).fit(X, y)
    same_forest(seeded, library(random_state=0).fit(X, y), X)


def test_a_generator_gives_the_same_forests_and_moves_on_as_in_scikit_learn(threads: Engine) -> None:
    X, y = two_classes()
    mine, other = np.random.RandomState(5), np.random.RandomState(5)
    for _ in range(2):
        ours = RandomForestClassifier(9, random_state=mine, engine=threads).fit(X, y)
        same_forest(ours, ensemble.RandomForestClassifier(9, random_state=other).fit(X, y), X)
    assert mine.randint(1000) == other.randint(1000)


def test_without_a_seed_forests_differ(threads: Engine) -> None:
    X, y = two_classes()
    forests = [RandomForestClassifier(3, engine=threads).fit(X, y) for _ in range(2)]
    assert forests[0].predict_proba(X).tobytes() != forests[1].predict_proba(X).tobytes()


def test_more_workers_than_trees_and_who_grew_them(threads: Engine) -> None:
    X, y = two_classes()
    two = RandomForestClassifier(2, random_state=0, engine=threads).fit(X, y)
    assert two.implementation_ == "scikit-learn's trees, grown by 2 workers"
    assert RandomForestClassifier(2).fit(X, y).implementation_ == "scikit-learn's trees, grown by 1 worker"
    same_forest(two, ensemble.RandomForestClassifier(2, random_state=0).fit(X, y), X)


def test_several_targets_and_names_of_columns(threads: Engine) -> None:
    X, y = amounts()
    both = np.column_stack([y, -2 * y + X[:, 1]])
    frame = pd.DataFrame(X, columns=[f"c{i}" for i in range(X.shape[1])])
    ours = RandomForestRegressor(6, random_state=0, engine=threads).fit(frame, both)
    theirs = ensemble.RandomForestRegressor(6, random_state=0).fit(frame, both)
    same_forest(ours, theirs, frame)
    assert ours.feature_names_in_.tolist() == theirs.feature_names_in_.tolist()
    assert ours.n_outputs_ == 2


@each_pair
def test_the_first_trees_of_a_forest_are_the_smaller_forest(kind: str) -> None:
    make, _, data = PAIRS[kind]
    X, y = data()
    large = make(20, random_state=1).fit(X, y)
    for trees in (1, 7, 20):
        small, cut = make(trees, random_state=1).fit(X, y), large.truncated(trees)
        same_forest(cut, small, X)
        assert cut.get_params() == small.get_params()
    assert len(large.estimators_) == large.n_estimators == 20


@pytest.mark.parametrize("seed", [4, np.random.RandomState(4)], ids=["number", "generator"])
def test_settings_that_share_a_fit_have_the_answers_of_fits_alone(seed: Any) -> None:
    X, y = three_classes()
    settings: list[dict[str, Any]] = [{"n_estimators": n} for n in (5, 12, 0, 3)]
    model = RandomForestClassifier(random_state=seed)
    shared = model.fit_shared(X, y, settings)
    assert isinstance(shared[2], ValueError)
    for setting, served in zip(settings, shared, strict=True):
        if setting["n_estimators"]:
            same_forest(served, clone(model).set_params(**setting).fit(X, y), X)


def test_forests_of_one_fit_ask_each_tree_once_and_answer_as_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    X, y = three_classes()
    X = X.astype(np.float32)  # what a forest works on: no copy is made of it
    settings = [{"n_estimators": count} for count in (3, 8, 5)]
    forests = RandomForestClassifier(random_state=0).fit_shared(X, y, settings)
    alone = [RandomForestClassifier(random_state=0, **one).fit(X, y) for one in settings]
    asked: list[int] = []
    of_tree = DecisionTreeClassifier.predict_proba

    def counted(tree: Any, X: Any, check_input: bool = True) -> Any:
        asked.append(len(X))
        return of_tree(tree, X, check_input=check_input)

    for rows in (X, X[:50]):
        expected = [forest.predict_proba(rows).tobytes() for forest in alone]
        with monkeypatch.context() as patch:
            patch.setattr(DecisionTreeClassifier, "predict_proba", counted)
            assert [forest.predict_proba(rows).tobytes() for forest in forests] == expected
        assert len(asked) == 8 + 5, "the third is smaller than the one asked before it"
        asked.clear()
    changed = X.copy()
    forests[0].predict_proba(changed)
    changed[:] = 0
    assert forests[1].predict_proba(changed).tobytes() == alone[1].predict_proba(changed).tobytes()


@pytest.mark.parametrize("trees", [0, -1, 2.5, "10", 11])
def test_trees_that_a_forest_does_not_have_are_refused(trees: Any) -> None:
    with pytest.raises(ValueError, match="n_estimators"):
        RandomForestRegressor(10).fit(*amounts()).truncated(trees)


def test_a_fitted_forest_travels() -> None:
    X, y = two_classes()
    model = RandomForestClassifier(5).fit(X, y)
    for there in (pickle.loads(pickle.dumps(model)), deepcopy(model)):
        assert there.predict_proba(X).tobytes() == model.predict_proba(X).tobytes()


def as_table(X: Any, y: Any, path: Path) -> pd.DataFrame:
    """The rows with their target in the middle of the columns, written to `path`; returns the features."""
    frame = pd.DataFrame(X, columns=[f"c {i}.`x" for i in range(X.shape[1])])
    path.parent.mkdir(parents=True, exist_ok=True)
    whole = frame.copy()
    whole.insert(3, "kind", y)
    whole.to_parquet(path, row_group_size=130)
    return frame


@each_pair
def test_a_path_gives_the_forest_of_its_rows(
    kind: str, tmp_path: Path, threads: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(blocks, "BLOCK_ROWS", 97)
    make, library, data = PAIRS[kind]
    X, y = data()
    path = tmp_path / "table.parquet"
    frame = as_table(X, y, path)
    theirs = library(7, random_state=3).fit(frame, y)
    for engine in (None, threads):
        ours = make(7, random_state=3, engine=engine).fit(path, "kind")
        same_forest(ours, theirs, frame)
        assert ours.feature_names_in_.tolist() == list(frame.columns)
        assert ours.n_features_in_ == 8
        for method in ("predict", "predict_proba", "predict_log_proba"):
            if hasattr(theirs, method):
                with np.errstate(divide="ignore"):
                    np.testing.assert_array_equal(
                        getattr(ours, method)(str(path)), getattr(theirs, method)(frame)
                    )


def test_columns_of_a_path_are_found_by_their_names(tmp_path: Path) -> None:
    X, y = two_classes()
    frame = as_table(X, y, tmp_path / "table.parquet")
    model = RandomForestClassifier(5, random_state=0).fit(frame, y)
    frame[frame.columns[::-1]].to_parquet(tmp_path / "turned.parquet")
    assert model.predict_proba(tmp_path / "turned.parquet").tobytes() == model.predict_proba(frame).tobytes()
    nameless = RandomForestClassifier(5, random_state=0).fit(X, y)
    frame[frame.columns[:4]].to_parquet(tmp_path / "narrow.parquet")
    with pytest.raises(ParameterError, match="4 columns; the model has 8"):
        nameless.predict(tmp_path / "narrow.parquet")


def test_tables_that_cannot_be_used_are_refused_by_name(tmp_path: Path) -> None:
    X, y = two_classes()
    path = tmp_path / "table.parquet"
    frame = as_table(X, y, path)
    model = RandomForestClassifier(3)
    with pytest.raises(
        ParameterError, match="y: of type ndarray; with a path, the name of the target column"
    ):
        model.fit(path, y)
    with pytest.raises(ParameterError, match="sample_weight: allowed with an array, not with a path"):
        model.fit(path, "kind", sample_weight=np.ones(len(y)))
    with pytest.raises(DataError, match="column 'sort' is missing; it has: "):
        model.fit(path, "sort")
    frame.assign(kind=[None, *["a"] * 399]).to_parquet(path)
    with pytest.raises(DataError, match="column 'kind' has missing or infinite values"):
        model.fit(path, "kind")
    frame.assign(kind=y, far=np.inf).to_parquet(path)
    with pytest.raises(DataError, match="column 'far' has infinite values"):
        model.fit(path, "kind")
    frame.assign(kind=y)[:0].to_parquet(path)
    with pytest.raises(DataError, match="at least one row"):
        model.fit(path, "kind")


@pytest.mark.parametrize("form", ["path", "source"])
def test_a_table_larger_than_a_worker_may_hold_is_sampled(
    form: str, tmp_path: Path, threads: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    X, y = two_classes()
    path = tmp_path / "table.parquet"
    frame = as_table(X, y, path)
    whole = ArraySource(frame.to_numpy(np.float32), y, block_rows=70)
    arguments = (path, "kind") if form == "path" else (whole, None)
    forest = RandomForestClassifier(6, random_state=3, engine=threads)
    everything = clone(forest).fit(*arguments)
    assert str(everything.way_) == "each worker holds all 400 rows"
    shape = TableShape.of(whole, classification=True, held=True)
    monkeypatch.setattr(sampled_rows, "FEWEST", 100)
    monkeypatch.setattr(
        sampled_rows, "allowed_bytes", lambda engine: forest_bytes(forest, shape, engine, 300)
    )
    sampled = clone(forest).fit(*arguments)
    assert isinstance(sampled.way_, SampledRows)
    assert 200 < sampled.way_.count <= 300 if form == "source" else 100 <= sampled.way_.count < 400
    assert re.fullmatch(r"each worker holds the same random sample of \d+ of 400 rows", str(sampled.way_))
    rows, targets, _ = sampled.way_.load()
    assert len(np.unique(rows, axis=0)) == len(rows) == sampled.way_.count
    by_hand = RandomForestClassifier(6, random_state=3).fit(rows, targets)
    np.testing.assert_array_equal(sampled.predict_proba(whole), by_hand.predict_proba(frame.to_numpy()))
    monkeypatch.setattr(sampled_rows, "allowed_bytes", lambda engine: 100)
    with pytest.raises(
        ParameterError, match=r"RandomForestClassifier: a fit to 400 rows .*; use a machine with"
    ):
        clone(forest).fit(*arguments)


def test_every_row_has_the_same_chance_to_be_in_a_sample() -> None:
    source = ArraySource(np.arange(100.0)[:, None], np.arange(100), block_rows=30)
    counts = np.zeros(100)
    for seed in range(600):
        _, drawn, _ = SampledRows(source, 40, seed).load()
        assert len(set(drawn)) == 40
        counts[drawn] += 1
    assert abs(counts / 600 - 0.4).max() < 0.09
    assert abs(counts[:30].mean() - counts[90:].mean()) < 15


def test_mllib_is_asked_for_by_name(threads: Engine, tmp_path: Path) -> None:
    with pytest.raises(ParameterError, match="MLlibRandomForestClassifier: a path to Parquet and the engine"):
        MLlibRandomForestClassifier(3, engine=threads).fit(tmp_path, "kind")


MLLIBS: dict[Any, Any] = {
    RandomForestClassifier: MLlibRandomForestClassifier,
    RandomForestRegressor: MLlibRandomForestRegressor,
}
REFUSED: list[tuple[Any, str]] = [
    (RandomForestClassifier(class_weight="balanced"), "class_weight='balanced': .* only None"),
    (RandomForestClassifier(max_leaf_nodes=5), "max_leaf_nodes=5: .* only None"),
    (RandomForestClassifier(min_samples_split=4), "min_samples_split=4: .* only 2"),
    (RandomForestClassifier(min_samples_leaf=0.1), r"min_samples_leaf=0\.1: .* only a number of rows"),
    (RandomForestClassifier(monotonic_cst=np.ones(8)), "monotonic_cst=.* only None"),
    (RandomForestRegressor(criterion="poisson"), "criterion='poisson': .* only gini"),
    (RandomForestRegressor(max_depth=31), "max_depth=31: .* at most 30"),
]


@pytest.mark.parametrize(("model", "message"), REFUSED)
def test_what_mllib_does_not_know_is_refused(model: Any, message: str) -> None:
    with pytest.raises(ParameterError, match=message):
        mllib_parameters(model, 100)


@pytest.fixture(scope="module")
def spark(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Engine]:
    with started("spark", 2, tmp_path_factory.mktemp("home")) as engine:
        yield engine


@each_pair
def test_a_forest_that_mllib_grows_is_mllibs_own(kind: str, tmp_path: Path, spark: Any) -> None:
    make, library, data = PAIRS[kind]
    X, y = data()
    X = np.nan_to_num(X)
    frame = as_table(X, y, tmp_path / "folder" / "part=1" / "table.parquet")
    arguments: dict[str, Any] = {"max_depth": 6, "random_state": 1}
    if kind == "three classes":
        arguments |= {"criterion": "entropy", "min_samples_leaf": 4, "max_samples": 0.8}
    ours = MLLIBS[make](15, **arguments, engine=spark).fit(tmp_path / "folder", "kind")
    assert ours.implementation_ == "Spark MLlib's random forest"
    assert len(ours.estimators_) == 15
    assert max(tree.get_depth() for tree in ours.estimators_) <= 6
    model, prepared, output = mllib_here(ours, frame, y, spark.session)
    np.testing.assert_array_equal(ours.estimators_[0].tree_.node_count, model.trees[0].numNodes)
    assert [tree.get_depth() for tree in ours.estimators_] == [tree.depth for tree in model.trees]
    theirs = np.array([row[0] for row in model.transform(prepared).select(output).collect()])
    mine = ours.predict_proba(frame) if output == "probability" else ours.predict(frame)
    np.testing.assert_allclose(mine, theirs, rtol=1e-12, atol=1e-12)
    np.testing.assert_allclose(
        ours.feature_importances_, model.featureImportances.toArray(), rtol=1e-9, atol=1e-12
    )
    np.testing.assert_array_equal(ours.predict(tmp_path / "folder"), ours.predict(frame))
    alike = library(15, **arguments).fit(X, y)
    assert ours.score(frame, y) == pytest.approx(alike.score(X, y), abs=0.1)
    with pytest.raises(ParameterError, match="n_estimators=3: the first trees of Spark MLlib's"):
        ours.truncated(3)


def mllib_here(ours: Any, frame: pd.DataFrame, y: Any, session: Any) -> tuple[Any, Any, str]:
    """MLlib's own model of the same rows and parameters, the rows, and the name of what it predicts."""
    from pyspark.ml.classification import RandomForestClassifier as MLlibClassifier
    from pyspark.ml.functions import array_to_vector
    from pyspark.ml.regression import RandomForestRegressor as MLlibRegressor

    classes = getattr(ours, "classes_", None)
    labels = y if classes is None else np.searchsorted(classes.astype(str), np.asarray(y).astype(str))
    rows = pd.DataFrame({"label": labels.astype(float)})
    rows["values"] = list(frame.to_numpy(np.float32).astype(float))
    table = session.createDataFrame(rows).coalesce(1)
    prepared = table.withColumn("features", array_to_vector("values"))
    parameters = mllib_parameters(ours, len(y))
    if classes is None:
        return MLlibRegressor(**parameters).fit(prepared), prepared, "prediction"
    return MLlibClassifier(**parameters, pruneTree=False).fit(prepared), prepared, "probability"


def test_mllib_names_the_column_with_gaps(tmp_path: Path, spark: Engine) -> None:
    as_table(*two_classes(), tmp_path / "table.parquet")
    with pytest.raises(DataError, match=r"column 'c 3\.`x' has missing or infinite values"):
        MLlibRandomForestClassifier(3, engine=spark).fit(tmp_path / "table.parquet", "kind")
