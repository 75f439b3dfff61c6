"""Names for columns without a name: the place of the column, unless it holds the index of another program."""

from collections.abc import Callable, Iterable, Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from tasks.datasets.files.base import IsWanted
from tasks.datasets.suspects.row_numbers import are_unique_whole_numbers

HEAD = 1_000  # number of cells that show cheaply that a column holds no index


def named(
    names: Sequence[str],
    filled: Iterable[int],
    texts: Callable[[int], pa.ChunkedArray],
    is_wanted: IsWanted,
) -> tuple[list[str], list[str]]:
    """Names of columns, in which columns without a name that hold values are called by their place.

    The first column keeps its empty name if whole numbers that are all different stand in it, because other programs
    write an index so. A column that is wanted without the empty name is no such index: the training table had other
    values there.

    Parameters
    ----------
    names : sequence of str
        Names of the columns; an empty text for a column without a name.
    filled : iterable of int
        Places (from 0) of the columns that hold values.
    texts : callable
        Function that gives the cells of the column at a place, as texts.
    is_wanted : callable
        Function that tells whether a column of a name is read.

    Returns
    -------
    names : list of str
        The names; the empty name is left for an index and for columns without values.
    notes : list of str
        A sentence about each column that got a name.
    """
    called, notes = list(names), []
    for place in filled:
        if names[place] or (place == 0 and is_wanted("") and _is_index(texts(place))):
            continue
        called[place] = _free_name(place, called)
        if is_wanted(called[place]):
            notes.append(
                f"{called[place]}: the file has no name for this column, which is called by its place"
            )
    return called, notes


def _free_name(place: int, names: Sequence[str]) -> str:
    name = f"column {place + 1}"
    while name in names:
        name += " without a name"
    return name


def _is_index(texts: pa.ChunkedArray) -> bool:
    return all(_are_unique(cells) for cells in (texts[:HEAD], texts))


def _are_unique(texts: pa.ChunkedArray) -> bool:
    try:
        numbers = pc.utf8_trim_whitespace(texts).cast(pa.float64())
    except pa.ArrowInvalid:
        return False
    return not numbers.null_count and are_unique_whole_numbers(np.asarray(numbers))
