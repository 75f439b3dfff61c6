"""The split that the folders of a data set make, and whether it can be kept."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

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


def _listed(folders: Sequence[str]) -> str:
    *first, last = (f"'{folder}'" for folder in folders)
    return f"{', '.join(first)} and {last}" if first else last
