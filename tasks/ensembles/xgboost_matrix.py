"""XGBoost's matrices of binned rows, made from parts of the rows of which one at a time is in memory."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import xgboost as xgb

from infra.arithmetic import ceil_div
from tasks.ensembles.training_rows import Rows
from tasks.ways import PROCESS, FitWay, TableShape

SKETCHES = 20 * 2**20
"""Bytes of the sketches from which bins are found."""
PAGES_ON_DISK = 10
"""Number of blocks of features that the pages in memory take, of a matrix that is on disk."""


@contextmanager
def binned_rows(rows: Rows, parameters: Mapping[str, Any], on_disk: bool) -> Iterator[xgb.DMatrix]:
    """Rows for a training: in memory, or in files that live as long as the context.

    Parameters
    ----------
    rows : TrainingRows or StreamedRows
        Rows to train on.
    parameters : mapping
        XGBoost's own parameters.
    on_disk : bool
        Whether the binned rows are kept in temporary files, which each round reads.

    Yields
    ------
    xgboost.DMatrix
    """
    if not on_disk:
        yield matrix(rows, parameters)
        return
    with TemporaryDirectory(prefix="trilla-xgboost-") as folder:
        yield xgb.ExtMemQuantileDMatrix(
            _Batches(rows, cache=Path(folder) / "rows"),
            max_bin=parameters["max_bin"],
            nthread=parameters["nthread"],
        )


def matrix(rows: Rows, parameters: Mapping[str, Any], binned_like: xgb.DMatrix | None = None) -> xgb.DMatrix:
    """Rows in memory: binned, or as they are where the tree method needs the values.

    Parameters
    ----------
    rows : TrainingRows or StreamedRows
        Rows to train on or to validate on.
    parameters : mapping
        XGBoost's own parameters.
    binned_like : xgboost.DMatrix, optional
        Matrix whose bins are used.

    Returns
    -------
    xgboost.DMatrix
    """
    threads = parameters["nthread"]
    if parameters["tree_method"] != "hist":
        whole = rows.joined()
        return xgb.DMatrix(whole.X, whole.y, weight=whole.weights, nthread=threads)
    return xgb.QuantileDMatrix(
        _Batches(rows), max_bin=parameters["max_bin"], nthread=threads, ref=binned_like
    )


def xgboost_bytes(shape: TableShape, way: FitWay, max_bin: int) -> int:
    """Estimate the bytes of memory that one process of a fit needs at most; the terms are fitted to measurements.

    Parameters
    ----------
    shape : TableShape
        The table.
    way : FitWay
        The way of the fit.
    max_bin : int
        Largest number of bins of a feature.

    Returns
    -------
    int
    """
    rows = ceil_div(shape.rows, way.shards)
    of_outputs = 15 * (shape.outputs - 1)  # margins, and first and second derivatives
    if way.on_disk:
        return PROCESS + SKETCHES + PAGES_ON_DISK * shape.block_bytes + rows * (26 + of_outputs)
    # a bin of a dense table is kept by rows and by columns; with missing values, the one by rows is numbered
    # over all features
    width = 1 if max_bin <= 256 else 2
    cell = 2 * width if shape.dense else 4 + width
    return PROCESS + SKETCHES + shape.held_bytes(rows) + rows * (cell * shape.columns + 59 + of_outputs)


class _Batches(xgb.DataIter):
    """Parts of the rows, as XGBoost asks for them; it makes several passes."""

    def __init__(self, rows: Rows, cache: Path | None = None) -> None:
        self._rows = rows
        self._parts = rows.batches()
        super().__init__(cache_prefix=None if cache is None else str(cache))

    def reset(self) -> None:
        """Begin a pass."""
        self._parts = self._rows.batches()

    def next(self, input_data: Any) -> bool:
        """Hand over the next part; tell whether there was one."""
        part = next(self._parts, None)
        if part is None:
            return False
        input_data(data=part.X, label=part.y, weight=part.weights)
        return True
