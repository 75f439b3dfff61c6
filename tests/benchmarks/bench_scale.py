"""Studies of large tables: time, memory and disk as the rows grow, beside the bare fits that a study contains.

The rows go up to ten millions; with `TRILLA_BENCH_ROWS=30000000` they go up to thirty.
"""

import os
import tempfile
from pathlib import Path

from tests.benchmarks import scale_tables
from tests.benchmarks.scale_study import (
    ALGORITHMS,
    MEMORY,
    WORKERS,
    Measured,
    bare_seconds,
    prepared_of,
    remove_prepared,
    sharded_seconds,
    study,
)
from tests.benchmarks.timing import save

MOST_ROWS = int(os.environ.get("TRILLA_BENCH_ROWS", "10000000"))
SIZES = [rows for rows in (10_000, 100_000, 1_000_000, 10_000_000, 30_000_000) if rows <= MOST_ROWS]
BESIDE = (1_000_000, 10_000_000)  # rows that the libraries themselves can hold in memory
ENGINES = os.environ.get("TRILLA_BENCH_ENGINES", "local,dask,spark").split(",")
FLAGS = ("--workers", str(WORKERS), "--worker-memory", MEMORY)


def main() -> None:
    """Run studies of growing tables on each engine, and save their figures."""
    rows = []
    for size in SIZES:
        with tempfile.TemporaryDirectory(prefix="trilla-scale-") as folder:
            table = Path(folder) / f"rows-{size}"
            scale_tables.write_parquet(table, "classes", size)
            for engine in ENGINES:
                found = study(table, engine, *FLAGS, algorithms=ALGORITHMS)
                rows.append(growth(size, engine, found))
                print(f"  {rows[-1]['what']}: {rows[-1]['ours']}", flush=True)
                if size in BESIDE and found.status == 0:
                    rows.append(beside(size, engine, found, bare_seconds(table, found.result)))
                    if engine == "dask":
                        rows.append(one_fit(size, found, sharded_seconds(table, WORKERS, MEMORY)))
                remove_prepared(table.name)
    save(rows)


def growth(size: int, engine: str, found: Measured) -> dict[str, object]:
    """Row of the table with the time, the memory and the disk of a study."""
    gib = {role: f"{peak / 2**30:.2f}" for role, peak in found.peaks.items()}
    prepared = sum(
        file.stat().st_size for path in prepared_of(f"rows-{size}") for file in path.rglob("*.parquet")
    )
    figures = (
        f"{found.seconds:.0f} s, {1e6 * found.seconds / size:.1f} µs a row; GiB: driver {gib['driver']}, "
        f"worker {gib['worker']}, Java {gib['java']}, all {gib['all']}, disk {prepared / 2**30:.2f}"
    )
    return {
        "what": f"study of {size:,} rows x {scale_tables.COLUMNS}, {engine}, 2 workers of 2.5 GiB",
        "ours": figures if found.status == 0 else f"failed with status {found.status} after {figures}",
        "peer": "",
        "ratio": "",
        "aim": "driver at most 0.8 GiB, all at most 8 GiB",
        "seconds": found.seconds,
        "status": found.status,
        "peaks": found.peaks,
    }


def beside(size: int, engine: str, found: Measured, bare: dict[str, float]) -> dict[str, object]:
    """Row that sets a study beside the sum of the libraries' own fits in memory."""
    peer = sum(bare.values())
    return {
        "what": f"study of {size:,} rows on {engine}, over the sum of the {len(bare)} bare fits in memory",
        "ours": f"{found.seconds:.0f} s",
        "peer": f"{peer:.0f} s",
        "ratio": f"{found.seconds / peer:.2f}",
        "aim": "at most 1.3",
        "bare_s": bare,
    }


def one_fit(size: int, found: Measured, peer: float) -> dict[str, object]:
    """Row that sets the fit of a study's baseline beside XGBoost's own fit on as many Dask workers."""
    [ours] = [
        cell["usage"]["wall_s"]
        for cell in found.result["cells"]
        if (cell["algorithm"], cell["search"]) == ("xgboost", "baseline")
    ]
    return {
        "what": f"baseline of XGBoost in a study of {size:,} rows, sharded over {WORKERS} Dask workers",
        "ours": f"{ours:.0f} s",
        "peer": f"{peer:.0f} s",
        "ratio": f"{ours / peer:.2f}",
        "aim": "at most 1.15",
    }


if __name__ == "__main__":
    main()
