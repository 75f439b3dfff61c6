"""Rows that stand twice in a table, and so on both sides of a split."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from tasks.datasets.frames import is_category


@dataclass(frozen=True)
class RepeatedRows:
    """Numbers of rows that equal another row in all features and in the target.

    Parameters
    ----------
    rows : int
        Number of rows that equal at least one other row.
    copies : int
        Number of rows that equal an earlier row: so many rows fewer would be left without the copies.
    held_out : int
        Number of held-out rows that equal a row that is not held out.
    """

    rows: int
    copies: int
    held_out: int

    @property
    def note(self) -> str:
        """The finding in one sentence; empty without repeated rows."""
        if not self.rows:
            return ""
        known = (
            f"; {self.held_out:,} held-out rows have a copy among the training rows" if self.held_out else ""
        )
        return f"{self.rows:,} rows are equal to another row in all columns{known}"


def repeated_rows(
    frame: pd.DataFrame,
    target: npt.NDArray[np.generic] | None = None,
    held_out: npt.NDArray[np.bool_] | None = None,
) -> RepeatedRows:
    """Count the rows that stand more than once in a table; two missing values are equal.

    Parameters
    ----------
    frame : pandas.DataFrame of shape (rows, n_features)
        The features.
    target : numpy.ndarray of shape (rows,), optional
        The target, which belongs to the row.
    held_out : numpy.ndarray of shape (rows,), dtype bool, optional
        Mask of the held-out rows.
    """
    columns = [_comparable(column) for _, column in frame.items()]
    groups = _groups([*columns, *([] if target is None else [target])], len(frame))
    sizes = np.bincount(groups, minlength=1)
    outside = np.bincount(groups[~held_out], minlength=len(sizes)) if held_out is not None else sizes
    known = outside[groups[held_out]] > 0 if held_out is not None else np.zeros(0, dtype=bool)
    return RepeatedRows(
        rows=int(sizes[sizes > 1].sum()), copies=int((sizes[sizes > 1] - 1).sum()), held_out=int(known.sum())
    )


def _comparable(column: pd.Series) -> npt.NDArray[np.generic]:
    if is_category(column):
        return np.asarray(column.cat.codes)
    return column.to_numpy() + 0.0  # -0.0 becomes 0.0, which equals it


def _groups(columns: list[npt.NDArray[np.generic]], rows: int) -> npt.NDArray[np.intp]:
    """Number of each row's group of equal rows.

    Rows are sorted by a digest, and neighbours of the same digest are compared in all columns, because rows that
    differ may have the same digest.
    """
    digests = np.zeros(rows, dtype=np.uint64)
    for column in columns:
        digests = digests * np.uint64(0x9E3779B97F4A7C15) + pd.util.hash_array(column)
    order = np.argsort(digests, kind="stable")
    same = np.diff(digests[order]) == 0
    pairs = np.flatnonzero(same)
    for column in columns:
        one, other = column[order[pairs]], column[order[pairs + 1]]
        same[pairs] &= (one == other) | ((one != one) & (other != other))
    groups = np.empty(rows, dtype=np.intp)
    groups[order] = np.concatenate(([0], np.cumsum(~same)))[:rows]
    return groups
