"""Rows as blocks of a fixed size, from arrays or from Parquet."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from copy import copy
from dataclasses import dataclass
from functools import cached_property
from itertools import accumulate, pairwise
from pathlib import Path
from typing import Any, Self

import numpy as np
from numpy.typing import DTypeLike, NDArray

from infra.arithmetic import ceil_div
from infra.errors import DataError, ParameterError
from infra.readable import listed
from infra.stored_path import arrow_filesystem

BLOCK_ROWS = 65_536
READ_BYTES = 65_536  # of a column that Parquet reads at a time: no row group is in memory as a whole
Block = tuple[NDArray[Any], ...]


@dataclass(frozen=True)
class Span:
    """The consecutive blocks `start` to `stop` (exclusive) that one worker holds."""

    start: int
    stop: int


def split_evenly(n_blocks: int, workers: int) -> tuple[Span, ...]:
    """Return consecutive spans of nearly equal length, at most one for each worker, none of them empty."""
    count = max(1, min(n_blocks, workers))
    edges = [n_blocks * i // count for i in range(count + 1)]
    return tuple(Span(a, b) for a, b in pairwise(edges))


class BlockSource(ABC):
    """Rows that can be loaded as blocks, any span of them at a time."""

    n_rows: int
    """Number of rows."""
    n_columns: int
    """Number of columns of the first array of a block."""
    dtype: np.dtype[Any]
    """Type of the first array of a block."""
    block_rows: int
    """Number of rows of a block; the last block may have fewer. Use `with_block_rows` to choose another number."""
    is_streamed = False
    """Whether a worker reads its blocks anew at each pass, instead of holding them. Use `streamed` to choose so."""

    @property
    def n_blocks(self) -> int:
        """Number of blocks."""
        return ceil_div(self.n_rows, self.block_rows)

    def with_block_rows(self, block_rows: int) -> Self:
        """Return a source of the same rows whose blocks have another number of rows.

        The rows themselves are shared, not copied, and this source keeps its own blocks.

        Parameters
        ----------
        block_rows : int
            Number of rows of a block, at least 1.

        Raises
        ------
        ParameterError
            If `block_rows` is below 1.
        """
        if block_rows < 1:
            raise ParameterError(f"block_rows={block_rows}: at least 1")
        other = copy(self)
        other.block_rows = int(block_rows)
        return other

    def streamed(self) -> Self:
        """Return a source of the same rows that no worker holds in memory: each pass reads one block at a time."""
        other = copy(self)
        other.is_streamed = True
        return other

    @abstractmethod
    def load(self, span: Span) -> list[Block]:
        """Return the blocks of a span, each a tuple of C-contiguous arrays."""

    def each(self, span: Span) -> Iterator[Block]:
        """Load the blocks of a span one after the other, each when it is asked for."""
        return (self.block(number) for number in range(span.start, span.stop))

    def block(self, number: int) -> Block:
        """Return the block of that number."""
        return self.load(Span(number, number + 1))[0]

    def detached(self, span: Span) -> "BlockSource | list[Block]":
        """Return what a worker needs to have a span: the blocks, or a source that the worker reads by itself."""
        return self if self.is_streamed else self.load(span)


class ArraySource(BlockSource):
    """Rows of arrays in memory; they are in memory already, so that streaming them changes nothing.

    Parameters
    ----------
    *arrays : ndarray
        Arrays of equal length; the first has shape (n_rows, n_columns).
    block_rows : int, optional
        Number of rows of a block; default: `BLOCK_ROWS`.
    """

    def __init__(self, *arrays: NDArray[Any], block_rows: int | None = None) -> None:
        self.arrays = arrays
        self.n_rows, self.n_columns = arrays[0].shape
        self.dtype = arrays[0].dtype
        self.block_rows = block_rows or BLOCK_ROWS

    def load(self, span: Span) -> list[Block]:
        rows = self.block_rows
        return [
            tuple(np.ascontiguousarray(array[i * rows : (i + 1) * rows]) for array in self.arrays)
            for i in range(span.start, span.stop)
        ]

    def detached(self, span: Span) -> list[Block]:
        return self.load(span)


@dataclass(frozen=True)
class _RowGroup:
    file: str
    index: int
    start: int
    stop: int


class ParquetSource(BlockSource):
    """Rows of numeric columns in a Parquet file or folder, read block by block where they are needed.

    Parameters
    ----------
    path : str or Path
        Path of a file, or of a folder with `*.parquet` files at any depth, or the address of either (`s3://...`,
        or any other that fsspec knows). Files are taken in the order of their paths. Values that stand only in
        the names of partition folders are not read.
    columns : sequence of str, optional
        Names of the columns to read; default: all columns except the target.
    dtype : dtype, default=float64
        Type of the blocks, float32 or float64.
    block_rows : int, optional
        Number of rows of a block; default: `BLOCK_ROWS`.
    target : str, optional
        Name of a column of numbers, truth values or text that is the second array of each block, with the type
        that it has in the file.
    missing : bool, default=False
        Whether values may be missing; missing values are NaN in the blocks.

    Raises
    ------
    DataError
        If there is no Parquet at `path`, or files differ in their columns, or a column is not numeric. Also when
        rows are read, if a value is infinite, or is missing where that is not allowed.
    """

    def __init__(
        self,
        path: str | Path,
        columns: Iterable[str] | None = None,
        dtype: DTypeLike = np.float64,
        block_rows: int | None = None,
        target: str | None = None,
        missing: bool = False,
    ) -> None:
        self.path = str(path)
        self.dtype = np.dtype(dtype)
        self.block_rows = block_rows or BLOCK_ROWS
        self.target = target
        self.missing = missing
        self._all = columns is None
        self.columns = self._all_columns() if columns is None else list(columns)
        self.n_columns = len(self.columns)
        self.n_rows = self._row_groups[-1].stop if self._row_groups else 0

    def load(self, span: Span) -> list[Block]:
        return list(self.each(span))

    def each(self, span: Span) -> Iterator[Block]:
        last = min(span.stop * self.block_rows, self.n_rows)
        filled, targets = 0, []
        for start, values, target in self._read(span.start * self.block_rows, last):
            if not filled:
                X = np.empty((min(self.block_rows, last - start), self.n_columns), dtype=self.dtype)
            X[filled : filled + len(values)] = values
            targets += [] if target is None else [target]
            filled += len(values)
            if filled == len(X):
                yield (X, np.concatenate(targets)) if targets else (X,)
                filled, targets = 0, []

    def detached(self, span: Span) -> BlockSource:
        return self

    def _read(self, first: int, last: int) -> Iterator[tuple[int, NDArray[Any], NDArray[Any] | None]]:
        """Read rows in pieces, none of which belongs to two blocks."""
        for group in self._row_groups:
            if group.stop <= first or group.start >= last:
                continue
            for start, batch in self._batches(group, max(first, group.start), min(last, group.stop)):
                X = np.column_stack([self._numbers(batch, name, group.file) for name in self.columns])
                target = self._target(batch, group.file)
                for i, j in pairwise(self._cuts(start, start + len(X))):
                    own = slice(i - start, j - start)
                    yield i, X[own], None if target is None else target[own]

    def _batches(self, group: _RowGroup, first: int, last: int) -> Iterator[tuple[int, Any]]:
        """Read a part of a row group as tables of at most the rows of a block, for a row group may be large."""
        import pyarrow as pa

        stop = group.start
        with self._opened(group.file) as parquet:
            for batch in parquet.iter_batches(
                min(self.block_rows, BLOCK_ROWS), row_groups=[group.index], columns=self._read_columns
            ):
                start, stop = stop, stop + len(batch)
                a, b = max(first, start), min(last, stop)
                if a < b:
                    yield a, pa.Table.from_batches([batch.slice(a - start, b - a)])
                if stop >= last:
                    return

    def _cuts(self, start: int, stop: int) -> list[int]:
        """Return the ends of consecutive rows, and the ends of the blocks between them."""
        rows = self.block_rows
        return [start, *range((start // rows + 1) * rows, stop, rows), stop]

    def _numbers(self, table: Any, name: str, file: str) -> NDArray[Any]:
        values: NDArray[Any] = table.column(name).to_numpy().astype(self.dtype)
        refused = "infinite" if self.missing else "missing or infinite"
        if np.isinf(values).any() or (np.isnan(values).any() and not self.missing):
            raise DataError(f"{file}: column {name!r} has {refused} values; all must be finite numbers")
        return values

    def _target(self, table: Any, file: str) -> NDArray[Any] | None:
        if self.target is None:
            return None
        column = table.column(self.target)
        values: NDArray[Any] = column.to_numpy()
        if column.null_count or (values.dtype.kind == "f" and not np.isfinite(values).all()):
            raise DataError(
                f"{file}: target column {self.target!r} has missing or infinite values; a target must have none"
            )
        return values

    @property
    def _read_columns(self) -> list[str]:
        return self.columns if self.target is None else [*self.columns, self.target]

    @cached_property
    def _files(self) -> tuple[Any, list[str]]:
        import pyarrow.fs as fs

        filesystem, place = _located(self.path)
        info = filesystem.get_file_info(place)
        if info.type == fs.FileType.NotFound:
            raise DataError(f"no file or folder {self.path!r}: give a Parquet file or a folder of them")
        if info.type == fs.FileType.File:
            return filesystem, [place]
        found = filesystem.get_file_info(fs.FileSelector(place, recursive=True))
        files = sorted(
            f.path for f in found if f.base_name.endswith(".parquet") and f.base_name[0] not in "._"
        )
        if not files:
            raise DataError(f"{self.path}: the folder holds no .parquet file")
        return filesystem, files

    @cached_property
    def _row_groups(self) -> list[_RowGroup]:
        lengths = []
        for file in self._files[1]:
            with self._opened(file) as parquet:
                self._check(parquet.schema_arrow, file)
                metadata = parquet.metadata
            lengths += [(file, i, metadata.row_group(i).num_rows) for i in range(metadata.num_row_groups)]
        stops = accumulate(length for _, _, length in lengths)
        return [
            _RowGroup(file, i, stop - length, stop)
            for (file, i, length), stop in zip(lengths, stops, strict=True)
        ]

    @contextmanager
    def _opened(self, file: str) -> Iterator[Any]:
        import pyarrow as pa
        import pyarrow.parquet as pq

        try:
            with self._files[0].open_input_file(file) as stream:
                yield pq.ParquetFile(stream, buffer_size=READ_BYTES)
        except (pa.ArrowInvalid, OSError) as error:
            raise DataError(f"{file} cannot be read as Parquet: {error}") from error

    def _all_columns(self) -> list[str]:
        with self._opened(self._files[1][0]) as parquet:
            return [name for name in parquet.schema_arrow.names if name != self.target]

    def _check(self, schema: Any, file: str) -> None:
        import pyarrow as pa

        if self._all and set(schema.names) - {self.target} != set(self.columns):
            raise DataError(
                f"{file}: its columns {listed(schema.names)} are not those of the first file, {listed(self.columns)}"
            )
        for name in self._read_columns:
            if name not in schema.names:
                raise DataError(f"{file}: column {name!r} is missing; it has: {listed(schema.names)}")
        if self.target is not None:
            self._check_target(schema.field(self.target).type, file)
        for name in self.columns:
            kind = schema.field(name).type
            if not (pa.types.is_floating(kind) or pa.types.is_integer(kind)):
                raise DataError(f"{file}: column {name!r} is {kind}; all columns must be numbers")

    def _check_target(self, kind: Any, file: str) -> None:
        import pyarrow.types as types

        value = kind.value_type if types.is_dictionary(kind) else kind
        allowed = (
            types.is_floating,
            types.is_integer,
            types.is_boolean,
            types.is_string,
            types.is_large_string,
        )
        if not any(is_allowed(value) for is_allowed in allowed):
            raise DataError(
                f"{file}: column {self.target!r} is {kind}; a target is numbers, truth values or text"
            )


def _located(path: str) -> tuple[Any, str]:
    """Return Arrow's filesystem for a path or address, and the path within that filesystem."""
    import pyarrow.fs as fs

    if "://" not in path:
        return fs.LocalFileSystem(), str(Path(path).absolute())
    return arrow_filesystem(path)


def cut_span(
    kernel: Callable[..., Any], blocks: Sequence[Block], start: int, targets: tuple[Span, ...], *state: Any
) -> list[list[list[Block]]]:
    """Run one worker's part of a `shuffle`: cut each block into the parts of the blocks of the result.

    Parameters
    ----------
    kernel : callable
        Function that is called as `kernel(number, *block, *state)` and returns the parts of one block.
    blocks : sequence of tuple of ndarray
        Blocks of the worker.
    start : int
        Number of the first of these blocks.
    targets : tuple of Span
        Spans of the result.
    *state : object
        Further arguments of the kernel.

    Returns
    -------
    list of list of list of tuple of ndarray
        For each target span, and for each block, the parts of the block that go to that span.
    """
    cuts = [kernel(number, *block, *state) for number, block in enumerate(blocks, start)]
    return [[cut[target.start : target.stop] for cut in cuts] for target in targets]


def joined(cuts: Iterable[list[Block]]) -> list[Block]:
    """Return the blocks that join the parts with the same index of all cuts, in their order."""
    return [
        tuple(np.concatenate(arrays) for arrays in zip(*parts, strict=True))
        for parts in zip(*cuts, strict=True)
    ]
