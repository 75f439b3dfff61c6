"""Blocks that a worker reads anew at each pass, from their source or from files that its first pass wrote."""

import logging
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import overload

import numpy as np
from dask.utils import format_bytes

from infra.engines.blocks import Block, BlockSource, Span

SPARE = 2**30
"""Bytes of the disk that the files leave free."""

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
    """Blocks of another source that are computed once, and read from files of their arrays from then on.

    Parameters
    ----------
    source : BlockSource
        The source of the blocks.
    folder : Path
        Folder of the files.
    """

    is_streamed = True

    def __init__(self, source: BlockSource, folder: Path) -> None:
        self.source = source
        self.folder = folder
        self.n_rows, self.n_columns = source.n_rows, source.n_columns
        self.dtype, self.block_rows = source.dtype, source.block_rows

    def load(self, span: Span) -> list[Block]:
        return list(self.each(span))

    def each(self, span: Span) -> Iterator[Block]:
        numbers = range(span.start, span.stop)
        missing = next((number for number in numbers if not self._file(number).is_file()), span.stop)
        for number in range(span.start, missing):
            yield self._read(number)
        for number, block in enumerate(self.source.each(Span(missing, span.stop)), missing):
            self._write(number, block)
            yield block

    def _file(self, number: int) -> Path:
        return self.folder / f"{number}.arrays"

    def _read(self, number: int) -> Block:
        with self._file(number).open("rb") as file:
            count = int(np.load(file))
            return tuple(np.load(file, allow_pickle=True) for _ in range(count))

    def _write(self, number: int, block: Block) -> None:
        unfinished = self.folder / "unfinished"
        with unfinished.open("wb") as file:
            np.save(file, np.array(len(block)))
            for array in block:
                np.save(file, array, allow_pickle=True)  # classes may be texts
        unfinished.replace(self._file(number))


@contextmanager
def kept_blocks(blocks: Sequence[Block]) -> Iterator[Sequence[Block]]:
    """Keep streamed blocks in temporary files after the first pass over them; other blocks stay as they are.

    A pass over files takes a tenth of the time of a pass that decodes Parquet and prepares its columns. The files live
    as long as the context. If the disk has too little space for them, each pass reads the source, and the log says so.

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
    with TemporaryDirectory(prefix="trilla-blocks-") as folder:
        free = shutil.disk_usage(folder).free
        if blocks.n_bytes + SPARE > free:
            log.warning(
                "each pass reads the table anew, which is slow: its rows as numbers need %s in the folder %s of "
                "temporary files, which has %s free; the variable TMPDIR names another folder",
                *(format_bytes(blocks.n_bytes + SPARE), Path(folder).parent, format_bytes(free)),
            )
            yield blocks
            return
        yield blocks.of(KeptSource(blocks.source, Path(folder)))
