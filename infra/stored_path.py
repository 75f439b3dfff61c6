"""Paths in object stores, with the verbs of `pathlib.Path`."""

import glob
import io
import os
import stat
from collections.abc import Iterator
from fnmatch import fnmatchcase
from functools import lru_cache
from itertools import groupby
from pathlib import PosixPath
from typing import Any, NamedTuple
from urllib.parse import urlsplit

STORES = ("s3", "gs", "gcs", "hdfs")
"""Schemes of the stores whose files are read and written at their place; Arrow reaches them without more packages."""
MARK = "://"
READ_BYTES = 1 << 18  # bytes that are read at least at a time, because each request to a store takes long
RETRIES_S = 20  # seconds in which Google's storage is tried again; its own limit is a quarter of an hour


class ArrowLocation(NamedTuple):
    """Where Arrow finds a file: the path in a file system, or a path on the disk without one."""

    path: str
    filesystem: Any = None


class StoredPath(PosixPath):
    """A file or a folder in an object store, for example `s3://bucket/sales/part-0.parquet`.

    The path has the verbs of `pathlib.Path` that trilla uses. Any other verb of `Path` fails, because a stored file has
    no place on the disk. Folders exist as soon as there are files in them.
    """

    def __str__(self) -> str:
        return super().__str__().replace(":/", MARK, 1)

    def __fspath__(self) -> str:
        raise io.UnsupportedOperation(f"'{self}' is not on a disk")

    @property
    def location(self) -> ArrowLocation:
        """The file system of the store, and the path in it."""
        filesystem, base = root_of_store(f"{self.parts[0]}//{self.parts[1]}")
        return ArrowLocation("/".join([base.rstrip("/"), *self.parts[2:]]), filesystem)

    def absolute(self) -> "StoredPath":
        return self

    def resolve(self, strict: bool = False) -> "StoredPath":
        return self

    def is_symlink(self) -> bool:
        return False

    def exists(self, *, follow_symlinks: bool = True) -> bool:
        return bool(self._found.type)

    def is_file(self, *, follow_symlinks: bool = True) -> bool:
        return bool(self._found.is_file)

    def is_dir(self, *, follow_symlinks: bool = True) -> bool:
        return bool(self._found.type) and not self._found.is_file

    def stat(self, *, follow_symlinks: bool = True) -> os.stat_result:
        found = self._found
        if not found.is_file:
            raise FileNotFoundError(f"no file '{self}'")
        seconds = found.mtime_ns // 10**9
        values = (stat.S_IFREG, 0, 0, 1, 0, 0, found.size, seconds, seconds, seconds)
        return os.stat_result(values, {"st_mtime_ns": found.mtime_ns})

    def open(self, mode: str = "rb", buffering: int = -1) -> Any:  # type: ignore[override]
        """Open the file for reading bytes at any place.

        Parameters
        ----------
        mode : str
            Mode, which must be "rb".
        buffering : int
            Size of the buffer, which has no effect, because a store has a size of its own.
        """
        if mode != "rb":
            raise io.UnsupportedOperation(f"'{self}' can be opened for reading bytes only")
        return io.BufferedReader(self.location.filesystem.open_input_file(self.location.path), READ_BYTES)

    def mkdir(self, *_: Any, **__: Any) -> None:
        """Do nothing, because folders come with their files."""

    def unlink(self, missing_ok: bool = False) -> None:
        try:
            self.location.filesystem.delete_file(self.location.path)
        except FileNotFoundError:
            if not missing_ok:
                raise

    def iterdir(self) -> Iterator["StoredPath"]:  # type: ignore[override]
        return (self / found.base_name for found in self._listed(recursive=False))

    def glob(self, pattern: str, **_: Any) -> Iterator["StoredPath"]:  # type: ignore[override]
        """Paths that match a pattern, whose stars stand for parts of one name."""
        first, _slash, rest = pattern.partition("/")
        if not glob.has_magic(first):
            found = [self / first] if rest or (self / first).exists() else []
        else:
            found = [child for child in self.iterdir() if fnmatchcase(child.name, first)]
        for child in found:
            yield from child.glob(rest) if rest else [child]

    def size(self) -> int:
        """Number of bytes of the file, or of all files below the folder."""
        if self.is_file():
            return self.stat().st_size
        return sum(found.size or 0 for found in self._listed(recursive=True))

    def walked(self) -> Iterator[tuple["StoredPath", list[str], list[str]]]:
        """Each folder with the names of its folders and of its files, from above, as `os.walk` gives them."""
        top = self.location.path
        below = [
            (found.path.removeprefix(top).strip("/"), found.is_file) for found in self._listed(recursive=True)
        ]
        ordered = sorted(
            (path.rpartition("/")[0], path.rpartition("/")[2], is_file) for path, is_file in below
        )
        names = {folder: list(entries) for folder, entries in groupby(ordered, key=lambda one: one[0])}
        folders = [""]
        while folders:
            folder = folders.pop(0)
            found = names.get(folder, [])
            inner = [name for _, name, is_file in found if not is_file]
            yield self / folder, inner, [name for _, name, is_file in found if is_file]
            folders[:0] = [f"{folder}/{name}".lstrip("/") for name in inner]

    @property
    def _found(self) -> Any:
        return self.location.filesystem.get_file_info(self.location.path)

    def _listed(self, *, recursive: bool) -> list[Any]:
        """Descriptions of what is below the folder, in the order of the paths."""
        from pyarrow.fs import FileSelector

        selector = FileSelector(self.location.path, recursive=recursive, allow_not_found=True)
        found = self.location.filesystem.get_file_info(selector)
        return sorted(found, key=lambda one: one.path)


def is_stored(address: str) -> bool:
    """Whether files at an address can be read and written at their place; an address with a query cannot."""
    found = urlsplit(address)
    is_plain = not (found.query or found.fragment or found.username) and "**" not in address
    return found.scheme in STORES and bool(found.netloc) and is_plain


def arrow_filesystem(address: str) -> tuple[Any, str]:
    """Arrow's file system for an address, and the path in the file system.

    Parameters
    ----------
    address : str
        Address such as `s3://bucket/folder`; fsspec serves the schemes that Arrow does not know.
    """
    import pyarrow as pa
    import pyarrow.fs as fs

    try:
        found: tuple[Any, str] = fs.FileSystem.from_uri(_bounded(address))
        return found
    except pa.ArrowInvalid:  # a scheme that Arrow itself does not know
        from fsspec.core import url_to_fs

        filesystem, place = url_to_fs(address)
        return fs.PyFileSystem(fs.FSSpecHandler(filesystem)), place


@lru_cache(maxsize=32)
def root_of_store(address: str) -> tuple[Any, str]:
    """Arrow's file system of a store, whose region is asked for once, and the path of the store's root."""
    return arrow_filesystem(address)


def _bounded(address: str) -> str:
    """The address with a limit for the tries of a storage that otherwise tries for a quarter of an hour."""
    if not address.startswith(("gs://", "gcs://")) or "retry_limit_seconds" in address:
        return address
    return f"{address}{'&' if '?' in address else '?'}retry_limit_seconds={RETRIES_S}"
