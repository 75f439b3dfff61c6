"""Blocks that a worker reads anew at each pass, from their source or from a file that its first pass wrote."""

import logging
import os
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from tempfile import TemporaryFile, gettempdir
from typing import IO, overload

import numpy as np
from dask.utils import format_bytes

from infra.engines.blocks import Block, BlockSource, Span
from infra.free_memory import give_back_freed_memory

SPARE = 2**30
"""Bytes of the disk that the file leaves free."""

log = logging.getLogger(__name__)


class StreamedBlocks(Sequence[Block]):
    """The blocks of a span, each read anew whenever it is asked for.

    Parameters
    ----------
    source : BlockSource
        Source that the blocks are read from.
    span : Span
        Numbers of the blocks.
    """

    def __init__(self, source: BlockSource, span: Span) -> None:
        self.source = source
        self._span = span

    @property
    def n_bytes(self) -> int:
        """Number of bytes of the first arrays of the blocks."""
        return len(self) * self.source.block_rows * self.source.n_columns * self.source.dtype.itemsize

    def of(self, source: BlockSource) -> "StreamedBlocks":
        """Return the blocks of the same span of another source.

        Parameters
        ----------
        source : BlockSource
            The other source.
        """
        return StreamedBlocks(source, self._span)

    def __len__(self) -> int:
        return self._span.stop - self._span.start

    def __iter__(self) -> Iterator[Block]:
        return self.source.each(self._span)

    @overload
    def __getitem__(self, index: int) -> Block: ...
    @overload
    def __getitem__(self, index: slice) -> "StreamedBlocks": ...
    def __getitem__(self, index: int | slice) -> "Block | StreamedBlocks":
        numbers = range(self._span.start, self._span.stop)[index]
        if isinstance(numbers, int):
            return self.source.block(numbers)
        return StreamedBlocks(self.source, Span(numbers.start, numbers.stop))


def resident(detached: "BlockSource | list[Block]", span: Span) -> Sequence[Block]:
    """Return the blocks of a span from what `BlockSource.detached` returned: in memory, or read at each pass."""
    if not isinstance(detached, BlockSource):
        return detached
    return StreamedBlocks(detached, span) if detached.is_streamed else detached.load(span)


class KeptSource(BlockSource):
    """Blocks of another source that are computed once, and read from a file of their arrays from then on.

    Parameters
    ----------
    source : BlockSource
        The source of the blocks.
    file : binary file
        Empty file, open for writing and reading; one thread uses it.
    """

    is_streamed = True

    def __init__(self, source: BlockSource, file: IO[bytes]) -> None:
        self.source = source
        self.n_rows, self.n_columns = source.n_rows, source.n_columns
        self.dtype, self.block_rows = source.dtype, source.block_rows
        self._file = file
        self._places: dict[int, tuple[int, int]] = {}  # by block: start in the file, number of arrays

    def load(self, span: Span) -> list[Block]:
        return list(self.each(span))

    def each(self, span: Span) -> Iterator[Block]:
        numbers = range(span.start, span.stop)
        missing = next((number for number in numbers if number not in self._places), span.stop)
        for number in range(span.start, missing):
            yield self._read(number)
        for number, block in enumerate(self.source.each(Span(missing, span.stop)), missing):
            self._write(number, block)
            yield block

    def _read(self, number: int) -> Block:
        start, count = self._places[number]
        self._file.seek(start)
        return tuple(np.load(self._file, allow_pickle=True) for _ in range(count))

    def _write(self, number: int, block: Block) -> None:
        start = self._file.seek(0, os.SEEK_END)
        for array in block:
            np.save(self._file, array, allow_pickle=True)  # classes may be texts
        self._file.flush()
        self._places[number] = start, len(block)


@contextmanager
def kept_blocks(blocks: Sequence[Block]) -> Iterator[Sequence[Block]]:
    """Keep streamed blocks in a temporary file after the first pass over them; other blocks stay as they are.

    With 800,000 rows of 28 columns, a pass over the file takes 0.02 s of processor time, and a pass that decodes
    Parquet and prepares its columns 1.0 s. The file has no name, so that nothing stays on the disk when the process
    ends, not even when it is killed. If the disk has too little space for the file, each pass reads the source, and
    the log says so.

    Parameters
    ----------
    blocks : sequence of Block
        Blocks that are to be read several times, by one thread.

    Yields
    ------
    sequence of Block

    Examples
    --------
    >>> import numpy as np
    >>> from infra.engines.blocks import ArraySource, Span
    >>> from infra.engines.streaming import StreamedBlocks, kept_blocks
    >>> blocks = StreamedBlocks(ArraySource(np.eye(4), block_rows=3), Span(0, 2))
    >>> with kept_blocks(blocks) as kept:
    ...     [len(X) for (X,) in kept], [len(X) for (X,) in kept]
    ([3, 1], [3, 1])
    """
    if not isinstance(blocks, StreamedBlocks):
        yield blocks
        return
    give_back_freed_memory()  # of the work before, because a table that is streamed takes most of the memory
    needed, free = blocks.n_bytes + SPARE, shutil.disk_usage(gettempdir()).free
    if needed > free:
        log.warning(
            "each pass reads the table anew, which is slow: its rows as numbers need %s in the folder %s of temporary "
            "files, which has %s free; the variable TMPDIR names another folder",
            *(format_bytes(needed), gettempdir(), format_bytes(free)),
        )
        yield blocks
        return
    with TemporaryFile() as file:
        yield blocks.of(KeptSource(blocks.source, file))
