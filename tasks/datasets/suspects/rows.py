"""Rows that stand twice in a table, and so on both sides of a split."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from tasks.datasets.frames import is_category
from tasks.datasets.notes import warning


@dataclass(frozen=True)
class RepeatedRows:
    """Numbers of rows that equal another row in all features.

    Parameters
    ----------
    rows : int
        Number of rows that equal at least one other row in all features and in the target.
    kinds : int
        Number of different rows among these rows: so many would be left without the copies.
    disputed : int
        Number of rows that equal a row in all features which has another target.
    leaked : int
        Number of held-out rows that equal a training row in all features and in the target.
    held_out : int
        Number of held-out rows.
    has_target : bool
        Whether the rows have a target.
    of_sample : bool
        Whether only a sample of the rows was compared.
    """

    rows: int
    kinds: int
    disputed: int
    leaked: int
    held_out: int
    has_target: bool
    of_sample: bool = False

    @property
    def notes(self) -> list[str]:
        """What was found, what was done, and what it means for scores; empty without repeated rows."""
        equal = "equal to another row in all columns that models use"
        of = "of the sample " if self.of_sample else ""
        notes = []
        if self.rows:
            target = " and in the target" if self.has_target else ""
            kinds = f"{self.kinds:,} different {'row' if self.kinds == 1 else 'rows'}"
            told = f"{self.rows:,} rows {of}are {equal}{target} ({kinds}); all are kept"
            notes.append(warning(f"{told}, {self._meaning}") if self.leaked else f"{told}, {self._meaning}")
        if self.disputed:
            told = f"{self.disputed:,} rows {of}are {equal}, but have another target"
            notes.append(f"{told}; all are kept, and no model can predict all of them right")
        return notes

    @property
    def _meaning(self) -> str:
        if not self.has_target:
            return "and each of them counts"
        if self.of_sample:
            return "and such rows can stand both among the training rows and among the held-out rows"
        if not self.leaked:
            return (
                "and no held-out row stands among the training rows, but the folds of the cross-validation can share "
                "such rows"
            )
        return (
            f"and {self.leaked:,} of {self.held_out:,} held-out rows stand among the training rows too, so scores can "
            "be better than on new rows; delete the copies from the file if one case was recorded twice"
        )


def repeated_rows(
    frame: pd.DataFrame,
    target: npt.NDArray[np.generic] | None = None,
    held_out: npt.NDArray[np.intp] | None = None,
    *,
    of_sample: bool = False,
) -> RepeatedRows:
    """Count the rows that stand more than once in a table; two missing values are equal.

    Parameters
    ----------
    frame : pandas.DataFrame of shape (rows, n_features)
        The features.
    target : numpy.ndarray of shape (rows,), optional
        The target, which belongs to the row.
    held_out : numpy.ndarray of intp, optional
        Numbers of the held-out rows.
    of_sample : bool
        Whether the rows are a sample of a table.
    """
    groups = _groups([_comparable(column) for _, column in frame.items()], len(frame))
    shared = np.flatnonzero(np.bincount(groups, minlength=1)[groups] > 1)
    labels = np.zeros(len(frame), np.intp) if target is None else pd.factorize(target)[0]
    whole = pd.factorize(groups[shared] * (labels.max(initial=0) + 1) + labels[shared])[0]
    sizes = np.bincount(whole, minlength=1)
    is_held = np.zeros(len(frame), bool)
    is_held[[] if held_out is None else held_out] = True
    is_held = is_held[shared]
    trained = np.bincount(whole[~is_held], minlength=len(sizes))
    return RepeatedRows(
        rows=int(sizes[sizes > 1].sum()),
        kinds=int((sizes > 1).sum()),
        disputed=_count_disputed(groups[shared], whole),
        leaked=int((trained[whole[is_held]] > 0).sum()),
        held_out=0 if held_out is None else len(held_out),
        has_target=target is not None,
        of_sample=of_sample,
    )


def _count_disputed(groups: npt.NDArray[np.intp], whole: npt.NDArray[np.intp]) -> int:
    """Number of rows in groups of equal features that hold different whole rows.

    Parameters
    ----------
    groups : numpy.ndarray of intp, shape (rows,)
        Number of each row's group of equal features.
    whole : numpy.ndarray of intp, shape (rows,)
        Number of each row's group of equal features and targets.
    """
    first = np.unique(whole, return_index=True)[1]
    targets = np.bincount(groups[first], minlength=1)
    return int((targets[groups] > 1).sum())


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
