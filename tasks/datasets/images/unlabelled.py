"""Images without labels, whose classes a model predicts."""

from pathlib import Path
from typing import Any

import numpy as np

from infra.errors import DataError
from tasks.datasets.images.decoding import decoded
from tasks.datasets.images.folder import SUFFIXES, ImageFolder, files_below
from tasks.datasets.images.source import UnusableError


def decode_folder(folder: Path, size: int) -> tuple[list[str], Any, list[str | None]]:
    """Decode all images in a folder at any depth.

    Parameters
    ----------
    folder : Path
        Folder of image files.
    size : int
        Height and width of the decoded images, in pixels.

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
    files = sorted(name for name in files_below(folder) if name.lower().endswith(SUFFIXES))
    if not files:
        raise DataError(f"folder '{folder}' holds no image; allowed: files that end in {', '.join(SUFFIXES)}")
    read = ImageFolder(folder.resolve()).reader(files)
    images: list[Any] = []
    errors: list[str | None] = []
    for name in files:
        try:
            images.append(decoded(read(name), size))
            errors.append(None)
        except UnusableError as reason:
            errors.append(str(reason))
    return files, np.stack(images) if images else np.zeros((0, size, size, 3), np.uint8), errors
