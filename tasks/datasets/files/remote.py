"""Tables at an address (https://, s3://, gs://, ...): fetched once into the folder of downloads, then local files."""

import hashlib
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from http import HTTPStatus
from pathlib import Path, PurePosixPath
from typing import Any, NoReturn
from urllib.parse import unquote, urlsplit
from uuid import uuid4

import aiohttp
import fsspec
from filelock import FileLock
from fsspec.callbacks import Callback
from fsspec.implementations.arrow import ArrowFSWrapper
from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn

from infra.errors import DataError
from infra.settings import load_settings
from infra.store_errors import REFUSALS, reason_of
from infra.stored_path import MARK, STORES, arrow_filesystem
from tasks.datasets.files.parts import is_hidden, pattern_name

CONNECT_S, SILENCE_S = 20, 60  # seconds without an answer after which a web server is given up
VERSION_FIELDS = (
    "ETag",
    "Last-Modified",
    "LastModified",
    "last_modified",
    "Content-MD5",
    "md5Hash",
    "generation",
    "mtime",
    "created",
)
"""Properties of a file, of which each storage has others, that change when the file changes."""
WEB = ("http://", "https://")
CLOUDS = tuple(f"{scheme}{MARK}" for scheme in STORES)


@dataclass(frozen=True)
class _Remote:
    """Files at an address.

    Parameters
    ----------
    address : str
        The address as the user gave it.
    storage : fsspec.AbstractFileSystem
        The storage.
    base : str
        Path of the folder of the files in the storage; empty for a single file.
    files : mapping of str to dict
        Properties of each file, by the file's path in the storage.
    """

    address: str
    storage: Any
    base: str
    files: Mapping[str, Mapping[str, Any]] = field(repr=False)

    @property
    def size(self) -> int:
        """Number of bytes of all files, as far as the storage says."""
        return sum(int(found.get("size") or 0) for found in self.files.values())

    @property
    def version(self) -> str | None:
        """Digest that changes when a file changes; None if the storage says nothing that would show a change."""
        known = [
            (path, found.get("size"), *(str(found[name]) for name in VERSION_FIELDS if found.get(name)))
            for path, found in self.files.items()
        ]
        if any(len(properties) < 3 for properties in known):
            return None
        return hashlib.sha256(repr((self.address, known)).encode()).hexdigest()[:16]


def is_address(data: str) -> bool:
    """Whether a word is an address and not a path."""
    return MARK in data


def fetched(address: str) -> Path:
    """Fetch the table at an address, unless the folder of downloads holds it as it is now.

    Parameters
    ----------
    address : str
        Address of a file, of a folder of parts, or a pattern such as `s3://bucket/part-*.csv`.

    Returns
    -------
    Path
        The local file, or the local folder of the parts.

    Raises
    ------
    DataError
        If there is nothing at the address, a package or credentials are missing, or the connection breaks.
    """
    remote = _remote(address)
    version = remote.version or f"{hashlib.sha256(address.encode()).hexdigest()[:16]}-now"
    target = load_settings().home / "downloads" / version / _name(address)
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with FileLock(target.parent / ".lock"):
            if remote.version is None or not target.exists():
                _fetch(remote, target)
    except OSError as error:
        raise DataError(f"'{address}' cannot be fetched to '{target}': {error.strerror or error}") from None
    return target


def _name(address: str) -> str:
    """Name of the local file: that of the last part of the address, or of what the files of a pattern share."""
    parts = [part for part in PurePosixPath(unquote(urlsplit(address).path)).parts if part != "/"]
    last = parts[-1] if parts else urlsplit(address).netloc
    return pattern_name(PurePosixPath(*parts)) if "*" in last else last or "data"


def _remote(address: str) -> _Remote:
    """Ask the storage for the files at an address and their properties."""
    is_web = address.startswith(WEB)
    try:
        storage, path = _storage(address)
        if "*" in path:
            paths = [
                one for one in storage.glob(path) if not is_hidden(PurePosixPath(urlsplit(one).path).name)
            ]
            return _Remote(
                address, storage, path.split("*")[0].rpartition("/")[0], _properties(storage, sorted(paths))
            )
        if not is_web and storage.isdir(path):
            return _Remote(address, storage, path, _properties(storage, sorted(storage.find(path))))
        return _Remote(address, storage, "", _properties(storage, [path]))
    except Exception as error:  # each storage has its own exceptions
        refuse(address, error)


