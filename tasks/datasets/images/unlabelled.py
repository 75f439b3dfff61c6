"""Images whose classes are asked for: all those below a folder."""

from pathlib import Path
from typing import Any

import numpy as np

from infra.errors import DataError
from tasks.datasets.images.decoding import decoded
from tasks.datasets.images.reading import SUFFIXES, ImageSource, UnusableError, files_below


def decoded_files(folder: Path, size: int) -> tuple[list[str], Any, list[str | None]]:
    """Decode all images below a folder.

    Returns
    -------
    files : list of str
        Relative to the folder, sorted.
    images : ndarray of shape (usable files, size, size, 3), uint8
    errors : list of str or None
        Of each file, why it cannot be used.

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
    read = ImageSource.at(folder).reader(files)
    images: list[Any] = []
    errors: list[str | None] = []
    for name in files:
        try:
            images.append(decoded(read(name), size))
            errors.append(None)
        except UnusableError as reason:
            errors.append(str(reason))
    return files, np.stack(images) if images else np.zeros((0, size, size, 3), np.uint8), errors
