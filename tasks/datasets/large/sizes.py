"""The size from which a table is prepared piece by piece, because one process should not hold all of its rows."""

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from infra.errors import DataError
from infra.storage import arrow_location
from tasks.datasets.files import parts_of
from tasks.datasets.files.opened import PACKED_SUFFIXES
from tasks.datasets.files.parquet import Parquet

LARGE_CELLS = 30_000_000
"""Number of cells of a Parquet table from which the table is large: 240 MB as numbers of 64 bits."""
LARGE_BYTES = 1 << 29
"""Number of bytes of text from which a table is large."""
LEAST_ROWS = 20_000
"""Least number of rows of a large table: a table of fewer rows is read whole, because a sample would be too small."""
UNPACKED = 4  # bytes of text that a byte of a compressed file is taken for
HEAD_BYTES = 1 << 20  # bytes in which the lines of a text are counted


def is_large(path: Path) -> bool:
    """Whether a table is prepared piece by piece; a table that cannot be read is not, because its reader says why."""
    try:
        chosen, parts = parts_of(path)
        if isinstance(chosen, Parquet):
            return _has_many_cells(parts.paths)
        size = sum(_bytes(path) for path in parts.paths)
        return size > LARGE_BYTES and size / _bytes_of_line(parts.paths[0]) >= LEAST_ROWS
    except (DataError, OSError, pa.ArrowException):
        return False


def _has_many_cells(paths: tuple[Path, ...]) -> bool:
    """Whether Parquet files are large by their descriptions, of which no more are read than decide it."""
    rows = cells = 0
    for path in paths:
        place, filesystem = arrow_location(path)
        found = pq.read_metadata(place, filesystem=filesystem)
        rows, cells = rows + found.num_rows, cells + found.num_rows * found.num_columns
        if cells > LARGE_CELLS and rows >= LEAST_ROWS:
            return True
    return False


def _bytes(path: Path) -> int:
    return path.stat().st_size * (UNPACKED if path.suffix.lower() in PACKED_SUFFIXES else 1)


def _bytes_of_line(path: Path) -> float:
    with path.open("rb") as file:
        head = file.read(HEAD_BYTES)
    return len(head) / max(head.count(b"\n"), 1)