def _storage(address: str) -> tuple[Any, str]:
    """The storage of an address, and the path in the storage; pyarrow reaches clouds without further packages."""
    if address.startswith(WEB):
        timeout = aiohttp.ClientTimeout(total=None, sock_connect=CONNECT_S, sock_read=SILENCE_S)
        web: tuple[Any, str] = fsspec.core.url_to_fs(
            address, client_kwargs={"timeout": timeout}, skip_instance_cache=True
        )
        return web
    if address.startswith(CLOUDS):
        folder, pattern = _without_pattern(address)
        storage, path = arrow_filesystem(folder)
        return ArrowFSWrapper(storage), path + pattern
    other: tuple[Any, str] = fsspec.core.url_to_fs(address)
    return other


def _without_pattern(address: str) -> tuple[str, str]:
    """The address of a folder with the query, and the pattern below the folder; a pattern is no address for pyarrow."""
    start, mark, rest = address.partition("*")
    if not mark:
        return address, ""
    folder, slash, name = start.rpartition("/")
    pattern, question, query = rest.partition("?")
    return folder + question + query, slash + name + mark + pattern


def _properties(storage: Any, paths: Sequence[str]) -> dict[str, Mapping[str, Any]]:
    if not paths:
        raise FileNotFoundError
    return {path: storage.info(path) for path in paths}


def refuse(address: str, error: Exception) -> NoReturn:
    """Say in one sentence why an address cannot be read.

    Parameters
    ----------
    address : str
        The address.
    error : Exception
        What the storage says.

    Raises
    ------
    DataError
        In every case.
    """
    cause = error.__cause__ or error.__context__
    if isinstance(cause, aiohttp.ClientError) and getattr(cause, "status", None) != HTTPStatus.NOT_FOUND:
        error = cause  # fsspec reports each fault of a web server as a missing file
    if isinstance(error, FileNotFoundError):
        raise DataError(f"nothing is at '{address}'; look for a slip in the address") from None
    reason = reason_of(error)
    if isinstance(error, ImportError):
        raise DataError(
            f"'{address}' needs a package that is not installed ({reason}); install it with pip"
        ) from None
    if isinstance(error, PermissionError) or any(word in reason for word in ("redentials", *REFUSALS)):
        raise DataError(
            f"'{address}' may not be read ({reason}); set the credentials of the storage"
        ) from None
    raise DataError(f"'{address}' cannot be fetched: {reason}") from None


def _fetch(remote: _Remote, target: Path) -> None:
    """Fetch all files under a temporary name, and give them their name when they are whole."""
    free = shutil.disk_usage(target.parent).free
    if remote.size > free:
        raise DataError(
            f"'{remote.address}' has {remote.size:,} bytes, and {free:,} are free at '{target.parent}'"
        )
    unfinished = target.with_name(f".unfinished-{uuid4().hex}")
    try:
        with _Bar(remote) as bar:
            for path, found in remote.files.items():
                _fetch_file(remote, path, found, _local(path, remote.base, unfinished), bar)
        if target.is_dir():
            shutil.rmtree(target)
        unfinished.replace(target)
    finally:
        if unfinished.is_dir():
            shutil.rmtree(unfinished)
        unfinished.unlink(missing_ok=True)


def _local(path: str, base: str, unfinished: Path) -> Path:
    """Place of a file below the local folder; a single file takes the place of the folder."""
    if not base:
        return unfinished
    below = PurePosixPath(path.removeprefix(base).lstrip("/"))
    if below.is_absolute() or ".." in below.parts:
        raise DataError(f"'{path}' leads out of '{base}'")
    return unfinished / below


def _fetch_file(remote: _Remote, path: str, found: Mapping[str, Any], local: Path, bar: Callback) -> None:
    local.parent.mkdir(parents=True, exist_ok=True)
    try:
        remote.storage.get_file(path, str(local), callback=bar)
    except Exception as error:  # each storage has its own exceptions
        refuse(remote.address, error)
    wanted, size = found.get("size"), local.stat().st_size
    if wanted and size != wanted and not found.get("partial"):
        raise DataError(f"'{path}' broke off after {size:,} of {wanted:,} bytes; try again")


class _Bar(Callback):
    """A bar in the terminal that shows how much of the files is there."""

    def __init__(self, remote: _Remote) -> None:
        super().__init__()
        columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn(), TimeRemainingColumn())
        self._progress = Progress(*columns, console=Console(stderr=True), transient=True)
        self._task = self._progress.add_task(f"fetching {remote.address}", total=remote.size or None)

    def __enter__(self) -> "_Bar":
        self._progress.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._progress.stop()

    def set_size(self, size: int) -> None:
        """Do nothing, because the size of all files is known."""

    def relative_update(self, inc: int = 1) -> None:
        """Show that some more bytes are there."""
        self._progress.advance(self._task, inc)
