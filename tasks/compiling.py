"""Compile the kernels of the clusterings before anything is measured.

Numba compiles a kernel at its first call and keeps the machine code in files, which all processes of the machine
use. Without this step the first cells of a study would include half a minute of compilation in their times.
"""

from concurrent.futures import ProcessPoolExecutor
from functools import cache

import numpy as np
from sklearn.base import BaseEstimator, clone

from infra.engines.local import LocalEngine
from tasks.clustering import DBSCAN, AgglomerativeClustering, KMeans
from tasks.clustering.metrics import METRICS, cluster_metrics
from tasks.clustering.silhouette_means import EXACT_ROWS
from tasks.search import GridSearch

ROWS = 1_000  # enough rows for every worker
COLUMNS = (3, 4)  # DBSCAN uses a grid for up to three columns, boxes for more
SEARCHED: tuple[tuple[BaseEstimator, dict[str, list[object]]], ...] = (
    (KMeans(random_state=0), {"n_clusters": [2, 3], "init": ["k-means++", "random"], "n_init": [1, 2]}),
    (DBSCAN(), {"eps": [0.5, 1.0], "min_samples": [3, 4]}),
    (
        AgglomerativeClustering(),
        {"n_clusters": [2, 3], "linkage": ["ward", "complete", "average", "single"]},
    ),
)


@cache
def compile_kernels() -> None:
    """Call every kernel that the clusterings of a study use, with arguments of the same types."""
    for searched in SEARCHED:
        _call(*searched)
    _estimate()


def _call(model: BaseEstimator, space: dict[str, list[object]]) -> None:
    with LocalEngine(2) as engine:
        for columns in COLUMNS:
            X = np.random.default_rng(0).normal(size=(ROWS, columns))
            clone(model).set_params(engine=engine).fit(X).predict(X)
            GridSearch(model, space, scoring=list(METRICS)).fit(X)


def _estimate() -> None:
    rows = np.arange(EXACT_ROWS + 1, dtype=np.float64)[:, None]
    cluster_metrics(rows, [rows[:, 0] > EXACT_ROWS / 2], metrics=["silhouette"])


if __name__ == "__main__":  # at installation, on all cores
    with ProcessPoolExecutor() as pool:
        estimate = pool.submit(_estimate)
        list(pool.map(_call, *zip(*SEARCHED, strict=True)))
        estimate.result()
