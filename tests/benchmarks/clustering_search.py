"""Benchmark of searches that compute once what their candidates share, against separate fits."""

from typing import Any

import numpy as np
import sklearn.cluster
from sklearn.datasets import make_blobs

from tasks.clustering import DBSCAN, AgglomerativeClustering
from tests.benchmarks.timing import in_turn, row

EPS = np.linspace(0.1, 0.6, 10).tolist()
LEAST = [3, 5, 10, 20, 40]
CLUSTERS = range(2, 32)


def rows() -> list[dict[str, object]]:
    """Measure a DBSCAN grid of 50 settings, and 30 cuts of one dendrogram."""
    return [*_dbscan(), _agglomerative()]


def _dbscan() -> list[dict[str, object]]:
    X = make_blobs(50_000, n_features=3, centers=50, cluster_std=0.4, random_state=0)[0]
    settings = [{"eps": eps, "min_samples": least} for eps in EPS for least in LEAST]
    found: dict[str, list[Any]] = {}

    def shared() -> None:
        found["shared"] = DBSCAN().fit_shared(X, None, settings)

    def alone() -> None:
        found["alone"] = [DBSCAN(**setting).fit(X) for setting in settings]

    def library() -> None:
        found["library"] = [sklearn.cluster.DBSCAN(**setting).fit(X) for setting in settings]

    shared()
    DBSCAN().fit(X)
    beside_alone = in_turn(shared, alone, 3)
    beside_library = in_turn(shared, library, 1)
    for models in zip(*(found[name] for name in ("shared", "alone", "library")), strict=True):
        for other in models[1:]:
            np.testing.assert_array_equal(models[0].labels_, other.labels_)
    what = "DBSCAN grid, 10 eps x 5 min_samples, 50,000 x 3, one thread, beside 50 fits"
    return [
        row(f"{what} of ours alone", *beside_alone, "at most 0.125"),
        row(f"{what} of scikit-learn's alone", *beside_library, "at most 0.125"),
    ]


def _agglomerative() -> dict[str, object]:
    X = np.random.default_rng(0).random((5_000, 10))
    model = AgglomerativeClustering()
    settings = [{"n_clusters": k} for k in CLUSTERS]
    model.fit(X)
    times = in_turn(lambda: model.fit_shared(X, None, settings), lambda: model.fit(X), 5)
    return row("Ward search, 30 values of n_clusters, 5,000 x 10, beside one fit", *times, "at most 1.2")
