"""Images without labels, whose classes a model predicts."""

from pathlib import Path
from typing import Any, NamedTuple

from infra.errors import DataError
from tasks.datasets.images.decoded_files import DecodeOptions, decode_files, restored_warning_filters
from tasks.datasets.images.deep import FULL_RANGE, ValueRange
from tasks.datasets.images.folder import ImageFolder
from tasks.datasets.images.walking import SUFFIXES, image_files, passed_over_words


class Unlabelled(NamedTuple):
    """The decoded images of a folder."""

    files: list[str]
    """Names of the image files, relative to the folder, sorted."""
    images: Any
    """Pixels of the images that can be used: ndarray of shape (n_usable_files, size, size, 3), uint8."""
    errors: list[str | None]
    """Reason why each file cannot be used; None for a file that can."""
    notes: list[str]
    """Sentences that tell which files are passed over."""


def decode_folder(folder: Path, size: int, limits: ValueRange = FULL_RANGE) -> Unlabelled:
    """Decode all images in a folder at any depth.

    Parameters
    ----------
    folder : Path
        Folder of image files.
    size : int
        Height and width of the decoded images, in pixels.
    limits : (float, float), default=(0, 65535)
        Values of greyscale images with more than 8 bits a pixel that become black and white, as in training.

    Returns
    -------
    Unlabelled

    Raises
    ------
    DataError
        If there is no such folder, or no image in it.
    """
    if not folder.is_dir():
        raise DataError(f"no folder '{folder}'; give a folder of images")
    found_files = image_files(folder)
    files = sorted(found_files.images)
    if not files:
        raise DataError(f"folder '{folder}' holds no image; allowed: files that end in {', '.join(SUFFIXES)}")
    with restored_warning_filters():
        pixels, found = decode_files(files, DecodeOptions(ImageFolder(folder.resolve()), size, limits))
    usable = [position for position in range(len(files)) if position not in found.refused]
    errors = [found.refused.get(position) for position in range(len(files))]
    return Unlabelled(files, pixels[usable], errors, passed_over_words(found_files.passed_over))
