"""Agglomerative clustering against scikit-learn and SciPy, at every cut, and the same bits on every engine."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import scipy.cluster.hierarchy
import sklearn.cluster
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial.distance import pdist
from sklearn.metrics import adjusted_rand_score
from sklearn.utils.estimator_checks import parametrize_with_checks

from infra.engines import Engine
from infra.errors import DataError, ParameterError
from tasks.clustering import AgglomerativeClustering
from tasks.clustering.dendrogram import linkage_matrix
from tests.infra.engines.starting import started

LINKAGES = ["ward", "single", "complete", "average"]
RNG = np.random.default_rng(0)
CLOUD = RNG.normal(size=(300, 3)) + RNG.integers(0, 4, (300, 1)) * 2.0


@parametrize_with_checks([AgglomerativeClustering(), AgglomerativeClustering(linkage="average")])
def test_is_a_scikit_learn_estimator(estimator: Any, check: Any) -> None:
    check(estimator)


def random_rows(seed: int) -> Any:
    """Clusters or a uniform cloud, in 1 to 12 dimensions."""
    rng = np.random.default_rng(seed)
    n, d = int(rng.integers(2, 260)), int(rng.integers(1, 13))
    X = rng.normal(size=(n, d)) + 4.0 * rng.integers(0, 5, (n, 1)) if seed % 2 else rng.random((n, d))
    return X.astype(np.float32) if seed % 3 == 0 else X


@pytest.mark.parametrize("linkage", LINKAGES)
@pytest.mark.parametrize("seed", range(24))
def test_equals_scikit_learn_at_every_cut(seed: int, linkage: str) -> None:
    X = random_rows(seed)
    theirs = sklearn.cluster.AgglomerativeClustering(linkage=linkage, compute_distances=True).fit(
        X.astype(np.float64)
    )
    counts = range(1, len(X) + 1)
    models = AgglomerativeClustering(linkage=linkage).fit_shared(X, None, [{"n_clusters": k} for k in counts])
    for k, ours in zip(counts, models, strict=True):
        assert isinstance(ours, AgglomerativeClustering)
        np.testing.assert_array_equal(ours.children_, theirs.children_)
        np.testing.assert_allclose(ours.distances_, theirs.distances_, rtol=1e-6)
        cut = sklearn.cluster._agglomerative._hc_cut(k, theirs.children_, len(X))
        np.testing.assert_array_equal(ours.labels_, cut)
        assert ours.n_clusters_ == ours.n_clusters == k


@pytest.mark.parametrize("linkage", LINKAGES)
def test_a_threshold_cuts_where_scikit_learn_does(linkage: str) -> None:
    fitted = AgglomerativeClustering(linkage=linkage).fit(CLOUD)
    for threshold in (0.0, float(fitted.distances_[-4]), float(fitted.distances_[-2]) + 1e-6, 1e9):
        arguments: dict[str, Any] = {"n_clusters": None, "linkage": linkage}
        ours = AgglomerativeClustering(**arguments, distance_threshold=threshold).fit(CLOUD)
        # set to the computed distance itself, a last bit would decide
        slack = threshold - 1e-9 if threshold else 0
        theirs = sklearn.cluster.AgglomerativeClustering(**arguments, distance_threshold=slack).fit(CLOUD)
        assert ours.n_clusters_ == theirs.n_clusters_
        np.testing.assert_array_equal(ours.labels_, theirs.labels_)


@pytest.mark.parametrize("linkage", LINKAGES)
def test_scipy_draws_the_tree(linkage: str) -> None:
    ours = linkage_matrix(AgglomerativeClustering(linkage=linkage).fit(CLOUD))
    theirs = scipy.cluster.hierarchy.linkage(CLOUD, linkage)
    assert scipy.cluster.hierarchy.is_valid_linkage(ours)
    np.testing.assert_allclose(ours[:, 2], theirs[:, 2], rtol=1e-9)
    np.testing.assert_array_equal(ours[:, 3], theirs[:, 3])
    for k in (2, 5, 40, 299):
        a, b = (scipy.cluster.hierarchy.fcluster(Z, k, "maxclust") for Z in (ours, theirs))
        assert adjusted_rand_score(a, b) == 1


@given(st.integers(2, 60), st.integers(1, 3), st.integers(1, 4), st.integers(0, 2**31))
@settings(max_examples=40)
def test_equal_distances_and_duplicates_make_a_valid_tree(n: int, d: int, values: int, seed: int) -> None:
    X = np.random.default_rng(seed).integers(0, values, (n, d)).astype(float)
    distinct = len(np.unique(X, axis=0))
    for linkage in LINKAGES:
        model = AgglomerativeClustering(linkage=linkage).fit(X)
        assert scipy.cluster.hierarchy.is_valid_linkage(linkage_matrix(model))
        assert np.count_nonzero(model.distances_ == 0) == n - distinct
        if linkage == "single":  # the lengths of all minimum spanning trees are the same
            np.testing.assert_allclose(
                model.distances_, scipy.cluster.hierarchy.linkage(pdist(X), "single")[:, 2]
            )


@pytest.mark.parametrize("linkage", ["ward", "single"])
@pytest.mark.parametrize(
    ("d", "offset", "rtol"), [(2, 0, 1e-9), (4, 0, 1e-9), (10, 0, 1e-9), (10, 1e6, 1e-6)]
)
def test_rows_in_many_leaves_equal_scipy(linkage: str, d: int, offset: float, rtol: float) -> None:
    X = np.random.default_rng(5).normal(size=(4000, d)) + offset
    ours = AgglomerativeClustering(linkage=linkage).fit(X)
    theirs = scipy.cluster.hierarchy.linkage(X, linkage)
    np.testing.assert_allclose(ours.distances_, theirs[:, 2], rtol=rtol)


def test_predict_gives_the_cluster_with_the_nearest_centroid() -> None:
    X = np.concatenate([CLOUD[:100], CLOUD[:100] + 100.0])
    model = AgglomerativeClustering(2).fit(X)
    np.testing.assert_array_equal(model.predict(X), model.labels_)
    for cluster in range(2):
        np.testing.assert_allclose(
            model.cluster_centroids_[cluster], X[model.labels_ == cluster].mean(axis=0)
        )
    assert model.predict(X).dtype == model.labels_.dtype == np.int64
    with pytest.raises(ValueError, match="2 features, but AgglomerativeClustering is expecting 3"):
        model.predict(X[:, :2])


BAD = [
    ({"n_clusters": 9}, "n_clusters=9: allowed are at most as many as rows, n_samples=5"),
    ({"n_clusters": None}, "n_clusters=None, distance_threshold=None: give one of them"),
    ({"distance_threshold": 1.0}, "n_clusters=2, distance_threshold=1.0: give one of them"),
    ({"n_clusters": None, "distance_threshold": -1.0}, "The 'distance_threshold' parameter"),
    ({"n_clusters": 0}, "The 'n_clusters' parameter"),
]


@pytest.mark.parametrize(("parameters", "message"), BAD)
def test_bad_parameters_are_refused_by_name(parameters: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        AgglomerativeClustering(**parameters).fit(CLOUD[:5])


@pytest.mark.parametrize(("parameters", "message"), [*BAD, ({"linkage": "single"}, "linkage: not shared")])
def test_a_bad_setting_fails_alone_among_those_that_share_a_dendrogram(
    parameters: dict[str, Any], message: str
) -> None:
    bad, good = AgglomerativeClustering().fit_shared(CLOUD[:5], None, [parameters, {"n_clusters": 3}])
    with pytest.raises(ValueError, match=message):
        raise bad
    alone = AgglomerativeClustering(3).fit(CLOUD[:5])
    assert good.labels_.tobytes() == alone.labels_.tobytes()
    assert good.cluster_centroids_.tobytes() == alone.cluster_centroids_.tobytes()
    assert good.n_features_in_ == 3


def test_bad_data_is_refused() -> None:
    with pytest.raises(ParameterError, match="n_samples=1: at least 2 rows"):
        AgglomerativeClustering(1).fit(CLOUD[:1])
    for linkage in ("manhattan", "median"):
        with pytest.raises(ValueError, match="The 'linkage' parameter"):
            AgglomerativeClustering(linkage=linkage).fit(CLOUD)
    with pytest.raises(ValueError, match="contains NaN"):
        AgglomerativeClustering().fit(np.where(CLOUD > 5, np.nan, CLOUD))


@pytest.mark.parametrize("linkage", LINKAGES)
@pytest.mark.parametrize("far", [1e155, -1e200, 1.7e308])
def test_a_column_too_wide_for_squares_is_refused(linkage: str, far: float) -> None:
    X = CLOUD.copy()
    X[::2, 1] = far
    with pytest.raises(DataError, match=r"column 1: values from .*; allowed: at most 1e\+150 apart"):
        AgglomerativeClustering(linkage=linkage).fit(X)


@pytest.mark.parametrize("linkage", LINKAGES)
@pytest.mark.parametrize("far", [1e149, 1e-160])
def test_extreme_values_end_in_a_tree(linkage: str, far: float) -> None:
    X = CLOUD * 1e-158 if far < 1 else CLOUD.copy()
    X[:7] += far
    model = AgglomerativeClustering(linkage=linkage).fit(X)
    assert len(model.children_) == len(X) - 1
    assert far < 1 or np.bincount(model.labels_).tolist() in ([7, 293], [293, 7])


@pytest.fixture(scope="module", params=[("local", 2), ("dask", 1), ("dask", 2)], ids=str)
def engine(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Engine]:
    name, workers = request.param
    with started(name, workers, tmp_path_factory.mktemp("home")) as engine:
        yield engine


def answer(model: Any) -> tuple[bytes, ...]:
    arrays = (model.labels_, model.children_, model.distances_, model.cluster_centroids_)
    return tuple(array.tobytes() for array in arrays)


@pytest.mark.parametrize("linkage", LINKAGES)
@pytest.mark.parametrize("kind", ["uniform", "equal distances"])
def test_the_bits_are_the_same_on_every_engine(engine: Engine, linkage: str, kind: str) -> None:
    rng = np.random.default_rng(3)
    X = rng.random((1400, 4)) if kind == "uniform" else rng.integers(0, 6, (1400, 4)).astype(float)
    here = AgglomerativeClustering(7, linkage=linkage).fit(X)
    there = AgglomerativeClustering(7, linkage=linkage, engine=engine).fit(X)
    assert answer(there) == answer(here)


def test_a_folder_of_parquet_is_read_where_the_engine_runs(engine: Engine, tmp_path: Path) -> None:
    frame = pd.DataFrame(np.random.default_rng(4).random((900, 3)), columns=["a", "b", "c"])
    for part, rows in (("p=1", slice(0, 350)), ("p=2", slice(350, 350)), ("p=3", slice(350, 900))):
        (tmp_path / part).mkdir()
        frame.iloc[rows].to_parquet(tmp_path / part / "rows.parquet")
    here = AgglomerativeClustering(4).fit(frame)
    there = AgglomerativeClustering(4, engine=engine).fit(tmp_path)
    assert answer(there) == answer(here)
    assert there.feature_names_in_.tolist() == here.feature_names_in_.tolist() == ["a", "b", "c"]
    np.testing.assert_array_equal(there.predict(str(tmp_path)), here.predict(frame))
    with pytest.raises(DataError, match="no file or folder"):
        AgglomerativeClustering().fit(tmp_path / "nothing")
