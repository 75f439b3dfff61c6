"""Benchmark of DBSCAN: 200,000 x 3 against scikit-learn and the package dbscan; memory for 10,000,000 x 3."""

import time
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import sklearn.cluster
from sklearn.datasets import make_blobs

from infra.engines import connect
from infra.monitoring import Monitor
from tasks.clustering import DBSCAN
from tests.benchmarks.timing import in_turn, row

EPS, LEAST = 0.3, 10
LARGE_EPS = 0.05
WORKERS = 2
MEMORY_AIM = 12.0  # GiB, all processes


def data(n: int) -> Any:
    """Rows in fifty clusters, some of which overlap."""
    return make_blobs(n, n_features=3, centers=50, cluster_std=0.4, random_state=0)[0]


def rows() -> list[dict[str, object]]:
    """Compare with the peers, then fit the large table on one, two and four workers."""
    return [*_beside_peers(data(200_000)), *_large()]


def _beside_peers(X: Any) -> list[dict[str, object]]:
    from dbscan import DBSCAN as parallel_dbscan  # type: ignore[import-not-found] # noqa: N811

    library = sklearn.cluster.DBSCAN(eps=EPS, min_samples=LEAST, n_jobs=WORKERS)
    found = []
    for name in ("local", "dask"):
        with connect(name, workers=WORKERS) as engine:
            ours = DBSCAN(EPS, min_samples=LEAST, engine=engine)
            for _ in range(2):
                ours.fit(X)
            what = f"DBSCAN, {len(X):,} x 3: {name}, {WORKERS} workers, beside"
            beside_library = in_turn(lambda: ours.fit(X), lambda: library.fit(X), 3)  # noqa: B023
            np.testing.assert_array_equal(ours.labels_, library.labels_)
            beside_package = in_turn(lambda: ours.fit(X), lambda: parallel_dbscan(X, EPS, LEAST), 7)  # noqa: B023
            found += [
                row(f"{what} scikit-learn with 2 jobs", *beside_library, "at most 0.2"),
                row(f"{what} the package dbscan", *beside_package, "at most 1"),
            ]
    return found


def _large() -> list[dict[str, object]]:
    import pyarrow as pa
    import pyarrow.parquet as pq

    found = []
    with TemporaryDirectory() as folder:
        X = data(10_000_000)
        columns = {f"x{j}": X[:, j] for j in range(3)}
        pq.write_table(pa.table(columns), Path(folder) / "rows.parquet", row_group_size=131_072)
        del X, columns
        for workers in (1, 2, 4):
            found.append(_fit_large(folder, workers))
    return found


def _fit_large(path: str, workers: int) -> dict[str, object]:
    with connect("dask", workers=workers) as engine, Monitor(watch=engine.worker_pids) as monitor:
        start = time.perf_counter()
        model = DBSCAN(LARGE_EPS, min_samples=LEAST, engine=engine).fit(path)
        seconds = time.perf_counter() - start
    total = monitor.usage.peak_rss / 2**30
    each = max(worker.peak_rss for worker in monitor.usage.workers.values()) / 2**30
    print(f"  {workers} workers: {seconds:.1f} s, {total:.2f} GiB, {model.labels_.max() + 1} clusters")
    return {
        "what": f"DBSCAN, 10,000,000 x 3 from Parquet: Dask, {workers} workers: time, memory of all processes",
        "ours": f"{seconds:.1f} s, {total:.2f} GiB",
        "peer": "",
        "ratio": f"{total / MEMORY_AIM:.2f} of the aim; a worker at most {each:.2f} GiB",
        "aim": f"less than {MEMORY_AIM:.0f} GiB",
        "ours_s": [seconds],
        "peer_s": [],
    }
