"""Images without labels, whose classes a model predicts."""

from pathlib import Path
from typing import Any

from infra.errors import DataError
from tasks.datasets.images.decoded_files import DecodeOptions, decode_files, restored_warning_filters
from tasks.datasets.images.deep import FULL_RANGE, ValueRange
from tasks.datasets.images.folder import ImageFolder
from tasks.datasets.images.walking import SUFFIXES, image_files


def decode_folder(
    folder: Path, size: int, limits: ValueRange = FULL_RANGE
) -> tuple[list[str], Any, list[str | None]]:
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
    files : list of str
        Names of the image files, relative to the folder, sorted.
    images : ndarray of shape (n_usable_files, size, size, 3), uint8
        Pixels of the images that can be used.
    errors : list of str or None
        Reason why each file cannot be used; None for a file that can.

    Raises
    ------
    DataError
        If there is no such folder, or no image in it.
    """
    if not folder.is_dir():
        raise DataError(f"no folder '{folder}'; give a folder of images")
    files = sorted(image_files(folder).images)
    if not files:
        raise DataError(f"folder '{folder}' holds no image; allowed: files that end in {', '.join(SUFFIXES)}")
    with restored_warning_filters():
        pixels, found = decode_files(files, DecodeOptions(ImageFolder(folder.resolve()), size, limits))
    usable = [position for position in range(len(files)) if position not in found.refused]
    return files, pixels[usable], [found.refused.get(position) for position in range(len(files))]
