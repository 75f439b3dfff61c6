"""The interface of every source of labelled images, and the checks of images and sources."""

from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from infra.errors import DataError
from tasks.datasets.images.split import FolderSplit

MAX_BYTES = 64 * 2**20
"""Size of the largest image file that is read, in bytes."""
MIN_IMAGES = 2
"""Number of images that a class must have."""


class LabelledImage(NamedTuple):
    """One image of a source."""

    file: str
    """Path relative to the source, with `/` as separator; in Parquet `part.parquet#row`, rows counted from 0."""
    label: str
    """Name of the class."""
    held_out: bool = False
    """Whether the image lies in a folder that the user set aside for the test."""


class Listing(NamedTuple):
    """Images of a source, and what a reader must know about the others."""

    images: list[LabelledImage]
    """Images in the order of their files, or of their rows in Parquet."""
    split: FolderSplit | None = None
    """Split that the folders of the source make."""
    notes: Sequence[str] = ()
    """Sentences about files and folders that are passed over."""


class Chunk(NamedTuple):
    """Consecutive images of a source that are decoded together."""

    start: int
    """Position of the first image among all images of the source."""
    files: tuple[str, ...]
    """Files of the images."""


class UnusableError(Exception):
    """An image that cannot be used; the message is the reason, for the list of quarantined files."""


@dataclass(frozen=True)
class ImageSource(ABC):
    """Labelled images at one path.

    Parameters
    ----------
    path : Path
        Absolute path of the folder or file, without symbolic links.
    """

    path: Path

    def listing(self) -> Listing:
        """List the images and their classes, without decoding any image.

        Raises
        ------
        DataError
            If the layout of the source is not understood, it holds fewer than two classes, or a class has
            fewer than two images.
        """
        listing = self.list_images()
        require_classes(self.path, Counter(image.label for image in listing.images), "images")
        return listing

    def chunks(self, images: Sequence[LabelledImage]) -> list[Chunk]:
        """Cut the images of this source, as `listing` lists them, into chunks that are decoded together."""
        chunks, start = [], 0
        for length in self.chunk_lengths(len(images)):
            chunks.append(Chunk(start, tuple(image.file for image in images[start : start + length])))
            start += length
        return chunks

    @abstractmethod
    def list_images(self) -> Listing:
        """List the images and their classes; whether there are enough of them is not checked."""

    @abstractmethod
    def files(self, images: Sequence[LabelledImage]) -> list[str]:
        """Files on disk that hold the images, relative to the source."""

    @abstractmethod
    def chunk_lengths(self, count: int) -> Iterable[int]:
        """Numbers of consecutive images that are decoded together; `count` is the number of all images."""

    @abstractmethod
    def reader(self, files: Sequence[str]) -> Callable[[str], bytes]:
        """Return a function that gives the content of each of `files`, or raises `UnusableError`."""


def checked_content(content: bytes | None) -> bytes:
    """Return the content of an image file unless it is empty or too long.

    Raises
    ------
    UnusableError
        If there is no content, or more than `MAX_BYTES` bytes.
    """
    if not content:
        raise UnusableError("empty: 0 bytes")
    require_length(len(content))
    return content


def require_length(length: int) -> None:
    """Refuse an image file of more than `MAX_BYTES` bytes.

    Raises
    ------
    UnusableError
        If it is longer.
    """
    if length > MAX_BYTES:
        raise UnusableError(f"oversized: {length:,} bytes, at most {MAX_BYTES:,} are read")


def require_classes(source: Path, counts: Mapping[str, int], what: str) -> None:
    """Refuse a source whose images are too few to learn from.

    Parameters
    ----------
    source : Path
        Path of the source, for the error message.
    counts : mapping of str to int
        Number of images of each class.
    what : str
        Noun for what is counted, for the error message, such as "images" or "usable images".

    Raises
    ------
    DataError
        If there are fewer than two classes, or one of them has fewer than two images.
    """
    if not counts:
        raise DataError(
            f"'{source}' holds no {what}; give a folder with a sub-folder of images for each class"
        )
    if len(counts) < 2:
        only = next(iter(counts))
        hint = f"; did you mean '{source / only}'?" if (source / only).is_dir() else ""
        raise DataError(f"'{source}' has only one class, '{only}'; at least two are needed{hint}")
    smallest, count = min(counts.items(), key=lambda item: (item[1], item[0]))
    if count < MIN_IMAGES:
        raise DataError(
            f"class '{smallest}' in '{source}' has {count} {what}; each class needs at least {MIN_IMAGES}"
        )
