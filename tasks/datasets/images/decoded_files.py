"""Decoding of some files of a source on a worker, and the summary of what was found in all files."""

import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from tasks.datasets.images.decoding import ImageMeasure, decode, measure
from tasks.datasets.images.deep import ValueRange
from tasks.datasets.images.source import ImageSource, UnusableError

SHOWN_FILES = 3
"""Number of files that a remark names."""


@dataclass(frozen=True)
class DecodeOptions:
    """What a worker needs besides the names of the files.

    Parameters
    ----------
    source : ImageSource
        Source of the files.
    size : int
        Height and width of the decoded images, in pixels.
    limits : (float, float)
        Values of greyscale images with more than 8 bits a pixel that become black and white.
    """

    source: ImageSource
    size: int
    limits: ValueRange


@dataclass
class DecodedFiles:
    """What was found in files, by the position of each file.

    Parameters
    ----------
    refused : dict of int to str
        Reason why a file cannot be used.
    several : list of int
        Files with several frames or pages.
    deep : list of int
        Images with more than 8 bits a pixel.
    """

    refused: dict[int, str] = field(default_factory=dict)
    several: list[int] = field(default_factory=list)
    deep: list[int] = field(default_factory=list)

    def add(self, other: "DecodedFiles", start: int) -> None:
        """Add what was found in the files from position `start`."""
        self.refused |= {start + position: reason for position, reason in other.refused.items()}
        self.several += [start + position for position in other.several]
        self.deep += [start + position for position in other.deep]

    def remarks(self, files: Sequence[str], limits: ValueRange) -> list[str]:
        """Sentences about what was taken only in part or changed.

        Parameters
        ----------
        files : sequence of str
            Names of all files.
        limits : (float, float)
            Values that became black and white.
        """
        remarks = []
        if self.several:
            first = ", ".join(files[position] for position in sorted(self.several)[:SHOWN_FILES])
            remarks.append(
                f"of a file with several frames or pages the first one is used ({len(self.several):,} files, such as "
                f"{first})"
            )
        if self.deep:
            low, high = limits
            remarks.append(
                f"values from {low:g} to {high:g} became 0 to 255 in grey images with more than 8 bits a pixel "
                f"({len(self.deep):,} images)"
            )
        return remarks


def decode_files(files: Sequence[str], options: DecodeOptions) -> tuple[NDArray[np.uint8], DecodedFiles]:
    """Decode some files.

    Returns
    -------
    pixels : ndarray of shape (len(files), size, size, 3), uint8
        Pixels; zero for files that cannot be used.
    found : DecodedFiles
        What was found in the files.
    """
    _silence_pillow()
    pixels = np.zeros((len(files), options.size, options.size, 3), dtype=np.uint8)
    found, read = DecodedFiles(), options.source.reader(files)
    for position, file in enumerate(files):
        try:
            image = decode(read(file), options.size, options.limits)
        except UnusableError as reason:
            found.refused[position] = str(reason)
            continue
        pixels[position] = image.pixels
        found.several += [position] * image.is_first_of_several
        found.deep += [position] * image.is_deep
    return pixels, found


def measure_files(files: tuple[str, ...], source: ImageSource) -> list[ImageMeasure]:
    """Measure some files; unusable files are left out."""
    _silence_pillow()
    measures, read = [], source.reader(files)
    for file in files:
        try:
            measures.append(measure(read(file)))
        except UnusableError:
            continue
    return measures


@contextmanager
def restored_warning_filters() -> Iterator[None]:
    """Restore the warning filters at the end: decoding changes them, also in threads of this process."""
    with warnings.catch_warnings():
        yield


def _silence_pillow() -> None:
    """Keep Pillow's warnings of odd metadata out of a worker's output; files that cannot be used are quarantined."""
    warnings.filterwarnings("ignore", module=r"PIL\.")
