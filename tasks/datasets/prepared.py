"""A prepared data set: a cleaned table or packed images on disk, and how their rows are split and read."""

import hashlib
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow.parquet as pq
from pydantic import BaseModel, ConfigDict, Field

from infra.errors import DataError
from tasks.datasets.catalogue import Task
from tasks.datasets.reading import HOLDOUT_PER_CLASS, HOLDOUT_SHARE

HOLDOUT_SEED = 20260101

Target = npt.NDArray[Any]
RowNumbers = npt.NDArray[np.intp]


class PreparedDataset(BaseModel):
    """A cleaned table or packed images on disk, known by their digest; small enough to travel to workers."""

    model_config = ConfigDict(frozen=True)

    name: str
    task: Task
    path: str = Field(
        description="Parquet file: features in the order of the source, then the target (classes as codes); or "
        "a folder of packed images."
    )
    sha256: str = Field(description="Digest of the file's bytes.")
    target: str | None
    classes: list[str] = Field(description="Class of each code 0, 1, ...; empty without classes.")
    numeric: list[str] = Field(description="Columns of float64; missing is null.")
    categorical: list[str] = Field(description="Columns of text; missing is null.")
    rows: int
    notes: list[str] = Field(description="What cleaning did, with counts.")
    provenance: str
    caution: str = Field("", description="What to know before the figures, such as that others stand in.")
    epochs: int | None = Field(
        None, description="Epochs that networks train for; None: few and small ones, for a first look."
    )

    @property
    def columns(self) -> list[str]:
        """All feature columns: the numeric ones, then the categories."""
        return [*self.numeric, *self.categorical]

    def load(self) -> tuple[Any, Target | None]:
        """Read features and target, once a process.

        Returns
        -------
        features : pandas.DataFrame of shape (rows, n_features), or numpy.ndarray of shape (rows, size, size, 3)
            float64 (missing: NaN) and category columns; shared within the process, so not to be written into.
            Images are a memory-mapped uint8 array.
        y : numpy.ndarray of shape (rows,), or None
            Codes into `classes` (int64), or the quantity to predict (float64); None for clustering.

        Raises
        ------
        DataError
            If the file is gone or its digest is not the one it was prepared with.
        """
        if self.task == "vision":
            return _load_images(self.path)
        features, y = _load(self.path, self.sha256, self.target)
        return features.copy(deep=False), None if y is None else y.copy()


def holdout(prepared: PreparedDataset, y: Target, rows: int | None = None) -> tuple[RowNumbers, RowNumbers]:
    """Set rows aside that no search sees, by a fixed seed: of each class its share, and at least two.

    Parameters
    ----------
    prepared : PreparedDataset
        What the rows belong to.
    y : numpy.ndarray of shape (rows,)
        The target.
    rows : int, optional
        How many to hold out. None takes 19.4 %: on the diabetes table 149 of 768, as published work does.

    Returns
    -------
    train, test : numpy.ndarray of intp
        Row numbers, in ascending order.

    Raises
    ------
    DataError
        If a class has no row left for training.
    """
    total = round(len(y) * HOLDOUT_SHARE) if rows is None else rows
    generator = np.random.default_rng(HOLDOUT_SEED)
    if prepared.task == "regression":
        test = np.sort(generator.permutation(len(y))[:total])
        return np.setdiff1d(np.arange(len(y)), test), test
    counts = np.bincount(y, minlength=len(prepared.classes))
    takes = _shares(counts, total)
    for name, count, take in zip(prepared.classes, counts, takes, strict=True):
        if take >= count:
            raise DataError(
                f"class '{name}' of data set '{prepared.name}' has {count} rows, and holding out {take} "
                f"(rows={total} in all, at least {HOLDOUT_PER_CLASS} a class) leaves none to train on"
            )
    chosen = [generator.permutation(np.flatnonzero(y == code))[:take] for code, take in enumerate(takes)]
    test = np.sort(np.concatenate(chosen))
    return np.setdiff1d(np.arange(len(y)), test), test


def taken(X: Any, index: RowNumbers) -> Any:
    """Rows of a table or of an array of images."""
    return X.iloc[index] if hasattr(X, "iloc") else X[index]


def _shares(counts: RowNumbers, total: int) -> list[int]:
    """Rows to take of each class: proportional, the largest remainders rounded up, and never below two."""
    exact = counts * total / counts.sum()
    takes = np.floor(exact).astype(int)
    takes[np.argsort(takes - exact, kind="stable")[: total - takes.sum()]] += 1
    return [max(HOLDOUT_PER_CLASS, int(take)) for take in takes]


def file_digest(path: Path) -> str:
    """SHA-256 of a file's bytes, in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


@lru_cache(maxsize=4)
def _load_images(path: str) -> tuple[Any, Target]:
    from tasks.vision.packed import PackedImages

    return PackedImages.open(path).load()


@lru_cache(maxsize=4)
def _load(path: str, sha256: str, target: str | None) -> tuple[pd.DataFrame, Target | None]:
    try:
        found = file_digest(Path(path))
    except OSError as error:
        raise DataError(
            f"prepared data '{path}' cannot be read: {error.strerror}; prepare it again"
        ) from None
    if found != sha256:
        raise DataError(
            f"prepared data '{path}' changed during the run: sha256 {sha256[:12]} became {found[:12]}; "
            "prepare it again"
        )
    frame = pq.read_table(path).to_pandas()
    return frame.drop(columns=[target], errors="ignore"), None if target is None else frame[target].to_numpy()
