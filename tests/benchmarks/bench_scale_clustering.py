"""Clusterings of large tables: whole studies, a grid beside bare fits, and the quality of K-means beside libraries."""

import os
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.dataset as ds
from sklearn.base import clone
from sklearn.cluster import MiniBatchKMeans
from sklearn.preprocessing import StandardScaler

from infra.engines import Engine, connect
from tasks.algorithms.base import ModelOptions
from tasks.clustering import KMeans
from tasks.datasets.catalogue import resolve
from tasks.large.drawn_rows import DrawnRows
from tasks.large.training_rows import LargeTrainingRows
from tasks.registry import ALGORITHMS
from tasks.search import GridSearch
from tests.benchmarks import scale_tables
from tests.benchmarks.scale_study import MEMORY, WORKERS, Measured, remove_prepared, study
from tests.benchmarks.timing import save
from tests.tasks.preparing import prepare

JAVA = "--driver-memory 6g pyspark-shell"  # MLlib keeps the rows in Java, whose memory is 1 GiB by default
ENGINES = ("local", "dask", "spark")
FLAGS = ("--workers", str(WORKERS), "--worker-memory", MEMORY)
CLUSTERS = 8
GRID = range(2, 11)
STARTS = (1, 3)  # scikit-learn's default, and the most that a study's searches try for a large table


def main() -> None:
    """Measure studies of both tables, and the fits beside them, and save the figures."""
    os.environ.setdefault("PYSPARK_SUBMIT_ARGS", JAVA)
    with tempfile.TemporaryDirectory(prefix="trilla-scale-") as folder:
        wide, long = Path(folder) / "wide", Path(folder) / "long"
        scale_tables.write_parquet(wide, "blobs", 1_000_000)
        scale_tables.write_parquet(long, "blobs", 10_000_000, columns=10)
        rows = []
        for engine in ENGINES:
            rows.append(whole_study(engine, study(wide, engine, *FLAGS, target=None)))
            print(f"  {rows[-1]['what']}: {rows[-1]['ours']}", flush=True)
        remove_prepared(wide.name)
        rows += grids_beside_fits(long, Path(folder) / "prepared")
        rows += beside_libraries(long, Path(folder) / "prepared")
        remove_prepared(long.name)
    save(rows)


def whole_study(engine: str, found: Measured) -> dict[str, object]:
    """Row with the time of a study of 1,000,000 rows with all algorithms, and of its first cell."""
    ran = sorted({cell["algorithm"] for cell in found.result["cells"] if cell["status"] == "completed"})
    refused = sorted({cell["algorithm"] for cell in found.result["cells"] if cell["status"] == "too_large"})
    return {
        "what": f"study of 1,000,000 x {scale_tables.COLUMNS} rows, clustering, {engine}, defaults",
        "ours": f"{found.seconds:.0f} s, first cell after {found.first_cell_s:.0f} s, at most "
        f"{found.peaks['all'] / 2**30:.2f} GiB; {', '.join(ran)}; refused as too large: {', '.join(refused)}",
        "peer": "",
        "ratio": "",
        "aim": "at most 300 s, first cell within 20 s",
        "status": found.status,
    }


def grids_beside_fits(table: Path, folder: Path) -> list[dict[str, object]]:
    """Rows that set grids of K-means of 10,000,000 rows beside nine fits of ours on the same workers."""
    found = study(table, "dask", *FLAGS, algorithms="kmeans", target=None)
    [grid] = [cell for cell in found.result["cells"] if cell["search"] == "grid"]
    rows = drawn(table, folder)
    with connect("dask", workers=WORKERS, memory_limit=int(2.5 * 2**30)) as engine:
        peer, _ = _timed(lambda: [KMeans(k, random_state=0, engine=engine).fit(table) for k in GRID])
        nine, _ = _timed(lambda: _searched(rows, engine))
    peer_words = f"{peer:.0f} s for {len(GRID)} fits"
    return [
        {
            "what": f"K-means of 10,000,000 x 10 rows, Dask: grid over {GRID[0]} to {GRID[-1]} clusters as in a study",
            "ours": f"{nine:.0f} s for {len(GRID)} candidates, their silhouettes and the fit of the best one",
            "peer": peer_words,
            "ratio": f"{nine / peer:.2f}",
            "aim": "at most 1.2",
        },
        {
            "what": "the same table, Dask: the grid of a study, with two kinds and two numbers of starts",
            "ours": f"{grid['usage']['wall_s']:.0f} s for {len(grid['trials'])} candidates; study "
            f"{found.seconds:.0f} s, at most {found.peaks['all'] / 2**30:.2f} GiB in all processes",
            "peer": peer_words,
            "ratio": f"{grid['usage']['wall_s'] / peer:.2f}",
            "aim": "at most 6 GiB",
        },
    ]


