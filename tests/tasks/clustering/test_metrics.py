"""Cluster quality against scikit-learn's: any labels, noise, many labelings at once, every engine."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial.distance import cdist
from sklearn.metrics import (
    calinski_harabasz_score,
    davies_bouldin_score,
    silhouette_score,
)
from sklearn.metrics import silhouette_samples as silhouettes_of_scikit_learn

from infra.engines import Engine, ParquetSource, blocks
from infra.errors import DataError, ParameterError
from tasks.clustering import labelings as labelings_module
from tasks.clustering import metrics
from tasks.clustering.metrics import METRICS, cluster_metrics, silhouette_samples
from tests.infra.engines.starting import started

RNG = np.random.default_rng(0)
ROWS = RNG.normal(size=(700, 5)) + RNG.integers(0, 3, (700, 1)) * 2.0
LABELINGS = [RNG.integers(0, k, 700) for k in (2, 3, 9, 40)]
CLOSE = {"rtol": 1e-10, "atol": 1e-12}


def by_scikit_learn(X: Any, labels: Any) -> dict[str, float]:
    # from exact distances: scikit-learn's own expand the square, and find duplicates a little apart
    return {
        "silhouette": float(silhouette_score(cdist(X, X), labels, metric="precomputed")),
        "davies_bouldin": float(davies_bouldin_score(X, labels)),
        "calinski_harabasz": float(calinski_harabasz_score(X, labels)),
    }


def close(ours: dict[str, float], theirs: dict[str, float], X: Any) -> None:
    assert list(ours) == list(METRICS)
    for name in ("silhouette", "calinski_harabasz"):
        np.testing.assert_allclose(ours[name], theirs[name], **CLOSE, err_msg=name)
    # for the same reason it finds a lone row some 1e-8 from its centre, and equal centres apart
    if len(np.unique(X, axis=0)) == len(X):
        np.testing.assert_allclose(ours["davies_bouldin"], theirs["davies_bouldin"], rtol=1e-6)


@st.composite
def clusterings(draw: st.DrawFn) -> tuple[Any, Any]:
    """Rows and labels: every size about that of a tile or a panel, duplicates, clusters of one row."""
    n = draw(st.sampled_from([3, 4, 31, 32, 33, 127, 128, 129, 200, 260]))
    rng = np.random.default_rng(draw(st.integers(0, 2**31)))
    X = rng.normal(size=(n, draw(st.integers(1, 7)))) * 10.0 ** draw(st.integers(-3, 3))
    if draw(st.booleans()):
        X = X[rng.integers(0, max(2, n // 2), n)]
    labels = rng.integers(0, draw(st.integers(2, n - 1)), n) * draw(st.sampled_from([1, 7])) + 3
    labels[:3] = [5, 5, 99]
    return X, labels


@given(clusterings())
@settings(max_examples=60)
def test_equals_scikit_learn(case: tuple[Any, Any]) -> None:
    X, labels = case
    close(cluster_metrics(X, [labels])[0], by_scikit_learn(X, labels), X)
    samples = silhouettes_of_scikit_learn(cdist(X, X), labels, metric="precomputed")
    np.testing.assert_allclose(silhouette_samples(X, labels), samples, **CLOSE)


@given(clusterings(), st.floats(0, 1))
@settings(max_examples=40)
def test_noise_belongs_to_no_cluster(case: tuple[Any, Any], share: float) -> None:
    X, labels = case
    noise = np.random.default_rng(0).random(len(X)) < share
    noise[:3] = False
    kept = labels[~noise]
    if len(np.unique(kept)) == len(kept):
        return
    labels = np.where(noise, -1, labels)
    expected = by_scikit_learn(X[~noise], kept)
    expected["silhouette"] *= len(kept) / len(X)
    close(cluster_metrics(X, [labels])[0], expected, X)
    samples = silhouette_samples(X, labels)
    assert not samples[noise].any()
    assert samples.mean() == cluster_metrics(X, [labels])[0]["silhouette"]


@pytest.mark.parametrize("labels", LABELINGS[:3], ids=lambda labels: f"k={labels.max() + 1}")
def test_equals_scikit_learn_to_rounding_where_no_row_is_a_centre(labels: Any) -> None:
    ours, theirs = cluster_metrics(ROWS, [labels])[0], by_scikit_learn(ROWS, labels)
    np.testing.assert_allclose(list(ours.values()), list(theirs.values()), rtol=1e-11)


def test_many_labelings_are_each_alone_to_the_last_bit() -> None:
    noisy = [np.where(ROWS[:, 0] > cut, -1, LABELINGS[1]) for cut in (1.0, 4.0)]
    together = cluster_metrics(ROWS, [*LABELINGS, *noisy])
    assert together == [cluster_metrics(ROWS, [labels])[0] for labels in [*LABELINGS, *noisy]]


def test_equal_clusterings_are_scored_once_whatever_their_labels() -> None:
    names = np.array([30, 10, 20])
    distinct, which = labelings_module.encode([LABELINGS[1], LABELINGS[0], names[LABELINGS[1]]], len(ROWS))
    assert len(distinct) == 2
    assert which[0] == which[2] != which[1]
    found = cluster_metrics(ROWS, [LABELINGS[1], names[LABELINGS[1]]])
    assert found[0] == found[1]


def test_only_the_scores_asked_for_are_computed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(metrics, "silhouettes", None)
    assert list(cluster_metrics(ROWS, LABELINGS, metrics=["davies_bouldin"])[0]) == ["davies_bouldin"]
    assert cluster_metrics(ROWS, []) == []


def test_single_precision_is_summed_in_double() -> None:
    X = ROWS.astype(np.float32)
    single, double = (cluster_metrics(rows, LABELINGS[:1]) for rows in (X, X.astype(np.float64)))
    assert single[0]["silhouette"] == double[0]["silhouette"]
    X = X.astype(np.float64)
    close(cluster_metrics(X.astype(np.float32), LABELINGS)[1], by_scikit_learn(X, LABELINGS[1]), X)


def test_duplicates_have_the_scores_that_scikit_learn_gives_them() -> None:
    same, apart = np.zeros((6, 2)), np.repeat([[0.0, 0], [3, 4]], 3, axis=0)
    labels = np.repeat([0, 1], 3)
    assert cluster_metrics(same, [labels])[0] == by_scikit_learn(same, labels)
    assert cluster_metrics(apart, [labels])[0] == by_scikit_learn(apart, labels)


@pytest.mark.parametrize(
    ("labels", "message"),
    [
        ([4] * 6, "1 clusters of 6 rows have no silhouette score"),
        (range(6), "6 clusters of 6 rows have no silhouette score"),
        ([-1] * 6, "0 clusters of 6 rows, 6 of them noise, have no silhouette score"),
        ([0, 1, 2, -1, -1, -1], "3 clusters of 6 rows, 3 of them noise, have no silhouette score"),
        ([0, 0, 1], r"labels: shape \(3,\), must be one for each row, \(6,\)"),
    ],
)
def test_labels_without_a_score_are_refused(labels: Any, message: str) -> None:
    for score in (cluster_metrics, silhouette_samples):
        with pytest.raises(ParameterError, match=message):
            score(ROWS[:6], [labels] if score is cluster_metrics else labels)


@pytest.fixture(scope="module", params=[("local", 1), ("local", 2), ("dask", 2)], ids=str)
def engine(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Engine]:
    name, workers = request.param
    with started(name, workers, tmp_path_factory.mktemp("home")) as engine:
        yield engine


@pytest.mark.parametrize("form", ["array", "path", "source"])
def test_scores_are_the_same_to_the_last_bit_on_every_engine(
    engine: Engine, form: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(blocks, "BLOCK_ROWS", 90)
    monkeypatch.setattr(metrics, "LOCAL_OPERATIONS", 0)
    pd.DataFrame(ROWS, columns=list("abcde")).to_parquet(tmp_path / "rows.parquet", row_group_size=200)
    path = tmp_path / "rows.parquet"
    X = {"array": ROWS, "path": str(path), "source": ParquetSource(path, block_rows=90)}[form]
    noisy = [*LABELINGS, np.where(ROWS[:, 1] > 2, -1, LABELINGS[2])]
    assert cluster_metrics(X, noisy, engine) == cluster_metrics(ROWS, noisy)
    there, here = silhouette_samples(X, noisy[-1], engine), silhouette_samples(ROWS, noisy[-1])
    assert there.tobytes() == here.tobytes()


def test_rows_at_a_path_must_be_finite(tmp_path: Path) -> None:
    frame = pd.DataFrame(ROWS, columns=list("abcde"))
    frame.loc[3, "b"] = np.nan
    frame.to_parquet(tmp_path / "rows.parquet")
    with pytest.raises(DataError, match="column 'b' has missing or infinite values"):
        cluster_metrics(tmp_path / "rows.parquet", LABELINGS[:1])
