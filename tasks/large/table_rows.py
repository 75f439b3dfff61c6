"""The chosen rows of a prepared table as blocks of numbers, read from Parquet where they are needed."""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import accumulate
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import DTypeLike

from infra.engines.blocks import BLOCK_ROWS, Block, BlockSource, Span
from infra.errors import DataError
from infra.storage import arrow_location, path_of
from tasks.datasets.prepared import PreparedDataset, Target
from tasks.large.masks import RowMask


@dataclass(frozen=True)
class RowGroup:
    """A row group of a prepared table.

    Parameters
    ----------
    file : str
        Path of the Parquet file.
    index : int
        Number of the row group in the file.
    start, stop : int
        Number of the group's first row in the table, and the number after its last row.
    """

    file: str
    index: int
    start: int
    stop: int


@dataclass(frozen=True)
class EncodedRows:
    """Rows that the steps have encoded already, each without its own target.

    Parameters
    ----------
    numbers : numpy.ndarray of int, shape (rows,)
        Numbers of the rows in the table, in ascending order.
    values : numpy.ndarray of shape (rows, n_columns)
        The rows as numbers.
    """

    numbers: npt.NDArray[np.intp]
    values: npt.NDArray[Any]

    def put_into(self, X: npt.NDArray[Any], numbers: npt.NDArray[np.intp]) -> None:
        """Replace the rows that are encoded already.

        Parameters
        ----------
        X : numpy.ndarray of shape (n, n_columns)
            Rows as numbers, which are changed.
        numbers : numpy.ndarray of int, shape (n,)
            Numbers of the rows of `X` in the table, in ascending order.
        """
        places = np.searchsorted(self.numbers, numbers)
        known = self.numbers[np.minimum(places, len(self.numbers) - 1)] == numbers
        X[known] = self.values[places[known]]


class TableRows(BlockSource):
    """The rows of a mask, as blocks of numbers with the target, if the table has one, as second array.

    Parameters
    ----------
    dataset : PreparedDataset
        The prepared table.
    mask : RowMask
        The chosen rows.
    steps : transformer
        Fitted steps from the columns of the table to numbers.
    dtype : dtype, default=float64
        Type of the numbers.
    encoded : EncodedRows, optional
        Rows that take part with the numbers that they have here, and not with those of the steps.
    block_rows : int, optional
        Number of rows of a block; default: `BLOCK_ROWS`.
    """

    def __init__(
        self,
        dataset: PreparedDataset,
        mask: RowMask,
        steps: Any,
        dtype: DTypeLike = np.float64,
        encoded: EncodedRows | None = None,
        block_rows: int | None = None,
    ) -> None:
        self.dataset = dataset
        self.mask = mask
        self.steps = steps
        self.encoded = encoded
        self.dtype = np.dtype(dtype)
        self.block_rows = block_rows or BLOCK_ROWS
        self.groups = row_groups(dataset)
        counts = [mask.count(group.start, group.stop) for group in self.groups]
        self._ends = list(accumulate(counts))
        self.n_rows = self._ends[-1] if self._ends else 0
        self.n_columns = len(steps.get_feature_names_out())

    def load(self, span: Span) -> list[Block]:
        first, last = span.start * self.block_rows, min(span.stop * self.block_rows, self.n_rows)
        X = np.empty((last - first, self.n_columns), self.dtype)
        targets: list[Target] = []
        for start, numbers, frame, target in self._read(first, last):
            part = X[start - first : start - first + len(frame)]
            part[:] = self.steps.transform(frame)
            if self.encoded is not None:
                self.encoded.put_into(part, numbers)
            targets += [] if target is None else [target]
        arrays = (X, np.concatenate(targets)) if targets else (X,)
        return [
            tuple(array[i : i + self.block_rows] for array in arrays)
            for i in range(0, len(X), self.block_rows)
        ]

    def detached(self, span: Span) -> BlockSource:
        return self

    def _read(
        self, first: int, last: int
    ) -> Iterator[tuple[int, npt.NDArray[np.intp], pd.DataFrame, Target | None]]:
        """Rows `first` to `last` of the chosen rows, by row groups: place of the first, numbers, features, target."""
        for group, end, start in zip(self.groups, self._ends, [0, *self._ends[:-1]], strict=False):
            if end <= first or start >= last:
                continue
            a, b = max(first, start), min(last, end)
            rows = np.flatnonzero(self.mask.of(group.start, group.stop))[a - start : b - start]
            table = read_group(self.dataset, group)
            chosen = table if len(rows) == len(table) else table.take(pa.array(rows))
            yield a, rows + group.start, *features_and_target(chosen, self.dataset.target)


def read_group(dataset: PreparedDataset, group: RowGroup) -> pa.Table:
    """Prepared columns and target of a row group.

    Parameters
    ----------
    dataset : PreparedDataset
        The prepared table.
    group : RowGroup
        A row group of the table.

    Raises
    ------
    DataError
        If the file cannot be read.
    """
    names = [*dataset.recipe.outputs, *([dataset.target] if dataset.target else [])]
    try:
        place, filesystem = arrow_location(path_of(group.file))
        with pq.ParquetFile(place, filesystem=filesystem) as file:
            return file.read_row_group(group.index, columns=names)
    except (OSError, pa.ArrowInvalid) as error:
        raise DataError(f"prepared data '{group.file}' cannot be read: {error}; prepare it again") from None


def features_and_target(table: pa.Table, target: str | None) -> tuple[pd.DataFrame, Target | None]:
    """Features and target of rows of a prepared table.

    Parameters
    ----------
    table : pyarrow.Table
        Rows of the prepared table.
    target : str, optional
        Name of the column of the target; None without a target.
    """
    frame = table.to_pandas()
    return (frame, None) if target is None else (frame.drop(columns=[target]), frame[target].to_numpy())


def row_groups(dataset: PreparedDataset) -> list[RowGroup]:
    """Row groups of all files of a prepared table, in the order of its rows.

    Parameters
    ----------
    dataset : PreparedDataset
        The prepared table: a file, or a folder of parts.

    Raises
    ------
    DataError
        If a file cannot be read, or the files do not have the rows that were prepared.
    """
    path = path_of(dataset.path)
    found, start = [], 0
    for file in sorted(path.glob("part-*.parquet")) if path.is_dir() else [path]:
        try:
            place, filesystem = arrow_location(file)
            metadata = pq.read_metadata(place, filesystem=filesystem)
        except (OSError, pa.ArrowInvalid) as error:
            raise DataError(f"prepared data '{file}' cannot be read: {error}; prepare it again") from None
        for index in range(metadata.num_row_groups):
            stop = start + metadata.row_group(index).num_rows
            found.append(RowGroup(str(file), index, start, stop))
            start = stop
    if start != dataset.rows:
        raise DataError(
            f"prepared data '{path}' have {start:,} rows instead of {dataset.rows:,}; prepare them again"
        )
    return found
