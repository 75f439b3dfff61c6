"""The split that the folders of a data set make, and whether it can be kept."""

import hashlib
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

MIN_HELD_OUT = 2
"""Number of usable images that each class must have in the hold-out."""
MIN_TRAINING = 8
"""Number of usable images that each class must have for training."""


@dataclass(frozen=True)
class FolderSplit:
    """Folders that are parts of a split.

    Parameters
    ----------
    training : tuple of str
        Folders whose images are for training.
    held_out : tuple of str
        Folders whose images are set aside; empty if there are none with classes.
    """

    training: tuple[str, ...]
    held_out: tuple[str, ...]

    def settled(self, labels: Sequence[str], held_out: Sequence[bool]) -> tuple[list[int], str]:
        """Decide which images are the hold-out.

        Parameters
        ----------
        labels : sequence of str of length rows
            Class of each usable image.
        held_out : sequence of bool of length rows
            Whether each image lies in a folder whose images are set aside.

        Returns
        -------
        rows : list of int
            Row numbers of the hold-out; empty if it is to be drawn at random.
        note : str
            Sentence that says what was done.
        """
        names = _listed((*self.training, *self.held_out))
        if not self.held_out:
            verb = "are parts of a split and no classes" if len(self.training) > 1 else "is a part of a split"
            return [], f"{names} {verb}: the classes are the folders in it, and a hold-out is drawn at random"
        objection = self._objection(labels, held_out)
        if objection:
            return [], (
                f"{names} are parts of a split and no classes, but the split cannot be kept, because {objection}: "
                "the parts are joined, and a hold-out is drawn at random"
            )
        rows = [row for row, held in enumerate(held_out) if held]
        return rows, (
            f"{names} are parts of a split and no classes: the {len(rows):,} images in {_listed(self.held_out)} are "
            f"the hold-out, and the {len(labels) - len(rows):,} others are for training and search; a "
            "cross-validation and the registered model use all images"
        )

    def _objection(self, labels: Sequence[str], held_out: Sequence[bool]) -> str:
        counts = Counter(zip(labels, held_out, strict=True))
        for held, least, folders in (
            (True, MIN_HELD_OUT, self.held_out),
            (False, MIN_TRAINING, self.training),
        ):
            few = [label for label in sorted(set(labels)) if counts[label, held] < least]
            if few:
                return (
                    f"class '{few[0]}' needs {least} usable images in {_listed(folders)} and has "
                    f"{counts[few[0], held]}"
                )
        return ""


def repeated_in_holdout(X: NDArray[np.uint8], holdout: Sequence[int], files: Sequence[str]) -> list[str]:
    """Sentence about images of a hold-out that stand among the other images too; none without such images.

    Parameters
    ----------
    X : ndarray of shape (rows, size, size, 3), uint8
        Pixels of all images.
    holdout : sequence of int
        Row numbers of the hold-out.
    files : sequence of str of length rows
        Name of the file of each image.
    """
    if not holdout:
        return []
    held_out = set(holdout)
    others = {_pixel_digest(X[row]) for row in range(len(X)) if row not in held_out}
    found = [files[row] for row in holdout if _pixel_digest(X[row]) in others]
    if not found:
        return []
    return [
        f"images of the hold-out stand among the other images too, pixel for pixel ({len(found):,}, such as "
        f"{found[0]}), so that the score on the hold-out can be too high"
    ]


def _pixel_digest(pixels: NDArray[np.uint8]) -> bytes:
    return hashlib.blake2b(np.ascontiguousarray(pixels).data, digest_size=16).digest()


def _listed(folders: Sequence[str]) -> str:
    *first, last = (f"'{folder}'" for folder in folders)
    return f"{', '.join(first)} and {last}" if first else last
