"""Searches of clusterings in batches: one pass scores many clusterings, and a failure stays its candidate's own."""

import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import sklearn.cluster
from sklearn.datasets import make_blobs
from sklearn.metrics import calinski_harabasz_score, silhouette_score
from sklearn.model_selection import ParameterGrid

from infra.engines import Engine, connect
from infra.errors import EngineError
from infra.ledger import Ledger
from tasks.clustering import DBSCAN, KMeans
from tasks.search import GridSearch, scorers

BLOBS = make_blobs(200, n_features=3, centers=5, cluster_std=1.5, random_state=1)[0]
MODEL = KMeans(random_state=0)


@pytest.fixture
def passes(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Number of labelings of each call of `cluster_metrics`."""
    seen: list[int] = []
    original = scorers.cluster_metrics

    def recording(X: Any, labelings: Any, **options: Any) -> Any:
        seen.append(len(labelings))
        return original(X, labelings, **options)

    monkeypatch.setattr(scorers, "cluster_metrics", recording)
    return seen


@pytest.mark.parametrize("workers", [1, 2])
def test_one_pass_a_worker_scores_all_clusterings(workers: int, passes: list[int]) -> None:
    space = {"n_clusters": [2, 3, 4, 5, 6, 7], "n_init": [1, 3]}
    with connect("local", workers=workers) as engine:
        search = GridSearch(MODEL, space, engine=engine).fit(BLOBS)
    assert passes == [12 // workers] * workers
    assert search.n_fits_ == 6  # one computation serves both values of n_init
    expected = [
        silhouette_score(BLOBS, sklearn.cluster.KMeans(random_state=0, **candidate).fit(BLOBS).labels_)
        for candidate in ParameterGrid(space)
    ]
    np.testing.assert_allclose(search.cv_results_["mean_test_score"], expected, rtol=1e-12)
    assert search.cv_results_["params"] == list(ParameterGrid(space))


def test_a_function_scores_clusterings_one_by_one(passes: list[int]) -> None:
    def score(model: Any, X: Any, _y: Any) -> float:
        return float(calinski_harabasz_score(X, model.labels_))

    space = {"n_clusters": [1, 2, 3, 4]}
    by_function = GridSearch(MODEL, space, scoring=score).fit(BLOBS)
    assert passes == []
    by_name = GridSearch(MODEL, space, scoring="calinski_harabasz").fit(BLOBS)
    names = ["mean_test_score", "rank_test_score"]
    for name in names:
        np.testing.assert_allclose(by_function.cv_results_[name], by_name.cv_results_[name], rtol=1e-12)
    assert [error is None for error in by_function.cv_results_["error"]] == [False, True, True, True]


def test_candidates_that_fail_do_not_change_the_others_of_their_batch(passes: list[int]) -> None:
    space = {"n_clusters": [3, 1, 0, 201, 4], "n_init": [2, 0, 1]}
    search = GridSearch(MODEL, space).fit(BLOBS)
    assert passes == [4]
    causes = [
        "silhouette score",
        "'n_clusters' parameter",
        "n_clusters=201: allowed are at most as many as rows",
    ]
    for params, error in zip(search.cv_results_["params"], search.cv_results_["error"], strict=True):
        k, runs = params["n_clusters"], params["n_init"]
        if k in (3, 4) and runs:
            assert error is None
            continue
        allowed = [cause for cause, when in zip(causes, (1, 0, 201), strict=True) if k == when]
        assert re.search("|".join(allowed or ["'n_init' parameter"]) if runs else "parameter", error)
    alone = GridSearch(MODEL, {"n_clusters": [3, 4], "n_init": [2, 1]}).fit(BLOBS)
    scores = search.cv_results_["mean_test_score"]
    assert scores[~np.isnan(scores)].tolist() == alone.cv_results_["mean_test_score"].tolist()


def test_noise_rows_do_not_raise_the_score_of_a_clustering(passes: list[int]) -> None:
    space = {"eps": [0.001, 0.6, 1.0, 1.4], "min_samples": [4, 8]}
    search = GridSearch(DBSCAN(), space).fit(BLOBS)
    scores, errors = search.cv_results_["mean_test_score"], search.cv_results_["error"]
    for candidate, score, error in zip(ParameterGrid(space), scores, errors, strict=True):
        labels = sklearn.cluster.DBSCAN(**candidate).fit(BLOBS).labels_
        kept = labels != -1
        clusters = len(set(labels[kept]))
        if clusters < 2:
            noise = f", {(~kept).sum()} of them noise," if not kept.all() else ""
            assert f"{clusters} clusters of 200 rows{noise} have no silhouette score" in error
        else:
            of_clustered = silhouette_score(BLOBS[kept], labels[kept])
            assert score == pytest.approx(of_clustered * kept.mean(), rel=1e-10)
    assert passes == [np.isfinite(scores).sum()]
    assert 1 < passes[0] < len(scores)


class Deadly(Engine):
    """An engine whose worker dies over every item that has a clustering with five clusters."""

    name, workers = "local", 1
    partition = map = reduce = run_group = shuffle = None  # type: ignore[assignment]

    def run(self, function: Any, items: Any, shared: Any = None) -> Any:
        for i, item in enumerate(items):
            dies = any(fit.params["n_clusters"] == 5 for fit in item)
            yield i, EngineError("its worker died") if dies else function(item, shared)


def test_a_batch_that_is_lost_with_its_worker_is_tried_again_fit_by_fit(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path / "ledger.sqlite")
    seen: list[tuple[int, int]] = []
    space = {"n_clusters": [2, 3, 4, 5, 6]}
    search = GridSearch(
        MODEL,
        space,
        engine=Deadly(),
        ledger=ledger,
        progress=lambda done, total, _: seen.append((done, total)),
    )
    search.fit(BLOBS)
    assert search.cv_results_["error"] == [None, None, None, "its worker died", None]
    assert ledger.count() == 4
    assert seen == [(done, 5) for done in range(6)]
    search.set_params(engine=None).fit(BLOBS)
    assert (search.n_fits_, search.n_kept_) == (1, 4)
    assert search.cv_results_["error"] == [None] * 5


def test_an_interrupted_search_keeps_its_finished_batches(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path / "ledger.sqlite")
    space = {"n_clusters": list(range(2, 42))}

    def interrupt(done: int, _total: int, _best: float | None) -> None:
        if done:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        GridSearch(MODEL, space, ledger=ledger, progress=interrupt).fit(BLOBS)
    assert ledger.count() == 20
    resumed = GridSearch(MODEL, space, ledger=ledger).fit(BLOBS)
    assert (resumed.n_kept_, resumed.n_fits_) == (20, 20)
    plain = GridSearch(MODEL, space).fit(BLOBS)
    scores = [search.cv_results_["mean_test_score"].tolist() for search in (resumed, plain)]
    assert scores[0] == scores[1]
