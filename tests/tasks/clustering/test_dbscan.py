"""DBSCAN against scikit-learn's: every label, core row and noise row, in few and many dimensions."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import sklearn.cluster
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.datasets import make_blobs
from sklearn.utils.estimator_checks import parametrize_with_checks

from infra.engines import blocks, connect
from infra.errors import DataError, ParameterError
from tasks.clustering import DBSCAN, dbscan
from tasks.clustering.density import broadcast, halo

BLOBS = make_blobs(400, n_features=2, centers=5, cluster_std=1.2, random_state=3)[0]


@parametrize_with_checks([DBSCAN()])
def test_is_a_scikit_learn_estimator(estimator: Any, check: Any) -> None:
    check(estimator)


def same(X: Any, eps: float, min_samples: int, weights: Any = None, engine: Any = None) -> DBSCAN:
    ours = DBSCAN(eps, min_samples=min_samples, engine=engine).fit(X, sample_weight=weights)
    theirs = sklearn.cluster.DBSCAN(eps=eps, min_samples=min_samples).fit(X, sample_weight=weights)
    np.testing.assert_array_equal(ours.labels_, theirs.labels_)
    np.testing.assert_array_equal(ours.core_sample_indices_, theirs.core_sample_indices_)
    np.testing.assert_array_equal(ours.components_, theirs.components_)
    return ours


@st.composite
def tables(draw: Any) -> tuple[Any, float, int]:
    """Rows in 1 to 30 dimensions: clouds or a line or a grid, with duplicates, and settings that suit them."""
    d = draw(st.integers(1, 30))
    n = draw(st.integers(1, 250))
    random = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    shape = draw(st.sampled_from(["clouds", "uniform", "one cloud", "line"]))
    if shape == "uniform":
        X = random.uniform(-5, 5, (n, d))
    elif shape == "line":  # so that a cluster winds through many blocks
        X = np.linspace(0, 20, n)[:, None] + random.normal(0, 0.01, (n, d))
    else:
        centers = random.uniform(-8, 8, (1 if shape == "one cloud" else 6, d))
        X = centers[random.integers(0, len(centers), n)] + random.normal(0, 1, (n, d))
    copies = random.random(n) < draw(st.sampled_from([0.0, 0.3, 1.0]))
    X[copies] = X[random.integers(0, n, copies.sum())]
    eps = draw(st.floats(0.02, 2.5)) * np.sqrt(d)
    return X.astype(draw(st.sampled_from([np.float32, np.float64]))), eps, draw(st.integers(1, 12))


@settings(max_examples=120)
@given(table=tables(), workers=st.integers(1, 4), broadcast_rows=st.sampled_from([20, 4096]))
def test_equals_scikit_learn(table: tuple[Any, float, int], workers: int, broadcast_rows: int) -> None:
    with pytest.MonkeyPatch.context() as patch, connect("local", workers=workers) as engine:
        patch.setattr(blocks, "BLOCK_ROWS", 37)
        patch.setattr(dbscan, "BROADCAST_ROWS", broadcast_rows)
        same(*table, engine=engine)


@settings(max_examples=40)
@given(seed=st.integers(0, 2**32 - 1), d=st.integers(1, 6), least=st.integers(-2, 2))
def test_equals_scikit_learn_with_weights(seed: int, d: int, least: int) -> None:
    random = np.random.default_rng(seed)
    X = make_blobs(300, d, centers=4, cluster_std=1.5, random_state=seed)[0]
    weights = random.integers(least, 4, len(X)).astype(float)
    with connect("local", workers=2) as engine:
        same(X, 0.7 * np.sqrt(d), 6, weights, engine)


@pytest.mark.parametrize("way", [broadcast, halo])
def test_both_ways_give_the_same_clusters(way: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    used = []
    original = way.cluster

    def noting(*arguments: Any) -> Any:
        used.append(way)
        return original(*arguments)

    monkeypatch.setattr(way, "cluster", noting)
    # halos of so wide an eps would hold most rows of the other regions
    monkeypatch.setattr(dbscan, "MOST_COPIES", 2.0 if way is halo else 0.0)
    with connect("local", workers=4) as engine:
        same(BLOBS, 0.5, 5, engine=engine)
    assert used == [way]


def test_a_wide_eps_does_not_fill_every_region_with_all_rows(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(halo, "cluster", None)
    with connect("local", workers=4) as engine:
        same(BLOBS, 8.0, 5, engine=engine)


@pytest.mark.parametrize("far", [1e3, 1e9, 1e15])
def test_a_far_outlier_and_far_coordinates(far: float) -> None:
    same(np.concatenate([BLOBS, [[far, -far]]]), 0.5, 5)
    same(np.concatenate([BLOBS[:, :1], [[far]]]), 0.1, 5)
    with connect("local", workers=2) as engine:
        same(np.round(BLOBS * 64) / 64 + min(far, 1e9), 0.51, 5, engine=engine)


def test_rows_exactly_eps_apart_are_neighbours() -> None:
    steps = np.arange(12.0)[:, None]
    assert (same(steps, 1.0, 2).labels_ == 0).all()
    assert (same(steps, 0.999, 2).labels_ == -1).all()
    lattice = np.stack(np.meshgrid(*[np.arange(5.0)] * 3), -1).reshape(-1, 3)
    assert (same(lattice, 1.0, 7).labels_ == 0).sum() == 81  # not the edges, which touch no core row


def test_predict_gives_the_cluster_of_the_nearest_core_row_within_eps() -> None:
    model = DBSCAN(0.8, min_samples=5).fit(BLOBS)
    core = model.core_sample_indices_
    np.testing.assert_array_equal(model.predict(BLOBS[core]), model.labels_[core])
    assert model.predict([[1e6, 1e6]]).tolist() == [-1]
    noise = model.labels_ == -1
    assert noise.any()
    assert (model.predict(BLOBS[noise]) == -1).all()
    assert (DBSCAN(1e-9).fit(BLOBS).predict(BLOBS) == -1).all()


def test_a_path_is_read_by_blocks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(blocks, "BLOCK_ROWS", 50)
    frame = pd.DataFrame(BLOBS, columns=["a", "b"])
    for part, rows in enumerate(np.split(np.arange(400), [0, 130, 400])):  # the first and the last are empty
        frame.iloc[rows].to_parquet(tmp_path / f"{part}.parquet", row_group_size=60, index=False)
    there, here = DBSCAN(0.5).fit(tmp_path), DBSCAN(0.5).fit(BLOBS)
    np.testing.assert_array_equal(there.labels_, here.labels_)
    np.testing.assert_array_equal(there.components_, here.components_)
    np.testing.assert_array_equal(there.predict(tmp_path), here.predict(BLOBS))
    np.testing.assert_array_equal(there.predict(frame), here.predict(BLOBS))


def test_a_path_with_weights_or_a_gap_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "rows.parquet"
    pd.DataFrame({"a": [1.0, None, 2.0]}).to_parquet(path)
    with pytest.raises(ParameterError, match="sample_weight: allowed with an array"):
        DBSCAN().fit(path, sample_weight=[1, 1, 1])
    with pytest.raises(DataError, match="column 'a' has missing or infinite values"):
        DBSCAN().fit(path)


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"eps": 0}, "The 'eps' parameter of DBSCAN must be"),
        ({"eps": -1.0}, "The 'eps' parameter of DBSCAN must be"),
        ({"min_samples": 0}, "The 'min_samples' parameter of DBSCAN must be"),
        ({"engine": "dask"}, "The 'engine' parameter of DBSCAN must be"),
    ],
)
def test_bad_parameters_are_refused(parameters: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        DBSCAN(**parameters).fit(BLOBS)


def test_bad_rows_are_refused() -> None:
    with pytest.raises(ValueError, match="contains NaN"):
        DBSCAN().fit([[0.0], [np.nan]])
    with pytest.raises(ValueError, match="X has 3 features, but DBSCAN is expecting 2"):
        DBSCAN().fit(BLOBS).predict(np.zeros((4, 3)))


SETTINGS = [{"eps": e, "min_samples": m} for e in (0.9, 0.1, 0.4, 2.0, 0.4) for m in (4, 1, 25)]


@pytest.mark.parametrize("d", [1, 2, 3, 6])
@pytest.mark.parametrize("duplicates", [False, True])
def test_settings_that_share_a_scan_have_the_answers_of_fits_alone(d: int, duplicates: bool) -> None:
    X = make_blobs(350, d, centers=6, cluster_std=1.0, random_state=d)[0]
    if duplicates:
        X[::3] = X[0]
    bad: list[dict[str, Any]] = [{"eps": -1.0}, {"min_samples": 0}]
    shared = DBSCAN().fit_shared(X, None, [*SETTINGS, *bad, {"eps": 0.7}])
    for found, setting in zip(shared, [*SETTINGS, *bad, {"eps": 0.7}], strict=True):
        if setting in bad:
            assert isinstance(found, ValueError)
            continue
        assert isinstance(found, DBSCAN)
        alone = DBSCAN(**setting).fit(X)
        assert vars(found).keys() == vars(alone).keys()
        np.testing.assert_array_equal(found.labels_, alone.labels_)
        np.testing.assert_array_equal(found.core_sample_indices_, alone.core_sample_indices_)
        np.testing.assert_array_equal(found.predict(X), alone.predict(X))


def test_settings_for_a_path_are_fitted_each_by_itself(tmp_path: Path) -> None:
    pd.DataFrame(BLOBS, columns=["a", "b"]).to_parquet(tmp_path / "rows.parquet")
    for found, eps in zip(
        DBSCAN().fit_shared(str(tmp_path), None, [{"eps": 0.3}, {"eps": 0.9}]), (0.3, 0.9), strict=True
    ):
        assert isinstance(found, DBSCAN)
        np.testing.assert_array_equal(found.labels_, DBSCAN(eps).fit(BLOBS).labels_)
