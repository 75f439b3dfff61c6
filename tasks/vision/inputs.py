"""Images and labels as users give them to the network, checked, and ready for one process or for many."""

from abc import ABC, abstractmethod
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from infra.errors import ParameterError
from tasks.datasets.images.packed import PackedImages
from tasks.labels import check_classes
from tasks.vision.network import MIN_SIDE

Pixels = NDArray[np.uint8]
Codes = NDArray[np.int64]


@dataclass(frozen=True)
class TrainingImages(ABC):
    """Training images and their classes.

    Parameters
    ----------
    codes : ndarray of shape (n,), int64
        Class of each image, counted from 0.
    """

    codes: Codes

    @property
    @abstractmethod
    def travels(self) -> bool:
        """Whether the pixels have to be sent to the workers; if not, each worker reads them from disk."""

    @property
    @abstractmethod
    def digest(self) -> str:
        """SHA-256 digest of the images, in hexadecimal digits."""

    @abstractmethod
    def load(self) -> tuple[Pixels, Codes]:
        """Return images of shape (n, height, width, 3) and classes of shape (n,)."""


@dataclass(frozen=True)
class ArrayImages(TrainingImages):
    """Training images in memory."""

    pixels: Pixels

    @property
    def travels(self) -> bool:
        return True

    @property
    def digest(self) -> str:
        """Digest of shape and pixels."""
        found = sha256(str(self.pixels.shape).encode())
        found.update(np.ascontiguousarray(self.pixels).data)
        return found.hexdigest()

    def load(self) -> tuple[Pixels, Codes]:
        return self.pixels, self.codes


@dataclass(frozen=True)
class FolderImages(TrainingImages):
    """Training images in a packed folder, which every worker maps into its own memory."""

    packed: PackedImages

    @property
    def travels(self) -> bool:
        return False

    @property
    def digest(self) -> str:
        """Digest that the folder was packed with."""
        return self.packed.sha256

    def load(self) -> tuple[Pixels, Codes]:
        return self.packed.load()[0], self.codes


def training_images(X: Any, y: Any) -> tuple[TrainingImages, Pixels, NDArray[Any]]:
    """Check images and labels to learn from.

    Returns
    -------
    images : TrainingImages
        Images with the positions of their classes.
    pixels : ndarray of shape (n, height, width, 3), uint8
        Pixels of the images.
    classes : ndarray of shape (n_classes,)
        Distinct labels, sorted.

    Raises
    ------
    ParameterError
        If pixels or labels are not as `ConvNetClassifier.fit` describes them.
    """
    pixels, packed = open_images(X)
    if packed is not None and y is None:
        y = np.asarray(packed.classes)[packed.load()[1]]
    classes, codes = encode_labels(y, len(pixels))
    return ArrayImages(codes, pixels) if packed is None else FolderImages(codes, packed), pixels, classes


def open_images(X: Any) -> tuple[Pixels, PackedImages | None]:
    """Check the images of an array, or of a packed folder.

    Returns
    -------
    pixels : ndarray of shape (n, height, width, 3), uint8
        Pixels of the images.
    packed : PackedImages or None
        The packed folder; None for an array.

    Raises
    ------
    ParameterError
        If the pixels have another type or shape.
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
    if min(pixels.shape[1:3]) < MIN_SIDE:
        height, width = pixels.shape[1:3]
        raise ParameterError(
            f"X: images of {height} x {width} pixels; at least {MIN_SIDE} x {MIN_SIDE} are needed"
        )
    if not len(pixels):
        raise ParameterError("X: no image; at least one is needed")
    return pixels


def encode_labels(y: Any, n: int) -> tuple[NDArray[Any], Codes]:
    """Find the sorted classes of `n` labels, and the position of each label among the classes.

    Raises
    ------
    ParameterError
        If there is not one label for each image, a label is missing, or all labels are the same.
    """
    labels = np.asarray(y)
    if y is None or labels.shape != (n,):
        found = "none" if y is None else f"shape {labels.shape}"
        raise ParameterError(f"y: one label for each image, shape ({n},), is needed, found {found}")
    if labels.dtype.kind == "f" and not np.isfinite(labels).all():
        raise ParameterError("y: class labels are needed, found NaN or infinity")
    try:
        classes, codes = np.unique(labels, return_inverse=True)
    except TypeError:
        raise ParameterError("y: labels of one type are needed, found several (or missing ones)") from None
    check_classes(classes, None)
    return classes, codes.astype(np.int64)
