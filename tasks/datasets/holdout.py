"""Hold-outs: rows that are set aside with a fixed seed before any search, so that no search sees these rows."""

import numpy as np

from infra.errors import DataError
from tasks.datasets.checking import HOLDOUT_PER_CLASS, HOLDOUT_SHARE
from tasks.datasets.prepared import PreparedDataset, RowNumbers, Target

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
    test = np.sort(np.random.default_rng(HOLDOUT_SEED).permutation(len(y))[: _total(y, rows)])
    return np.setdiff1d(np.arange(len(y)), test), test


def stratified_holdout(
    dataset: PreparedDataset, y: Target, rows: int | None = None
) -> tuple[RowNumbers, RowNumbers]:
    """Hold out rows of each class in proportion, at least two a class.

    Parameters
    ----------
    dataset : PreparedDataset
        The data set that the rows belong to.
    y : numpy.ndarray of shape (rows,)
        Codes of the classes.
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
    counts = np.bincount(y, minlength=len(dataset.classes))
    takes = _shares(counts, total)
    for name, count, take in zip(dataset.classes, counts, takes, strict=True):
        if take >= count:
            raise DataError(
                f"class '{name}' of data set '{dataset.name}' has {count} rows, and holding out {take} "
                f"(rows={total} in all, at least {HOLDOUT_PER_CLASS} a class) leaves none to train on"
            )
    chosen = [generator.permutation(np.flatnonzero(y == code))[:take] for code, take in enumerate(takes)]
    test = np.sort(np.concatenate(chosen))
    return np.setdiff1d(np.arange(len(y)), test), test


def _total(y: Target, rows: int | None) -> int:
    return round(len(y) * HOLDOUT_SHARE) if rows is None else rows


def _shares(counts: RowNumbers, total: int) -> list[int]:
    """Number of rows to hold out of each class: in proportion, largest remainders rounded up, at least two."""
    exact = counts * total / counts.sum()
    takes = np.floor(exact).astype(int)
    takes[np.argsort(takes - exact, kind="stable")[: total - takes.sum()]] += 1
    return [max(HOLDOUT_PER_CLASS, int(take)) for take in takes]
