"""Packed images: a folder with one array of images of equal size, their classes, an index and a digest."""

import csv
import hashlib
import json
import os
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from infra.errors import DataError
from tasks.datasets.images.deep import FULL_RANGE, ValueRange

ABOUT, IMAGES, LABELS, HOLDOUT = "about.json", "images.npy", "labels.npy", "holdout.npy"
INDEX, QUARANTINE = "index.parquet", "quarantine.csv"
FORMAT = 1
HASHED_BYTES = 64 * 2**20
"""Number of bytes of pixels that are read into memory at once to compute a digest."""


@dataclass(frozen=True)
class PackedImages:
    """A folder of packed images.

    It holds `images.npy` (uint8, shape (rows, size, size, 3)), `labels.npy` (int64, shape (rows,)), `holdout.npy`
    (int64, row numbers of the hold-out, if the user set images aside), `index.parquet` (file, class and row of each
    image), `quarantine.csv` (name of each file that could not be used, with the reason) and `about.json` (the
    attributes of this class).

    Parameters
    ----------
    path : Path
        Path of the folder.
    name : str
        Name of the data set.
    classes : tuple of str
        Names of the classes, sorted; a label is the position of its class in this tuple.
    counts : tuple of int
        Number of images of each class.
    size : int
        Height and width of the images, in pixels.
    rows : int
        Number of images.
    quarantined : int
        Number of files that could not be used.
    sha256 : str
        SHA-256 digest of classes, labels and pixels, in hexadecimal digits.
    source : str
        Digest of the files that the images were made from, and of the way they were decoded.
    provenance : str
        Sentence that says where the images come from.
    notes : str
        Sentence for the reader of results, such as why these images are used instead of others.
    held_out : int
        Number of images that the user set aside in a folder of their own; `holdout.npy` has their row numbers.
    value_range : (float, float)
        Values of greyscale images with more than 8 bits a pixel that became black and white.
    remarks : tuple of str
        Sentences about the files: what was passed over, joined, or taken only in part.
    """

    path: Path
    name: str
    classes: tuple[str, ...]
    counts: tuple[int, ...]
    size: int
    rows: int
    quarantined: int
    sha256: str
    source: str
    provenance: str = ""
    notes: str = ""
    held_out: int = 0
    value_range: ValueRange = FULL_RANGE
    remarks: tuple[str, ...] = ()

    @classmethod
    def open(cls, path: str | Path) -> Self:
        """Open a folder of packed images; the arrays are not read yet.

        Raises
        ------
        DataError
            If the path is not a folder of packed images.
        """
        folder = Path(path).expanduser().absolute()
        try:
            about = json.loads((folder / ABOUT).read_text(encoding="utf-8"))
            if about.pop("format") != FORMAT:
                raise DataError(
                    f"'{folder}' was packed by another version; delete it and pack the images again"
                )
            about |= {name: tuple(value) for name, value in about.items() if isinstance(value, list)}
            return cls(folder, **about)
        except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
            if isinstance(error, DataError):
                raise
            raise DataError(f"'{path}' is not a folder of packed images: {ABOUT} cannot be read") from error

    def load(self) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
        """Read the images and their labels, and check their digest.

        Returns
        -------
        X : ndarray of shape (rows, size, size, 3), uint8
            Pixels of the images, memory-mapped.
        y : ndarray of shape (rows,), int64
            Position of each image's class in `classes`.

        Raises
        ------
        DataError
            If the arrays cannot be read, or are not those that were packed.
        """
        try:
            X = np.load(self.path / IMAGES, mmap_mode="r")
            y = np.load(self.path / LABELS)
            unchanged = digest(self.classes, y, X, self.holdout()) == self.sha256
        except (OSError, ValueError) as error:
            raise DataError(
                f"'{self.path}' cannot be read: {error}; delete it and pack the images again"
            ) from error
        if not unchanged:
            raise DataError(
                f"'{self.path}' has changed since it was packed; delete it and pack the images again"
            )
        return X, y

    def holdout(self) -> NDArray[np.int64]:
        """Read the row numbers, ascending, of the images that the user set aside; empty if there are none."""
        return np.load(self.path / HOLDOUT) if self.held_out else np.zeros(0, dtype=np.int64)

    def index(self) -> Any:
        """Read the table (pyarrow) with the file and the class of each row."""
        import pyarrow.parquet as pq

        return pq.read_table(self.path / INDEX)

    def quarantine(self) -> list[tuple[str, str]]:
        """Read the names of the files that could not be used, each with the reason."""
        with open(self.path / QUARANTINE, newline="", encoding="utf-8") as stream:
            return [(row["file"], row["reason"]) for row in csv.DictReader(stream)]

    def with_notes(self, notes: str) -> Self:
        """Replace the notes, also in the folder, and return the images with them."""
        if notes == self.notes:
            return self
        changed = replace(self, notes=notes)
        write_about(changed, self.path)
        return changed


def digest(
    classes: Sequence[str], y: NDArray[np.int64], X: NDArray[np.uint8], holdout: NDArray[np.int64]
) -> str:
    """SHA-256 digest of class names, shape, labels, pixels and hold-out, in hexadecimal digits.

    Parameters
    ----------
    classes : sequence of str
        Names of the classes.
    y : ndarray of shape (rows,), int64
        Position of each image's class in `classes`.
    X : ndarray of shape (rows, size, size, 3), uint8
        Pixels of the images; may be memory-mapped.
    holdout : ndarray of shape (any,), int64
        Row numbers of the images that the user set aside.
    """
    found = hashlib.sha256(json.dumps([list(classes), list(X.shape)]).encode())
    found.update(np.ascontiguousarray(y, dtype="<i8").data)
    step = max(1, HASHED_BYTES // max(1, X[:1].nbytes))
    for start in range(0, len(X), step):
        found.update(np.ascontiguousarray(X[start : start + step]).data)
    found.update(np.ascontiguousarray(holdout, dtype="<i8").data)
    return found.hexdigest()


def write_about(packed: PackedImages, folder: Path) -> None:
    """Write the `about.json` of a folder; a reader finds the old file or the new one, whole."""
    about = {"format": FORMAT, **{k: v for k, v in asdict(packed).items() if k != "path"}}
    temporary = folder / f"{ABOUT}.part"
    temporary.write_text(json.dumps(about, indent=2) + "\n", encoding="utf-8")
    os.replace(temporary, folder / ABOUT)
