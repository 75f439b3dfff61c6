"""Hold-outs: rows that are set aside with a fixed seed before any search, so that no search sees these rows."""

from collections.abc import Sequence

import numpy as np

from infra.errors import DataError
from tasks.datasets.checking import HOLDOUT_PER_CLASS, HOLDOUT_SHARE
from tasks.datasets.prepared import RowNumbers, Target

HOLDOUT_SEED = 20260101


def random_holdout(y: Target, rows: int | None = None) -> tuple[RowNumbers, RowNumbers]:
    """Hold out rows at random.

    Parameters
    ----------
    y : numpy.ndarray of shape (rows,)
        The target.
    rows : int, optional
        Number of rows to hold out; None: 19.4 %, on the diabetes table 149 of 768, as published work does.

    Returns
    -------
    train, test : numpy.ndarray of intp
        Row numbers in ascending order.
    """
    return _split(len(y), np.random.default_rng(HOLDOUT_SEED).permutation(len(y))[: _total(y, rows)])


def stratified_holdout(
    y: Target, classes: Sequence[str], rows: int | None = None
) -> tuple[RowNumbers, RowNumbers]:
    """Hold out rows of each class in proportion, at least two a class.

    Parameters
    ----------
    y : numpy.ndarray of shape (rows,)
        Codes of the classes.
    classes : sequence of str
        Name of the class of each code.
    rows : int, optional
        Number of rows to hold out; None: 19.4 %, on the diabetes table 149 of 768, as published work does.

    Returns
    -------
    train, test : numpy.ndarray of intp
        Row numbers in ascending order.

    Raises
    ------
    DataError
        If a class has no row left for training.
    """
    total = _total(y, rows)
    generator = np.random.default_rng(HOLDOUT_SEED)
    counts = np.bincount(y, minlength=len(classes))
    takes = _shares(counts, total)
    for name, count, take in zip(classes, counts, takes, strict=True):
        if take >= count:
            raise DataError(
                f"class '{name}' has {count} rows, and holding out {take} (rows={total} in all, at least "
                f"{HOLDOUT_PER_CLASS} a class) leaves none to train on"
            )
    chosen = [generator.permutation(np.flatnonzero(y == code))[:take] for code, take in enumerate(takes)]
    return _split(len(y), np.concatenate(chosen))


def _split(rows: int, held_out: RowNumbers) -> tuple[RowNumbers, RowNumbers]:
    """Numbers of the other rows and of the held-out rows, both in ascending order."""
    is_held_out = np.zeros(rows, bool)
    is_held_out[held_out] = True
    return np.flatnonzero(~is_held_out), np.flatnonzero(is_held_out)


def _total(y: Target, rows: int | None) -> int:
    return round(len(y) * HOLDOUT_SHARE) if rows is None else rows


def _shares(counts: RowNumbers, total: int) -> list[int]:
    """Number of rows to hold out of each class: in proportion, largest remainders rounded up, at least two."""
    exact = counts * total / counts.sum()
    takes = np.floor(exact).astype(int)
    takes[np.argsort(takes - exact, kind="stable")[: total - takes.sum()]] += 1
    return [max(HOLDOUT_PER_CLASS, int(take)) for take in takes]
