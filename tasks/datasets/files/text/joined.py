"""Headers among the rows, as files have that were joined to one file."""

from collections.abc import Callable, Iterable
from itertools import islice

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from tasks.datasets.files.text.layout import TextLayout

SHOWN = 5  # number of lines that the note names


def without_headers(
    table: pa.Table, layout: TextLayout, lines: Callable[[], Iterable[int]]
) -> tuple[pa.Table, list[str]]:
    """The table without rows that repeat the header, and a note on these rows.

    Parameters
    ----------
    table : pyarrow.Table
        The rows as columns of strings.
    layout : TextLayout
        The layout of the file, with its header.
    lines : callable
        Function that gives the numbers of the lines that repeat the header.

    Returns
    -------
    table : pyarrow.Table
        The same object if no row repeats the header.
    notes : list of str
        A sentence with the number of rows and their lines.
    """
    repeats = _repeats(table, layout)
    if not len(repeats):
        return table, []
    is_row = np.ones(len(table), bool)
    is_row[repeats] = False
    shown = ", ".join(map(str, islice(lines(), SHOWN)))
    more = f" and {len(repeats) - SHOWN:,} more" if len(repeats) > SHOWN else ""
    if len(repeats) == 1:
        told = f"1 row repeats the header and was left out (line {shown})"
    else:
        told = f"{len(repeats):,} rows repeat the header and were left out (lines {shown}{more})"
    return table.filter(pa.array(is_row)), [told]


def _repeats(table: pa.Table, layout: TextLayout) -> npt.NDArray[np.intp]:
    """Numbers of the rows that repeat the header; the last column is compared first, because its cells are plain."""
    if not layout.header:
        return np.zeros(0, np.intp)
    last = pc.utf8_trim_whitespace(table.column(len(layout.header) - 1))
    rows = np.flatnonzero(pc.equal(last, layout.header[-1]).to_numpy())
    for name, column in zip(layout.header[1:-1], table.columns[1:-1], strict=True):
        if not len(rows):
            return rows
        rows = rows[pc.equal(pc.utf8_trim_whitespace(column.take(rows)), name).to_numpy()]
    cells = table.column(0).take(rows).to_pylist()
    return rows[[layout.repeats_header([cell, *layout.header[1:]]) for cell in cells]]
