"""Preparation of a CSV file of more than 5 GB: time and memory beside one thread of Arrow that writes Parquet."""

import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pyarrow.csv as pc
import pyarrow.parquet as pq

from infra.engines import connect
from tasks.datasets.catalogue import resolve
from tests.benchmarks import scale_tables
from tests.benchmarks.scale_study import watched
from tests.benchmarks.timing import save
from tests.tasks.preparing import prepare

ROWS = 21_000_000
MEMORY = "1GiB"


def main() -> None:
    """Prepare the file with one and with two workers, and save the figures."""
    with tempfile.TemporaryDirectory(prefix="trilla-scale-") as folder:
        file = Path(folder) / "rows.csv"
        scale_tables.write_csv(file, "classes", ROWS)
        size = f"{ROWS:,} x {scale_tables.COLUMNS} rows, {file.stat().st_size / 1e9:.1f} GB"
        peer = in_a_process("arrow", file)
        rows = [
            beside(f"CSV of {size}, prepared by {workers} Dask workers of {MEMORY}", peer, aim, found)
            for workers, aim in ((1, "at most 1.0, and 1 GiB"), (2, "about 0.56, and 1 GiB"))
            for found in [in_a_process(str(workers), file)]
        ]
    save(rows)


def in_a_process(how: str, file: Path) -> tuple[float, dict[str, int]]:
    """Seconds of a preparation in a process of its own, and the peaks of the memory of the processes.

    Parameters
    ----------
    how : str
        "arrow", or the number of workers.
    file : Path
        The CSV file.
    """
    command = [sys.executable, "-m", "tests.benchmarks.bench_scale_csv", how, str(file)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        peaks = watched(process)
        told, _ = process.communicate()
    if process.returncode:
        raise RuntimeError(f"{how}: exit status {process.returncode}")
    return float(told.split()[-1]), peaks


def beside(
    what: str, peer: tuple[float, dict[str, int]], aim: str, found: tuple[float, dict[str, int]]
) -> dict[str, object]:
    """Row of the results for one number of workers."""
    (seconds, peaks), (peer_s, peer_peaks) = found, peer
    most = max(peaks["driver"], peaks["worker"]) / 2**30
    return {
        "what": what,
        "ours": f"{seconds:.0f} s, at most {most:.2f} GiB in a process",
        "peer": f"{peer_s:.0f} s, {peer_peaks['driver'] / 2**30:.2f} GiB (pyarrow.csv, one thread)",
        "ratio": f"{seconds / peer_s:.2f}",
        "aim": aim,
    }


def prepared(how: str, file: Path) -> float:
    """Prepare the file in this process, and return the seconds."""
    with tempfile.TemporaryDirectory(dir=file.parent) as folder:
        start = time.perf_counter()
        if how == "arrow":
            with (
                pc.open_csv(file, pc.ReadOptions(use_threads=False)) as reader,
                pq.ParquetWriter(Path(folder) / "rows.parquet", reader.schema) as writer,
            ):
                for batch in reader:
                    writer.write_batch(batch)
        else:
            prepare(
                resolve(str(file), "y"),
                Path(folder),
                open_engine=lambda: connect("dask", workers=int(how), memory_limit=MEMORY),
            )
        return time.perf_counter() - start


if __name__ == "__main__":
    if len(sys.argv) == 2:
        main()
    else:
        print(prepared(sys.argv[1], Path(sys.argv[2])))
