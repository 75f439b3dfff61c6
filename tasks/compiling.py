"""Machine code of the clustering kernels, made before anything is measured.

numba compiles a kernel when it is first called, and keeps what it made in files: one process pays, for all of
the same machine. Half a minute of that would else stand in the times of whichever cells came first.
"""

from concurrent.futures import ProcessPoolExecutor
from functools import cache

import numpy as np
from sklearn.base import BaseEstimator, clone

from infra.engines.local import LocalEngine
from tasks.clustering import DBSCAN, AgglomerativeClustering, KMeans
from tasks.clustering.metrics import METRICS
from tasks.search import GridSearch

ROWS = 1_000  # few are not shared out to workers
COLUMNS = (3, 4)  # in up to three dimensions DBSCAN has a grid of cells
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
    """Call every kernel that clusterings of a study use, with arguments of the types that they get there."""
    for searched in SEARCHED:
        _call(*searched)


def _call(model: BaseEstimator, space: dict[str, list[object]]) -> None:
    with LocalEngine(2) as engine:
        for columns in COLUMNS:
            X = np.random.default_rng(0).normal(size=(ROWS, columns))
            clone(model).set_params(engine=engine).fit(X).predict(X)
            GridSearch(model, space, scoring=list(METRICS)).fit(X)


if __name__ == "__main__":  # the install, on all cores
    with ProcessPoolExecutor() as pool:
        list(pool.map(_call, *zip(*SEARCHED, strict=True)))
