"""Benchmark of K-means, 2,000,000 x 16 float32, k=20, 20 rounds, against scikit-learn, dask-ml and MLlib."""

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import sklearn.cluster
from sklearn.metrics import pairwise_distances_argmin_min

from infra.engines import connect
from tasks.clustering import KMeans
from tests.benchmarks.timing import in_turn, row

ROWS, COLUMNS, CLUSTERS, ITERATIONS = 2_000_000, 16, 20, 20
WHAT = f"K-means, {ROWS:,} x {COLUMNS}, k={CLUSTERS}, {ITERATIONS} rounds"
WORKERS = 2


def data() -> tuple[Any, Any]:
    """Overlapping clouds around 20 centres, and 20 of the rows as first centres."""
    random = np.random.default_rng(0)
    middles = 2 * random.normal(size=(CLUSTERS, COLUMNS))
    X = random.normal(size=(ROWS, COLUMNS)) + middles[random.integers(0, CLUSTERS, ROWS)]
    X = X.astype(np.float32)
    return X, X[random.choice(ROWS, CLUSTERS, replace=False)]


def rows() -> list[dict[str, object]]:
    """Compare each engine with the library that is made for it."""
    X, centers = data()
    arguments: dict[str, Any] = {"init": centers, "n_init": 1, "max_iter": ITERATIONS, "tol": 0}
    library = sklearn.cluster.KMeans(CLUSTERS, **arguments)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return [*_on_dask(X, arguments, library), *_on_spark(X, arguments)]


def _on_dask(X: Any, arguments: dict[str, Any], library: Any) -> list[dict[str, object]]:
    with connect("local", workers=WORKERS) as engine:
        ours = KMeans(CLUSTERS, engine=engine, **arguments)
        ours.fit(X)
        local = in_turn(lambda: ours.fit(X), lambda: library.fit(X), 5)
        same(X, ours, library.cluster_centers_)
    with connect("dask", workers=WORKERS) as engine:
        ours = KMeans(CLUSTERS, engine=engine, **arguments)
        ours.fit(X)
        beside_library = in_turn(lambda: ours.fit(X), lambda: library.fit(X), 5)
        same(X, ours, library.cluster_centers_)
        theirs, fit = _dask_ml(X, arguments, engine)
        beside_dask_ml = in_turn(lambda: ours.fit(X), fit, 2)
        same(X, ours, theirs.cluster_centers_)
    return [
        row(f"{WHAT}: 2 threads, beside scikit-learn's lloyd on 2 threads", *local, aim="at most 0.67"),
        row(
            f"{WHAT}: Dask, 2 workers, beside scikit-learn's lloyd on 2 threads",
            *beside_library,
            "at most 0.67",
        ),
        row(f"{WHAT}: Dask, beside dask-ml on the same workers", *beside_dask_ml, "at most 0.067"),
    ]


def _dask_ml(X: Any, arguments: dict[str, Any], engine: Any) -> tuple[Any, Any]:
    import dask.array
    from dask_ml.cluster import KMeans as DaskMLKMeans  # type: ignore[import-not-found]

    # tol of dask-ml is absolute: with 0 it stops when no centre moves
    model = DaskMLKMeans(CLUSTERS, init=arguments["init"], max_iter=ITERATIONS, tol=0)

    def fit() -> None:
        with engine.client.as_current():
            model.fit(dask.array.from_array(X, chunks=(ROWS // (2 * WORKERS), COLUMNS)))

    return model, fit


def _on_spark(X: Any, arguments: dict[str, Any]) -> list[dict[str, object]]:
    with connect("spark", workers=WORKERS) as engine, _table(X) as path:
        ours = KMeans(CLUSTERS, engine=engine, **arguments)
        ours.fit(path)
        fit = _mllib(engine.session, path, arguments)  # type: ignore[attr-defined]
        fit()
        times = in_turn(lambda: ours.fit(path), fit, 3)
    return [
        row(f"{WHAT}, from Parquet: Spark, beside MLlib on the same session, warm", *times, "at most 0.2")
    ]


@contextmanager
def _table(X: Any) -> Iterator[str]:
    import pyarrow as pa
    import pyarrow.parquet as pq

    with TemporaryDirectory() as folder:
        columns = {f"x{j}": X[:, j] for j in range(COLUMNS)}
        pq.write_table(pa.table(columns), Path(folder) / "rows.parquet", row_group_size=131_072)
        yield folder


def _mllib(session: Any, path: str, arguments: dict[str, Any]) -> Any:
    """K-means of MLlib with the same number of rounds; it accepts no first centres, so it starts from random rows."""
    from pyspark.ml.clustering import KMeans as MLlibKMeans
    from pyspark.ml.feature import VectorAssembler

    assembler = VectorAssembler(inputCols=[f"x{j}" for j in range(COLUMNS)], outputCol="features")
    frame = assembler.transform(session.read.parquet(path)).select("features").cache()
    frame.count()
    model = MLlibKMeans(k=CLUSTERS, maxIter=ITERATIONS, tol=0.0, initMode="random", seed=0)
    return lambda: model.fit(frame)


def same(X: Any, ours: KMeans, centers: Any) -> None:
    """Check that both found the same clusters: equal inertia in float64, and equal labels except for ties."""
    inertias = []
    labels = []
    for found in (ours.cluster_centers_, centers):
        nearest, distances = pairwise_distances_argmin_min(
            X.astype(np.float64), np.asarray(found, dtype=np.float64), metric="euclidean"
        )
        inertias.append(float((distances**2).sum()))
        labels.append(nearest)
    np.testing.assert_allclose(*inertias, rtol=1e-6)
    different = int((labels[0] != labels[1]).sum())
    print(f"  inertia differs by {abs(inertias[0] / inertias[1] - 1):.1e}, labels of {different} rows")
    if different > 2e-4 * len(X):
        raise AssertionError(f"{different} labels differ")
