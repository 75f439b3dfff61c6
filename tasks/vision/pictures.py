"""Pictures and labels as users give them: checked, and ready for one process or for many."""

from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from infra.errors import ParameterError
from tasks.datasets.images.packed import PackedImages
from tasks.ensembles.labels import refused
from tasks.vision.network import SMALLEST
from tasks.vision.parallel import Pictures

Pixels = NDArray[np.uint8]


@dataclass(frozen=True)
class InMemory(Pictures):
    """Pictures of an array."""

    pixels: Pixels
    codes: NDArray[np.int64]

    @property
    def travels(self) -> bool:
        return True

    def load(self) -> tuple[Pixels, NDArray[np.int64]]:
        return self.pixels, self.codes

    def digest(self) -> str:
        """SHA-256 of shape and pixels, in hexadecimal."""
        found = sha256(str(self.pixels.shape).encode())
        found.update(np.ascontiguousarray(self.pixels).data)
        return found.hexdigest()


@dataclass(frozen=True)
class InFolder(Pictures):
    """Pictures of a packed folder, which every worker maps for itself."""

    packed: PackedImages
    codes: NDArray[np.int64]

    @property
    def travels(self) -> bool:
        return False

    def load(self) -> tuple[Pixels, NDArray[np.int64]]:
        return self.packed.load()[0], self.codes

    def digest(self) -> str:
        """SHA-256 of what was packed."""
        return self.packed.sha256


def labelled(X: Any, y: Any) -> tuple[InMemory | InFolder, Pixels, NDArray[Any]]:
    """Pictures to learn from, their pixels, and the sorted classes.

    Raises
    ------
    ParameterError
        If the pixels or labels are not as they must be.
    """
    pixels, packed = opened(X)
    if packed is not None and y is None:
        y = np.asarray(packed.classes)[packed.load()[1]]
    classes, codes = coded(y, len(pixels))
    return InMemory(pixels, codes) if packed is None else InFolder(packed, codes), pixels, classes


def opened(X: Any) -> tuple[Pixels, PackedImages | None]:
    """Pixels of an array or of a packed folder, of shape (n, height, width, 3).

    Raises
    ------
    ParameterError
        If they are not of dtype uint8 or not of such a shape.
    DataError
        If there is no such folder.
    """
    if isinstance(X, str | Path):
        packed = PackedImages.open(X)
        return _checked(packed.load()[0]), packed
    return _checked(np.asarray(X)), None


def _checked(pixels: NDArray[Any]) -> Pixels:
    if pixels.dtype != np.uint8:
        raise ParameterError(f"X: pixels of dtype uint8, from 0 to 255, are needed, found {pixels.dtype}")
    if pixels.ndim != 4 or pixels.shape[3] != 3:
        raise ParameterError(
            f"X: an array of shape (n, height, width, 3) is needed, found shape {pixels.shape}"
        )
    if min(pixels.shape[1:3]) < SMALLEST:
        height, width = pixels.shape[1:3]
        raise ParameterError(
            f"X: pictures of {height} x {width} pixels; at least {SMALLEST} x {SMALLEST} are needed"
        )
    if not len(pixels):
        raise ParameterError("X: no picture; at least one is needed")
    return pixels


def coded(y: Any, n: int) -> tuple[NDArray[Any], NDArray[np.int64]]:
    """Sorted classes, and the labels as places among them.

    Raises
    ------
    ParameterError
        If there is not one label a picture, or a label is missing, or all are the same.
    """
    labels = np.asarray(y)
    if y is None or labels.shape != (n,):
        found = "none" if y is None else f"shape {labels.shape}"
        raise ParameterError(f"y: one label a picture, shape ({n},), is needed, found {found}")
    if labels.dtype.kind == "f" and not np.isfinite(labels).all():
        raise ParameterError("y: class labels are needed, found NaN or infinity")
    try:
        classes, codes = np.unique(labels, return_inverse=True)
    except TypeError:
        raise ParameterError("y: labels of one type are needed, found several (or missing ones)") from None
    if (refusal := refused(classes, None)) is not None:
        raise ParameterError(refusal)
    return classes, codes.astype(np.int64)
