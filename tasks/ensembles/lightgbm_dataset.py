"""LightGBM's datasets of binned rows, made from parts of the rows of which one at a time is in memory."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import lightgbm as lgb
import numpy as np
from numpy.typing import NDArray

from infra.arithmetic import ceil_div
from tasks.ensembles.training_rows import Rows, StreamedRows, TrainingRows
from tasks.ways import PROCESS, FitWay, TableShape

Array = NDArray[Any]
BIN_ROWS = 200_000
"""Number of sampled rows that bins are found from: LightGBM's own default."""


def dataset(
    rows: Rows, parameters: Mapping[str, Any], categorical: Sequence[int], binned_like: Any = None
) -> lgb.Dataset:
    """Rows for a training or a validation, with the same bins from streamed rows as from rows in memory.

    Parameters
    ----------
    rows : TrainingRows or StreamedRows
        The rows.
    parameters : mapping
        LightGBM's own parameters.
    categorical : sequence of int
        Indices of the columns whose values are categories.
    binned_like : lightgbm.Dataset, optional
        Dataset whose bins are used.

    Returns
    -------
    lightgbm.Dataset
    """
    own = dict(parameters)
    data: Any = rows
    if isinstance(rows, TrainingRows):
        data = rows.X
    else:
        data = _parts(rows)
        if "seed" in own:  # LightGBM derives this seed for rows in memory, but not for parts
            own["data_random_seed"] = sampling_seed(own["seed"])
    return lgb.Dataset(
        data,
        rows.y,
        reference=binned_like,
        weight=rows.weights,
        params=own,
        categorical_feature=list(categorical),
    )


def lightgbm_bytes(shape: TableShape, way: FitWay) -> int:
    """Estimate the bytes of memory that one process of a fit needs at most; the terms are fitted to measurements.

    Parameters
    ----------
    shape : TableShape
        The table.
    way : FitWay
        The way of the fit.

    Returns
    -------
    int
    """
    rows = ceil_div(shape.rows, way.shards)
    # sampled rows are kept as rows, as a matrix and as columns, in double precision
    sampled = 3 * 8 * min(shape.rows, BIN_ROWS) * shape.columns
    # a bin is kept by rows and by columns
    trained = rows * (2 * shape.columns + 41 + 10 * (shape.outputs - 1))
    return PROCESS + 20 * 2**20 + shape.held_bytes(rows) + max(sampled, trained)


def sampling_seed(seed: int) -> int:
    """Seed of the rows that LightGBM finds bins from, which it derives from its parameter `seed`.

    This is the first short number of its generator (`Random::NextShort` in LightGBM's utils/random.h).
    """
    return ((214013 * seed + 2531011) % 2**32 >> 16) % 2**15 % (2**15 - 1)


def picked(rows: Rows, index: Array) -> Array:
    """Features of some rows.

    Parameters
    ----------
    rows : TrainingRows or StreamedRows
        The rows to pick from.
    index : ndarray of int
        Numbers of the rows, ascending.

    Returns
    -------
    ndarray of shape (len(index), n_features)
    """
    found, start = [], 0
    for part in rows.batches():
        own = index[np.searchsorted(index, start) : np.searchsorted(index, start + len(part))]
        found.append(part.X[own - start])
        start += len(part)
    return found[0] if len(found) == 1 else np.concatenate(found)


def _parts(rows: StreamedRows) -> list["_RowsPart"]:
    reading = _Pass(rows)
    return [_RowsPart(reading, number, length) for number, length in enumerate(rows.lengths)]


class _Pass:
    """Features of one part at a time; parts are read in their order, and from the first again for an earlier one."""

    def __init__(self, rows: StreamedRows) -> None:
        self._rows = rows
        self._parts: Iterator[TrainingRows] = iter(())
        self._number = len(rows.lengths)
        self._features: Array = np.empty(0)

    def features(self, number: int) -> Array:
        if number < self._number:
            self._parts, self._number = self._rows.batches(), -1
        while self._number < number:
            self._features = next(self._parts).X
            self._number += 1
        return self._features


class _RowsPart(lgb.Sequence):
    """One part of the rows, as LightGBM asks for it: single rows of a sample first, then all rows at once."""

    def __init__(self, reading: _Pass, number: int, length: int) -> None:
        self._reading, self._number, self._length = reading, number, length
        self.batch_size = length

    def __getitem__(self, index: Any) -> Array:
        # LightGBM takes samples in double precision only
        return np.asarray(self._reading.features(self._number)[index], dtype=np.float64)

    def __len__(self) -> int:
        return self._length
