"""Images of one size in a folder: memory-mapped arrays with their classes, an index and a digest."""

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

ABOUT, IMAGES, LABELS = "about.json", "images.npy", "labels.npy"
INDEX, QUARANTINE = "index.parquet", "quarantine.csv"
FORMAT = 1
HASHED_AT_ONCE = 64 * 2**20


@dataclass(frozen=True)
class PackedImages:
    """A folder of packed images.

    It holds `images.npy` (uint8, shape (rows, size, size, 3)), `labels.npy` (int64, shape (rows,)),
    `index.parquet` (file, class and row of each image), `quarantine.csv` (file and reason of each that could
    not be used) and `about.json` (what is said here).

    Parameters
    ----------
    path : Path
        The folder.
    name : str
        What the data set is called.
    classes : tuple of str
        Names of the classes, sorted; the codes of the labels are places in it.
    counts : tuple of int
        Images of each class.
    size : int
        Height and width, in pixels.
    rows : int
        Images in all.
    quarantined : int
        Files that could not be used.
    sha256 : str
        Digest of classes, labels and pixels.
    source : str
        Digest of what they were made from, and how.
    provenance : str
        Where the images come from, in one sentence.
    notes : str
        What is to be said with them, such as why they stand in for others.
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

    @classmethod
    def open(cls, path: str | Path) -> Self:
        """Read what a folder of packed images says about itself.

        Raises
        ------
        DataError
            If it is no such folder.
        """
        folder = Path(path).expanduser().absolute()
        try:
            about = json.loads((folder / ABOUT).read_text(encoding="utf-8"))
            if about.pop("format") != FORMAT:
                raise DataError(
                    f"'{folder}' was packed by another version; delete it and pack the images again"
                )
            about |= {"classes": tuple(about["classes"]), "counts": tuple(about["counts"])}
            return cls(folder, **about)
        except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
            if isinstance(error, DataError):
                raise
            raise DataError(f"'{path}' is no folder of packed images: {ABOUT} cannot be read") from error

    def load(self) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
        """Return the images, memory-mapped, and their labels, after checking the digest.

        Returns
        -------
        X : ndarray of shape (rows, size, size, 3), uint8
        y : ndarray of shape (rows,), int64

        Raises
        ------
        DataError
            If the arrays are not those that were packed.
        """
        try:
            X = np.load(self.path / IMAGES, mmap_mode="r")
            y = np.load(self.path / LABELS)
            whole = digest(self.classes, y, X) == self.sha256
        except (OSError, ValueError) as error:
            raise DataError(
                f"'{self.path}' cannot be read: {error}; delete it and pack the images again"
            ) from error
        if not whole:
            raise DataError(
                f"'{self.path}' has changed since it was packed; delete it and pack the images again"
            )
        return X, y

    def index(self) -> Any:
        """Table (pyarrow) with the file and the class of each row."""
        import pyarrow.parquet as pq

        return pq.read_table(self.path / INDEX)

    def quarantine(self) -> list[tuple[str, str]]:
        """Files that could not be used, each with the reason."""
        with open(self.path / QUARANTINE, newline="", encoding="utf-8") as stream:
            return [(row["file"], row["reason"]) for row in csv.DictReader(stream)]

    def noted(self, notes: str) -> Self:
        """These images with other notes, which the folder keeps."""
        if notes == self.notes:
            return self
        changed = replace(self, notes=notes)
        write_about(changed, self.path)
        return changed


def digest(classes: Sequence[str], y: NDArray[np.int64], X: NDArray[np.uint8]) -> str:
    """SHA-256 of class names, shape, labels and pixels, in hexadecimal digits."""
    found = hashlib.sha256(json.dumps([list(classes), list(X.shape)]).encode())
    found.update(np.ascontiguousarray(y, dtype="<i8").data)
    step = max(1, HASHED_AT_ONCE // max(1, X[:1].nbytes))
    for start in range(0, len(X), step):
        found.update(np.ascontiguousarray(X[start : start + step]).data)
    return found.hexdigest()


def write_about(packed: PackedImages, folder: Path) -> None:
    """Write the `about.json` of a folder."""
    about = {"format": FORMAT, **{k: v for k, v in asdict(packed).items() if k != "path"}}
    temporary = folder / f"{ABOUT}.part"
    temporary.write_text(json.dumps(about, indent=2) + "\n", encoding="utf-8")
    os.replace(temporary, folder / ABOUT)
