"""Writing of a folder of packed images, which appears when it is complete."""

import csv
import errno
import os
import shutil
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from filelock import FileLock
from numpy.typing import NDArray

from infra.errors import DataError
from tasks.datasets.images.deep import FULL_RANGE, ValueRange
from tasks.datasets.images.packed import (
    ABOUT,
    HOLDOUT,
    IMAGES,
    INDEX,
    LABELS,
    QUARANTINE,
    PackedImages,
    digest,
    write_about,
)

NOT_ALLOWED = (errno.EACCES, errno.EPERM, errno.EROFS, errno.ENOTDIR, errno.EEXIST)
NO_SPACE = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


@contextmanager
def atomic_folder(target: Path) -> Iterator[Path | None]:
    """Make a folder under a temporary name and rename it at the end; only one process at a time does so.

    A temporary folder that a killed process left is removed.

    Yields
    ------
    Path or None
        Path of the temporary folder, to be filled; None if the target exists already.

    Raises
    ------
    DataError
        If the disk is full or the folder may not be written.
    """
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with FileLock(target.with_name(f".{target.name}.lock")):
            if (target / ABOUT).exists():
                yield None
                return
            temporary = target.with_name(f".{target.name}.part")
            _remove(temporary)
            temporary.mkdir()
            try:
                yield temporary
                _remove(target)
                os.replace(temporary, target)
            finally:
                _remove(temporary)
    except OSError as error:
        if error.errno not in NOT_ALLOWED + NO_SPACE:
            raise
        raise DataError(f"'{target}' cannot be written: {error.strerror or error}") from error


def write_images(folder: Path, rows: int, size: int, blocks: Iterable[NDArray[np.uint8]]) -> None:
    """Write the `images.npy` of a folder.

    Parameters
    ----------
    folder : Path
        Folder to write into.
    rows : int
        Number of images in all blocks.
    size : int
        Height and width of the images, in pixels.
    blocks : iterable of ndarray of shape (any, size, size, 3), uint8
        Pixels of the images, in order.
    """
    shape = (rows, size, size, 3)
    # the array is written instead of mapped: on a full disk a write raises, but a mapping kills the process
    with open(folder / IMAGES, "wb") as stream:
        about = {"descr": "|u1", "fortran_order": False, "shape": shape}
        np.lib.format.write_array_header_1_0(stream, about)
        for block in blocks:
            stream.write(np.ascontiguousarray(block).data)


def complete_folder(
    folder: Path,
    *,
    name: str,
    labels: Sequence[str],
    files: Sequence[str],
    quarantine: Sequence[tuple[str, str]],
    source: str,
    provenance: str,
    holdout: Sequence[int] = (),
    value_range: ValueRange = FULL_RANGE,
    remarks: Sequence[str] = (),
) -> PackedImages:
    """Write the other files of packed images beside `images.npy`.

    Parameters
    ----------
    folder : Path
        Folder with `images.npy`.
    name : str
        Name of the data set.
    labels : sequence of str of length rows
        Name of the class of each image.
    files : sequence of str of length rows
        Name of the file of each image.
    quarantine : sequence of (str, str)
        Name of each file that could not be used, with the reason.
    source : str
        Digest of the files that the images were made from.
    provenance : str
        Sentence that says where the images come from.
    holdout : sequence of int, optional
        Row numbers, ascending, of the images that the user set aside.
    value_range : (float, float), default=(0, 65535)
        Values of greyscale images with more than 8 bits a pixel that became black and white.
    remarks : sequence of str, optional
        Sentences about the files.

    Returns
    -------
    PackedImages
        The images of the folder.
    """
    X = np.load(folder / IMAGES, mmap_mode="r")
    classes, codes, counts = np.unique(np.asarray(labels), return_inverse=True, return_counts=True)
    y = codes.astype(np.int64)
    names = tuple(map(str, classes))
    held_out = np.asarray(holdout, dtype=np.int64)
    np.save(folder / LABELS, y)
    if len(held_out):
        np.save(folder / HOLDOUT, held_out)
    _write_index(folder, files, labels)
    _write_quarantine(folder, quarantine)
    packed = PackedImages(
        path=folder,
        name=name,
        classes=names,
        counts=tuple(map(int, counts)),
        size=X.shape[1],
        rows=len(X),
        quarantined=len(quarantine),
        sha256=digest(names, y, X, held_out),
        source=source,
        provenance=provenance,
        held_out=len(held_out),
        value_range=value_range,
        remarks=tuple(remarks),
    )
    write_about(packed, folder)
    return packed


def _write_index(folder: Path, files: Sequence[str], labels: Sequence[str]) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    columns = {
        "file": list(map(as_text, files)),
        "class": list(map(as_text, labels)),
        "row": np.arange(len(files)),
    }
    pq.write_table(pa.table(columns), folder / INDEX)


def _write_quarantine(folder: Path, quarantine: Sequence[tuple[str, str]]) -> None:
    with open(folder / QUARANTINE, "w", newline="", encoding="utf-8") as stream:
        rows = csv.writer(stream)
        rows.writerow(["file", "reason"])
        rows.writerows((as_text(file), as_text(reason)) for file, reason in quarantine)


def as_text(name: str) -> str:
    """A file's name, or a sentence with such a name, as text; bytes that are not text are escaped."""
    return name.encode("utf-8", "backslashreplace").decode()


def _remove(folder: Path) -> None:
    if folder.exists():
        shutil.rmtree(folder)
