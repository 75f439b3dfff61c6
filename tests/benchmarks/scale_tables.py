"""Tables of any size for the benchmarks of scale, made part by part: the same rows whatever the number of parts."""

import argparse
from collections.abc import Callable
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.csv as pc
import pyarrow.parquet as pq

PART_ROWS = 1_000_000
ROW_GROUP = 65_536
COLUMNS = 28  # as many as the HIGGS data set of UCI has
BLOBS = 8

Columns = dict[str, npt.NDArray[np.float64] | npt.NDArray[np.int64]]


def class_rows(number: int, rows: int, columns: int) -> Columns:
    """Rows of a table with a class target that depends on products and signs of the columns.

    Parameters
    ----------
    number : int
        Number of the part, which seeds its rows.
    rows : int
        Number of rows.
    columns : int
        Number of columns besides the target, at least 8.
    """
    rng = np.random.default_rng([2026, number])
    X = rng.normal(size=(rows, columns))
    signal = (
        X[:, 0]
        + X[:, 1] * X[:, 2]
        + 1.5 * (X[:, 3] > 0.3) * X[:, 4]
        + np.sin(2 * X[:, 5])
        - 0.5 * X[:, 6] ** 2
    )
    y = signal + rng.logistic(size=rows) > -0.3
    return {**{f"x{i}": X[:, i].round(5) for i in range(columns)}, "y": y.astype(np.int64)}


def blob_rows(number: int, rows: int, columns: int) -> Columns:
    """Rows around a few centres, with some rows anywhere.

    Parameters
    ----------
    number : int
        Number of the part, which seeds its rows.
    rows : int
        Number of rows.
    columns : int
        Number of columns.
    """
    centres = np.random.default_rng(2026).uniform(-10, 10, (BLOBS, columns))
    rng = np.random.default_rng([2026, number])
    X = centres[rng.integers(BLOBS, size=rows)] + rng.normal(size=(rows, columns)) * 2
    strays = rng.random(rows) < 0.01
    X[strays] = rng.uniform(-15, 15, (int(strays.sum()), columns))
    return {f"x{i}": X[:, i].round(5) for i in range(columns)}


KINDS: dict[str, Callable[[int, int, int], Columns]] = {"classes": class_rows, "blobs": blob_rows}


def write_parquet(folder: Path, kind: str, rows: int, columns: int = COLUMNS) -> None:
    """Write a folder of Parquet parts.

    Parameters
    ----------
    folder : Path
        The new folder.
    kind : {"classes", "blobs"}
        Kind of the table.
    rows, columns : int
        Size of the table, without the target.
    """
    folder.mkdir(parents=True)
    for number, start in enumerate(range(0, rows, PART_ROWS)):
        part = pa.table(KINDS[kind](number, min(PART_ROWS, rows - start), columns))
        pq.write_table(part, folder / f"{number:05d}.parquet", row_group_size=ROW_GROUP)


def write_csv(file: Path, kind: str, rows: int, columns: int = COLUMNS) -> None:
    """Write one CSV file.

    Parameters
    ----------
    file : Path
        The new file.
    kind : {"classes", "blobs"}
        Kind of the table.
    rows, columns : int
        Size of the table, without the target.
    """
    with file.open("wb") as out:
        for number, start in enumerate(range(0, rows, PART_ROWS)):
            part = pa.table(KINDS[kind](number, min(PART_ROWS, rows - start), columns))
            pc.write_csv(part, out, pc.WriteOptions(include_header=number == 0))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("path", type=Path, help="folder of Parquet parts, or file that ends in .csv")
    parser.add_argument("--kind", choices=KINDS, default="classes")
    parser.add_argument("--rows", type=int, default=PART_ROWS)
    parser.add_argument("--columns", type=int, default=COLUMNS)
    given = parser.parse_args()
    write = write_csv if given.path.suffix == ".csv" else write_parquet
    write(given.path, given.kind, given.rows, given.columns)
