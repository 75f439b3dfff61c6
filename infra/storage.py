"""The verbs for places of files that a path lacks, the same for the disk and for object stores."""

import glob
import hashlib
import os
import shutil
import tempfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from uuid import uuid4

from filelock import FileLock

from infra.stored_path import ArrowLocation, StoredPath, is_stored

UNFINISHED = ".unfinished-"
"""Beginning of the names of files that are not whole yet."""
COPIES = 8  # number of objects that a store copies at a time


def path_of(word: str | Path) -> Path:
    """The path on the disk or in a store that a word names, for example `data/x` or `s3://bucket/x`."""
    return StoredPath(str(word)) if is_stored(str(word)) else Path(word)


def arrow_location(path: Path) -> ArrowLocation:
    """Where Arrow's readers find a file."""
    return path.location if isinstance(path, StoredPath) else ArrowLocation(str(path))


def walk(folder: Path) -> Iterator[tuple[Path, list[str], list[str]]]:
    """Each folder with the names of its folders and of its files, from above; removed folders are passed over."""
    if isinstance(folder, StoredPath):
        yield from folder.walked()
        return
    for place, folders, files in os.walk(folder):
        yield Path(place), folders, files


def matching(pattern: Path) -> list[Path]:
    """The paths that match a pattern; on the disk `**` stands for any number of folders."""
    if not isinstance(pattern, StoredPath):
        return [Path(one) for one in glob.iglob(str(pattern), recursive=True)]
    root, rest = StoredPath(*pattern.parts[:2]), "/".join(pattern.parts[2:])
    return list(root.glob(rest))


@contextmanager
def temporary(folder: Path) -> Iterator[Path]:
    """Yield the path of a hidden file on the disk, and delete the file at the end unless `put` took it away.

    Parameters
    ----------
    folder : Path
        The folder that the file is meant for; the file is in this folder if the folder is on the disk.
    """
    place = Path(tempfile.gettempdir()) if isinstance(folder, StoredPath) else folder
    path = place / f"{UNFINISHED}{uuid4().hex}"
    try:
        yield path
    finally:
        path.unlink(missing_ok=True)


def put(unfinished: Path, path: Path) -> None:
    """Give a whole file its place; nobody ever sees a part of the file there.

    Parameters
    ----------
    unfinished : Path
        The file on the disk, from `temporary`.
    path : Path
        The place on the disk or in a store.
    """
    if not isinstance(path, StoredPath):
        unfinished.replace(path)
        return
    from pyarrow.fs import LocalFileSystem, copy_files

    place = path.location
    copy_files(str(unfinished), place.path, LocalFileSystem(), place.filesystem, use_threads=False)


def free_bytes(folder: Path) -> float:
    """Number of bytes that are free where a folder is; a store has no bound."""
    return float("inf") if isinstance(folder, StoredPath) else shutil.disk_usage(folder).free


def remove_folder(folder: Path) -> None:
    """Remove a folder with its files, if the folder exists."""
    if not isinstance(folder, StoredPath):
        shutil.rmtree(folder, ignore_errors=True)
    elif folder.is_dir():
        folder.location.filesystem.delete_dir(folder.location.path)


def move_folder(folder: Path, target: Path, last: str) -> None:
    """Give a folder of files another name, in place of what had the name.

    Parameters
    ----------
    folder, target : Path
        The old and the new path, both on the disk or both in one store.
    last : str
        Name of the file that shows that the folder is complete: a store, which moves one file at a time, moves it last.
    """
    remove_folder(target)
    if not isinstance(folder, StoredPath):
        folder.rename(target)
        return
    filesystem = folder.location.filesystem

    def copy(path: Path) -> None:
        filesystem.copy_file(arrow_location(path).path, arrow_location(target / path.name).path)

    with ThreadPoolExecutor(COPIES) as threads:
        list(threads.map(copy, [path for path in folder.iterdir() if path.name != last]))
    copy(folder / last)
    remove_folder(folder)


def lock_of(folder: Path) -> FileLock:
    """The lock of a folder, beside it; the lock of a stored folder holds between the processes of one machine."""
    if not isinstance(folder, StoredPath):
        return FileLock(folder.with_suffix(".lock"))
    name = hashlib.sha256(str(folder).encode()).hexdigest()[:16]
    return FileLock(Path(tempfile.gettempdir()) / f"trilla-{os.getuid()}-{name}.lock")
