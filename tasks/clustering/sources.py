"""Rows of a source together with a second array: the weights of the rows, or the clusters they belong to."""

from collections.abc import Iterator
from typing import Any, NamedTuple, Self

import numpy as np
from numpy.typing import NDArray

from infra.engines import BlockSource
from infra.engines.blocks import Block, Span

Array = NDArray[Any]
NO_WEIGHTS: Array = np.empty(0)
"""Weights of rows that all weigh 1."""


class WeightedRows(NamedTuple):
    """Rows and their weights."""

    X: Array
    """float32 or float64, shape (n_rows, n_features)."""
    weights: Array
    """float64, shape (n_rows,); or empty: every row weighs 1."""

    def take(self, rows: Any) -> "WeightedRows":
        """Select rows by an index, a mask or a slice."""
        return WeightedRows(self.X[rows], self.weights[rows] if len(self.weights) else self.weights)

    def weight_of_each(self) -> Array:
        """Weight of every row, float64, shape (n_rows,)."""
        return self.weights if len(self.weights) else np.ones(len(self.X))


class PairedSource(BlockSource):
    """Rows of another source; each block has a second array with a part for its rows.

    Parameters
    ----------
    rows : BlockSource
        Source of the rows: the first array of its blocks.
    paired : ndarray of shape (n_rows, ...), or of shape (0,)
        The second array. An empty array is the second array of every block.
    first : int
        Number of the row that the second array begins with.
    """

    def __init__(self, rows: BlockSource, paired: Array, first: int = 0) -> None:
        self.rows = rows
        self.paired = paired
        self.first = first
        self.n_rows, self.n_columns = rows.n_rows, rows.n_columns
        self.dtype, self.block_rows, self.is_streamed = rows.dtype, rows.block_rows, rows.is_streamed

    def streamed(self) -> Self:
        other = super().streamed()
        other.rows = self.rows.streamed()
        return other

    def load(self, span: Span) -> list[Block]:
        return list(self.each(span))

    def each(self, span: Span) -> Iterator[Block]:
        starts = range(span.start * self.block_rows - self.first, self.n_rows - self.first, self.block_rows)
        for start, block in zip(starts, self.rows.each(span), strict=False):
            yield block[0], self.paired[start : start + self.block_rows]

    def detached(self, span: Span) -> BlockSource | list[Block]:
        if not isinstance(self.rows.detached(span), BlockSource):
            return self.load(span)
        # the worker reads the rows by itself, and is sent its own part of the second array
        start, stop = span.start * self.block_rows, span.stop * self.block_rows
        return PairedSource(self.rows, self.paired[start - self.first : stop - self.first], start)
