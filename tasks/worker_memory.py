"""The memory that each worker of a study needs at least; a study whose workers have less is refused beforehand."""

import psutil
from dask.utils import format_bytes

from infra.errors import ParameterError
from tasks.datasets.prepared import PreparedDataset
from tasks.large.row_roles import SAMPLE_CELLS
from tasks.ways import ALLOWED_SHARE

WORKER = 350 * 2**20
"""Bytes of a worker of a study that has imported the libraries and runs a step, before it has any rows."""
CELL = 16
"""Bytes of a value in the memory of a worker: in the table, and as a number that a model is fitted to."""


def least_memory(dataset: PreparedDataset) -> int:
    """Bytes that each worker needs at least, whatever the algorithm.

    Parameters
    ----------
    dataset : PreparedDataset
        The data set, marked if its models are trained from blocks.
    """
    cells = 0 if dataset.images else dataset.rows * len(dataset.columns)
    return WORKER + CELL * (min(cells, SAMPLE_CELLS) if dataset.by_blocks else cells)


def refuse_small_workers(dataset: PreparedDataset, workers: int, memory: int | None) -> None:
    """Refuse a study whose workers have too little memory for any algorithm.

    Parameters
    ----------
    dataset : PreparedDataset
        The data set, marked if its models are trained from blocks.
    workers : int
        Number of workers of the study's cluster.
    memory : int, optional
        Bytes of memory that each worker may use; None: an equal share of the machine's memory.

    Raises
    ------
    ParameterError
        If no algorithm can be trained; the sentence says how much memory is needed, and how much there is.
    """
    given = memory or psutil.virtual_memory().total // workers
    needed = least_memory(dataset)
    if needed <= ALLOWED_SHARE * given:
        return
    has = f"--worker-memory gives each {format_bytes(given)}"
    if memory is None:
        has = f"an equal share of this machine's memory for each of {workers} is {format_bytes(given)}"
    rows = "images" if dataset.images else f"rows x {len(dataset.columns):,} columns"
    raise ParameterError(
        f"a worker needs at least {format_bytes(needed)} of memory for {dataset.rows:,} {rows} ({dataset.name}), which "
        f"may be at most {ALLOWED_SHARE:.0%} of what the worker has, and {has}; use fewer --workers or a larger "
        "--worker-memory"
    )
