"""Benchmark of agglomerative clustering on Dask against fastcluster, scikit-learn and SciPy."""

import time
from typing import Any

import fastcluster  # type: ignore[import-not-found]
import numpy as np
import scipy.cluster.hierarchy
import sklearn.cluster
from sklearn.datasets import make_blobs

from infra.engines import connect
from infra.monitoring import Monitor
from tasks.clustering import AgglomerativeClustering
from tests.benchmarks.timing import in_turn, row

ROUNDS = 3
LARGE_MEMORY_AIM = 4.0  # GiB, all processes


def rows() -> list[dict[str, object]]:
    """Do all comparisons in one run, with compiled kernels and a running cluster of two workers of one thread."""
    with connect("dask", workers=2) as engine:
        for linkage in ("ward", "single", "complete", "average"):
            AgglomerativeClustering(linkage=linkage, engine=engine).fit(uniform(1500))
        return [
            *(comparison for name in DATA for comparison in _ward(engine, name)),
            *(_other(engine, linkage) for linkage in ("single", "complete", "average")),
            *(_large(engine, name) for name in DATA),
        ]


def blobs(n: int) -> Any:
    return make_blobs(n, n_features=10, centers=50, random_state=0)[0]


def uniform(n: int) -> Any:
    return np.random.default_rng(0).random((n, 10))


DATA = {"blobs": blobs, "uniform": uniform}


class _Ways:
    """The same clustering by trilla and by a peer; the last result of each is kept."""

    def __init__(self, engine: Any, linkage: str, X: Any, peer: Any) -> None:
        self._model = AgglomerativeClustering(linkage=linkage, engine=engine)
        self._X, self._peer = X, peer
        self.theirs: Any = None

    def ours(self) -> None:
        self._model.fit(self._X)

    def peer(self) -> None:
        self.theirs = self._peer(self._X)

    def same_distances(self, distances: Any) -> None:
        np.testing.assert_allclose(self._model.distances_, distances, rtol=1e-6)

    def same_tree(self, model: Any) -> None:
        np.testing.assert_array_equal(self._model.children_, model.children_)
        np.testing.assert_array_equal(self._model.labels_, model.labels_)
        if hasattr(model, "distances_"):
            self.same_distances(model.distances_)


def _sklearn(linkage: str) -> Any:
    return sklearn.cluster.AgglomerativeClustering(linkage=linkage, compute_distances=True).fit


def _ward(engine: Any, name: str) -> list[dict[str, object]]:
    X = DATA[name](20_000)
    fast = _Ways(engine, "ward", X, lambda X: fastcluster.linkage_vector(X, "ward"))
    against_fast = in_turn(fast.ours, fast.peer, ROUNDS)
    fast.same_distances(fast.theirs[:, 2])
    library = _Ways(engine, "ward", X, _sklearn("ward"))
    against_library = in_turn(library.ours, library.peer, 1)
    library.same_tree(library.theirs)
    what = f"Ward, 20,000 x 10 {name}, beside"
    return [
        row(f"{what} fastcluster's linkage_vector", *against_fast, aim="at most 0.33"),
        row(f"{what} scikit-learn", *against_library, aim="at most 0.067"),
    ]


def _other(engine: Any, linkage: str) -> dict[str, object]:
    ways = _Ways(engine, linkage, uniform(10_000), _sklearn(linkage))
    times = in_turn(ways.ours, ways.peer, ROUNDS)
    ways.same_tree(ways.theirs)
    scipys = scipy.cluster.hierarchy.linkage(uniform(1500), linkage)
    ours = AgglomerativeClustering(linkage=linkage, engine=engine).fit(uniform(1500))
    np.testing.assert_allclose(ours.distances_, scipys[:, 2], rtol=1e-6)
    return row(f"{linkage} linkage, 10,000 x 10 uniform, beside scikit-learn", *times, aim="at most 1")


def _large(engine: Any, name: str) -> dict[str, object]:
    X = DATA[name](200_000)
    with Monitor(engine.worker_pids) as monitor:
        start = time.perf_counter()
        AgglomerativeClustering(engine=engine).fit(X)
        seconds = time.perf_counter() - start
    memory = monitor.usage.peak_rss / 2**30
    return {
        "what": f"Ward, 200,000 x 10 {name}: time, and memory of all processes",
        "ours": f"{seconds:.1f} s, {memory:.2f} GiB",
        "peer": "",
        "ratio": f"{memory / LARGE_MEMORY_AIM:.2f} of the aim",
        "aim": f"less than {LARGE_MEMORY_AIM:.0f} GiB",
        "ours_s": [seconds],
        "peer_s": [],
    }
