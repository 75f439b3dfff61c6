"""Rows as blocks of a fixed size, from arrays or from Parquet, and the fixed tree that merges their results."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property
from itertools import accumulate, pairwise
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

from infra.errors import DataError

BLOCK_ROWS = 65_536
Block = tuple[NDArray[Any], ...]


@dataclass(frozen=True)
class Span:
    """The consecutive blocks `start` to `stop` (exclusive) that one worker holds."""

    start: int
    stop: int


def split_evenly(n_blocks: int, workers: int) -> tuple[Span, ...]:
    """Consecutive spans of nearly equal length, at most one a worker, none of them empty."""
    count = max(1, min(n_blocks, workers))
    edges = [n_blocks * i // count for i in range(count + 1)]
    return tuple(Span(a, b) for a, b in pairwise(edges))


class BlockSource(ABC):
    """Where rows come from; knows how to cut any span of blocks out of them."""

    n_rows: int
    n_columns: int
    dtype: np.dtype[Any]
    block_rows: int

    @property
    def n_blocks(self) -> int:
        return -(-self.n_rows // self.block_rows)

    @abstractmethod
    def load(self, span: Span) -> list[Block]:
        """Return the blocks of `span`, each a tuple of C-contiguous arrays."""

    def block(self, number: int) -> Block:
        """Return one block."""
        return self.load(Span(number, number + 1))[0]

    def detached(self, span: Span) -> "BlockSource | list[Block]":
        """What has to travel so that a worker has `span`: the blocks, or the way to read them."""
        return self.load(span)


def resident(detached: "BlockSource | list[Block]", span: Span) -> list[Block]:
    """Blocks of `span` from what `BlockSource.detached` sent."""
    return detached.load(span) if isinstance(detached, BlockSource) else detached


class ArraySource(BlockSource):
    """Rows of arrays in memory, of equal length; the first has shape (n_rows, n_columns)."""

    def __init__(self, *arrays: NDArray[Any], block_rows: int = BLOCK_ROWS) -> None:
        self.arrays = arrays
        self.n_rows, self.n_columns = arrays[0].shape
        self.dtype = arrays[0].dtype
        self.block_rows = block_rows

    def load(self, span: Span) -> list[Block]:
        rows = self.block_rows
        return [
            tuple(np.ascontiguousarray(array[i * rows : (i + 1) * rows]) for array in self.arrays)
            for i in range(span.start, span.stop)
        ]


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
        A file, a folder of `*.parquet` files (taken in the order of their names), or such an address for
        fsspec (`s3://...`).
    columns : sequence of str, optional
        Columns to read; default: all.
    dtype : dtype
        Type of the blocks, float32 or float64.
    """

    def __init__(
        self,
        path: str | Path,
        columns: Iterable[str] | None = None,
        dtype: DTypeLike = np.float64,
        block_rows: int = BLOCK_ROWS,
    ) -> None:
        self.path = str(path)
        self.dtype = np.dtype(dtype)
        self.block_rows = block_rows
        self.columns = list(columns) if columns is not None else self._numeric_columns()
        self.n_columns = len(self.columns)
        self.n_rows = self._row_groups[-1].stop if self._row_groups else 0

    def load(self, span: Span) -> list[Block]:
        rows = self.block_rows
        first, last = span.start * rows, min(span.stop * rows, self.n_rows)
        X = np.empty((last - first, self.n_columns), dtype=self.dtype)
        for start, values in self._read(first, last):
            X[start - first : start - first + len(values)] = values
        return [(X[i : i + rows],) for i in range(0, len(X), rows)]

    def detached(self, span: Span) -> BlockSource:
        return self

    def _read(self, first: int, last: int) -> Iterator[tuple[int, NDArray[Any]]]:
        import pyarrow.parquet as pq

        filesystem, _ = self._files
        for group in self._row_groups:
            if group.stop <= first or group.start >= last:
                continue
            with filesystem.open_input_file(group.file) as opened:
                table = pq.ParquetFile(opened).read_row_group(group.index, columns=self.columns)
            a, b = max(first, group.start), min(last, group.stop)
            part = table.slice(a - group.start, b - a)
            columns = [part.column(name).to_numpy().astype(self.dtype) for name in self.columns]
            yield a, np.column_stack(columns)

    @cached_property
    def _files(self) -> tuple[Any, list[str]]:
        import pyarrow.fs as fs

        if "://" in self.path:
            filesystem, place = fs.FileSystem.from_uri(self.path)
        else:
            filesystem, place = fs.LocalFileSystem(), str(Path(self.path).absolute())
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
        import pyarrow.parquet as pq

        filesystem, files = self._files
        lengths = []
        for file in files:
            with filesystem.open_input_file(file) as opened:
                metadata = pq.ParquetFile(opened).metadata
            lengths += [(file, i, metadata.row_group(i).num_rows) for i in range(metadata.num_row_groups)]
        stops = accumulate(length for _, _, length in lengths)
        return [
            _RowGroup(file, i, stop - length, stop)
            for (file, i, length), stop in zip(lengths, stops, strict=True)
        ]

    def _numeric_columns(self) -> list[str]:
        import pyarrow as pa
        import pyarrow.parquet as pq

        filesystem, files = self._files
        with filesystem.open_input_file(files[0]) as opened:
            schema = pq.ParquetFile(opened).schema_arrow
        wrong = [f.name for f in schema if not (pa.types.is_floating(f.type) or pa.types.is_integer(f.type))]
        if wrong:
            raise DataError(f"{self.path}: column {wrong[0]!r} is not numeric; all columns must be numbers")
        return list(schema.names)


@dataclass(frozen=True)
class Node:
    """The merged result of the blocks `index * 2**level` to `(index + 1) * 2**level` (exclusive)."""

    level: int
    index: int
    value: Any


def fold(nodes: Iterable[Node], merge: Callable[[Any, Any], Any]) -> list[Node]:
    """Merge neighbours that are siblings in the binary tree over block numbers, as far as they go.

    Consecutive spans fold apart and their nodes fold again together: the merges are the same ones, on
    the same operands, wherever the spans were cut.
    """
    stack: list[Node] = []
    for node in nodes:
        while stack and stack[-1].level == node.level and stack[-1].index ^ 1 == node.index:
            node = Node(node.level + 1, node.index >> 1, merge(stack.pop().value, node.value))
        stack.append(node)
    return stack


def leaves(partials: Iterable[Any], start: int) -> Iterator[Node]:
    """Results of consecutive blocks, the first of them number `start`, as leaves of the tree."""
    return (Node(0, i, value) for i, value in enumerate(partials, start))


def finish(nodes: Iterable[Node], merge: Callable[[Any, Any], Any]) -> Any:
    """Merge the nodes of all spans, in their order, into one result."""
    *rest, last = fold(nodes, merge)
    result = last.value
    for node in reversed(rest):
        result = merge(node.value, result)
    return result


def reduce_span(
    kernel: Callable[..., Any], merge: Callable[[Any, Any], Any], blocks: list[Block], start: int, *state: Any
) -> list[Node]:
    """One worker's part of a `reduce`: kernel on each block, siblings merged at once."""
    return fold(leaves((kernel(*block, *state) for block in blocks), start), merge)
