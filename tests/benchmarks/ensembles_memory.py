"""Memory of the driver while XGBoost and LightGBM train on Dask, as the rows of the table grow tenfold."""

import multiprocessing
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from infra.engines import connect
from infra.monitoring import Monitor
from tasks.ensembles import GradientBoostingClassifier, XGBoostClassifier
from tests.benchmarks.ensembles_boosting import COLUMNS, WORKERS, data

FEWER, MORE = 500_000, 5_000_000
GROUP = 125_000
ROUNDS = 10
MODELS: dict[str, Any] = {"XGBoost": XGBoostClassifier, "LightGBM": GradientBoostingClassifier}


def rows() -> list[dict[str, object]]:
    """Each library on the larger table beside itself on the smaller one."""
    with table(FEWER) as fewer, table(MORE) as more:
        return [_beside(name, fitted(name, more), fitted(name, fewer)) for name in MODELS]


@contextmanager
def table(rows: int) -> Iterator[Path]:
    """A Parquet file written group by group, so that this process holds none of it as a whole."""
    names = [*(f"x{j}" for j in range(COLUMNS)), "y"]
    with TemporaryDirectory() as folder:
        path = Path(folder) / "rows.parquet"
        writer = None
        for seed in range(rows // GROUP):
            X, y = data(GROUP, seed)
            group = pa.table([*X.T, y], names=names)
            writer = writer or pq.ParquetWriter(path, group.schema)
            writer.write_table(group)
        assert writer is not None
        writer.close()
        yield path


def fitted(name: str, path: Path) -> tuple[float, float]:
    """Peak memory in MiB of the driver, a process of its own, and of its largest worker."""
    with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as pool:
        found = pool.submit(_peaks, name, path).result()
    print(
        f"  {name}, {path.stat().st_size / 2**20:,.0f} MiB of Parquet: driver {found[0]:.0f} MiB", flush=True
    )
    return found


def _peaks(name: str, path: Path) -> tuple[float, float]:
    with connect("dask", workers=WORKERS) as engine, Monitor(watch=engine.worker_pids) as monitor:
        MODELS[name](ROUNDS, engine=engine).fit(path, "y")
    usage = monitor.usage
    return usage.driver.peak_rss / 2**20, max(w.peak_rss for w in usage.workers.values()) / 2**20


def _beside(name: str, more: tuple[float, float], fewer: tuple[float, float]) -> dict[str, object]:
    return {
        "what": f"{name} on Dask, {MORE:,} rows beside {FEWER:,}: peak memory of the driver",
        "ours": f"{more[0]:.0f} MiB",
        "peer": f"{fewer[0]:.0f} MiB",
        "ratio": f"{more[0] / fewer[0]:.2f}; a worker {more[1]:.0f} and {fewer[1]:.0f} MiB",
        "aim": "flat: about 1",
    }