def _searched(rows: LargeTrainingRows, engine: Engine) -> None:
    """Search the number of clusters, and fit the best one, as a study does."""
    algorithm = ALGORITHMS["kmeans"]
    model = algorithm.make(rows.drawn.dataset, ModelOptions()).set_params(model__engine=engine)
    search = GridSearch(model, {"model__n_clusters": list(GRID)}, scoring="silhouette", engine=engine)
    best = algorithm.large.searched(search, rows).best_params_
    algorithm.large.fit(clone(model).set_params(**best, model__engine=engine), rows)


def drawn(table: Path, folder: Path) -> LargeTrainingRows:
    """The rows of a table, prepared, with their sample drawn."""
    dataset = prepare(resolve(str(table)), folder).model_copy(update={"by_blocks": True})
    rows = LargeTrainingRows(DrawnRows(dataset, 0))
    rows.sample()
    return rows


def beside_libraries(table: Path, folder: Path) -> list[dict[str, object]]:
    """Rows that set K-means of a study beside libraries: time from Parquet to the model, and mean squared distance."""
    rows = drawn(table, folder)
    scaled = StandardScaler().fit_transform(_numbers(table))
    results = []
    for engine_name, library, fit in (("dask", "MiniBatchKMeans", _mini_batch), ("spark", "MLlib", _mllib)):
        with connect(engine_name, workers=WORKERS) as engine:  # type: ignore[call-overload]
            ours = {starts: _timed(partial(_ours, rows, engine, starts)) for starts in STARTS}
            peer_s, centers = _timed(partial(fit, table, engine))
        peer_distance = _mean_square(scaled, centers)
        for starts, (seconds, own) in ours.items():
            distance = _mean_square(scaled, own)
            ratio = f"{seconds / peer_s:.2f} of the time, {distance / peer_distance:.3f} of the distance"
            results.append(
                {
                    "what": f"K-means of 10,000,000 x 10 rows, k={CLUSTERS}, {engine_name}, n_init={starts}, "
                    f"beside {library}",
                    "ours": f"{seconds:.1f} s, mean squared distance {distance:.4f}",
                    "peer": f"{peer_s:.1f} s, mean squared distance {peer_distance:.4f}",
                    "ratio": ratio,
                    "aim": "distance at most 1.0",
                }
            )
            print(f"  {results[-1]['what']}: {ratio}", flush=True)
    return results


def _timed(call: Callable[[], Any]) -> tuple[float, Any]:
    start = time.perf_counter()
    found = call()
    return time.perf_counter() - start, found


def _ours(rows: LargeTrainingRows, engine: Engine, starts: int) -> Any:
    algorithm = ALGORITHMS["kmeans"]
    pipeline = algorithm.make(rows.drawn.dataset, ModelOptions())
    pipeline.set_params(model__engine=engine, model__n_clusters=CLUSTERS, model__n_init=starts)
    algorithm.large.fit(pipeline, rows)
    return pipeline[-1].cluster_centers_


def _mini_batch(table: Path, _engine: Engine) -> Any:
    X = StandardScaler().fit_transform(_numbers(table))
    return MiniBatchKMeans(CLUSTERS, random_state=0).fit(X).cluster_centers_


def _mllib(table: Path, engine: Any) -> Any:
    from pyspark.ml.clustering import KMeans as MLlibKMeans
    from pyspark.ml.feature import StandardScaler as MLlibScaler
    from pyspark.ml.feature import VectorAssembler

    frame = engine.session.read.parquet(str(table))
    rows = VectorAssembler(inputCols=frame.columns, outputCol="raw").transform(frame).select("raw")
    scaler = MLlibScaler(inputCol="raw", outputCol="features", withMean=True).fit(rows)
    scaled = scaler.transform(rows).select("features").cache()
    return np.array(MLlibKMeans(k=CLUSTERS, seed=0).fit(scaled).clusterCenters())


def _numbers(table: Path) -> Any:
    rows = ds.dataset(table).to_table()
    return np.column_stack([column.to_numpy() for column in rows.columns])


def _mean_square(X: Any, centers: Any) -> float:
    best = np.full(len(X), np.inf)
    for center in centers:
        np.minimum(best, ((X - center) ** 2).sum(axis=1), out=best)
    return float(best.mean())


if __name__ == "__main__":
    main()
