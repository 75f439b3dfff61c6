"""Estimated silhouettes: without bias, with an error that covers the truth, the same on every engine."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import silhouette_samples as silhouettes_of_scikit_learn

from infra.engines import blocks
from tasks.clustering import metrics, silhouette_means
from tasks.clustering.metrics import cluster_metrics, silhouette_samples
from tests.infra.engines.starting import started

RNG = np.random.default_rng(3)
GROUPS = RNG.integers(0, 4, 1_500)
ROWS = RNG.normal(size=(1_500, 3)) + 2.5 * RNG.normal(size=(4, 3))[GROUPS]
NOISY = np.where(RNG.random(1_500) < 0.1, -1, GROUPS)
LABELINGS = [GROUPS, NOISY, (ROWS[:, 0] > 0).astype(int)]
SEEDS = 300


@pytest.fixture(autouse=True)
def small_samples(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(silhouette_means, "EXACT_ROWS", 1_000)
    monkeypatch.setattr(silhouette_means, "SAMPLED_ROWS", 150)
    monkeypatch.setattr(metrics, "SAMPLED_ROWS", 150)


@pytest.mark.parametrize("compared", [2**17, 120])
def test_the_mean_of_many_estimates_is_the_exact_silhouette_and_their_errors_cover_it(
    compared: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(silhouette_means, "COMPARED_ROWS", compared)
    exact = np.array([silhouette_samples(ROWS, labels).mean() for labels in LABELINGS])
    found, errors = np.empty((2, SEEDS, len(LABELINGS)))
    for seed in range(SEEDS):
        monkeypatch.setattr(silhouette_means, "SEED", seed)
        for i, scores in enumerate(cluster_metrics(ROWS, LABELINGS, metrics=["silhouette"])):
            found[seed, i], errors[seed, i] = scores["silhouette"], scores["silhouette_error"]
    spread = found.std(axis=0, ddof=1)
    assert (abs(found.mean(axis=0) - exact) < 3 * spread / np.sqrt(SEEDS)).all()
    # the error does not know that distances to 120 rows stand for those to a cluster
    np.testing.assert_allclose(
        np.sqrt((errors**2).mean(axis=0)), spread, rtol=0.15 if compared > 120 else 0.3
    )
    covered = (abs(found - exact) <= 1.96 * errors).mean(axis=0)
    assert (covered > (0.91 if compared > 120 else 0.8)).all()
    assert (covered < 0.98).all()


def test_a_sampled_row_has_the_silhouette_that_scikit_learn_gives_it() -> None:
    sampled = silhouette_means.sampled_rows(len(ROWS))
    [found] = cluster_metrics(ROWS, [GROUPS], metrics=["silhouette"])
    theirs = silhouettes_of_scikit_learn(ROWS, GROUPS)[sampled]
    assert found["silhouette"] == pytest.approx(theirs.mean(), rel=1e-9)
    error = theirs.std(ddof=1) * np.sqrt((1 - 150 / 1_500) / 150)
    assert found["silhouette_error"] == pytest.approx(error, rel=1e-9)
    assert found["silhouette_rows"] == 150


def test_the_limit_is_twenty_thousand_rows_and_other_scores_stay_exact(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    estimated = cluster_metrics(ROWS, LABELINGS)
    monkeypatch.undo()
    assert not silhouette_means.is_estimated(20_000)
    assert silhouette_means.is_estimated(20_001)
    exact = cluster_metrics(ROWS, LABELINGS)
    assert all("silhouette_error" not in scores for scores in exact)
    for name in ("davies_bouldin", "calinski_harabasz"):
        assert [scores[name] for scores in estimated] == [scores[name] for scores in exact]


@pytest.mark.parametrize("compared", [2**17, 120])
def test_labelings_are_estimated_from_the_same_rows_alone_or_together(
    compared: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(silhouette_means, "COMPARED_ROWS", compared)
    together = cluster_metrics(ROWS, LABELINGS)
    assert together == [cluster_metrics(ROWS, [labels])[0] for labels in LABELINGS]


def test_many_clusters_are_estimated_in_parts_with_the_same_result(monkeypatch: pytest.MonkeyPatch) -> None:
    whole = cluster_metrics(ROWS, LABELINGS)
    for most in (1, 128 * 8):
        monkeypatch.setattr(silhouette_means, "MOST_SUMS", most)
        assert cluster_metrics(ROWS, LABELINGS) == whole


@pytest.mark.parametrize(("name", "workers"), [("local", 1), ("local", 3), ("dask", 2)])
def test_estimates_are_the_same_to_the_last_bit_on_every_engine(
    name: Any, workers: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(blocks, "BLOCK_ROWS", 170)
    monkeypatch.setattr(metrics, "LOCAL_OPERATIONS", 0)
    monkeypatch.setattr(silhouette_means, "COMPARED_ROWS", 250)  # fewer than some clusters have
    path = tmp_path / "rows.parquet"
    pd.DataFrame(ROWS, columns=list("abc")).to_parquet(path)
    expected = cluster_metrics(ROWS, LABELINGS)
    with started(name, workers, tmp_path / "home") as engine:
        for X in (path, ROWS):
            assert cluster_metrics(X, LABELINGS, engine) == expected
