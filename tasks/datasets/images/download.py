"""Files from the web: fetched once, checked, gone on with after an interruption."""

import hashlib
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.client import HTTPException, HTTPResponse
from pathlib import Path
from urllib.error import HTTPError
from urllib.request import Request, urlopen

from filelock import FileLock

from infra.errors import DataError

TIMEOUT_S = 20
TRIES = 3
AT_ONCE = 2**18
PARTIAL, PAST_THE_END = 206, 416  # of HTTP's status codes

Progress = Callable[[int, int], None]


class _InterruptedError(Exception):
    """A download that did not come to its end, and why."""


def fetch(url: str, path: str | Path, md5: str, progress: Progress | None = None) -> Path:
    """Download a file, unless it is there, and check it.

    The bytes go to `NAME.part`, which becomes the file once its digest is right. An interrupted download is
    gone on with where it stopped, in the same call a bounded number of times and by the next call; one that
    ends with another digest is begun anew once.

    Parameters
    ----------
    url : str
        Address, http or https.
    path : str or Path
        Where the file is to be.
    md5 : str
        Digest that the file has, in hexadecimal digits.
    progress : callable, optional
        Called with the bytes that are there and all bytes (0 where the server does not tell), now and then.

    Returns
    -------
    Path
        The file.

    Raises
    ------
    DataError
        If the server cannot be reached or refuses, the digest is wrong, or the file cannot be written.
    """
    target = Path(path)
    if not url.startswith(("http://", "https://")):
        raise DataError(f"'{url}' is no web address; it must start with http:// or https://")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with FileLock(target.with_name(f".{target.name}.lock")):
            if not target.exists() or md5_of(target) != md5:
                os.replace(_downloaded(url, target.with_name(target.name + ".part"), md5, progress), target)
    except OSError as error:
        raise DataError(f"'{target}' cannot be written: {error.strerror or error}") from error
    return target


def md5_of(path: Path) -> str:
    """MD5 digest of a file, in hexadecimal digits."""
    with open(path, "rb") as stream:
        return hashlib.file_digest(stream, lambda: hashlib.md5(usedforsecurity=False)).hexdigest()


def _downloaded(url: str, part: Path, md5: str, progress: Progress | None) -> Path:
    """The whole file under its temporary name, with the right digest."""
    resumed = part.exists()
    _complete(url, part, progress)
    found = md5_of(part)
    if found != md5 and resumed:  # the beginning was of something else
        part.unlink()
        _complete(url, part, progress)
        found = md5_of(part)
    if found != md5:
        part.unlink()
        raise DataError(f"what '{url}' gave has md5 {found} instead of {md5}; it was not used")
    return part


def _complete(url: str, part: Path, progress: Progress | None) -> None:
    """Download what is missing of a file; tried again as long as something arrives."""
    for tries_left in reversed(range(TRIES)):
        had = part.stat().st_size if part.exists() else 0
        try:
            _append(url, part, had, progress)
            return
        except _InterruptedError as error:
            arrived = part.exists() and part.stat().st_size > had
            if not (tries_left and arrived):
                raise DataError(f"'{url}' cannot be downloaded: {error}") from error


def _append(url: str, part: Path, had: int, progress: Progress | None) -> None:
    with _opened(url, had) as response:
        if response is None:
            return
        had = had if response.status == PARTIAL else 0
        length = response.headers.get("Content-Length")
        total = had + int(length) if length else 0
        with open(part, "ab" if had else "wb") as stream:
            for data in _pieces(response):
                stream.write(data)
                had += len(data)
                if progress is not None:
                    progress(had, total)
    if had < total:
        raise _InterruptedError(f"the connection ended after {had:,} of {total:,} bytes")


@contextmanager
def _opened(url: str, had: int) -> Iterator[HTTPResponse | None]:
    """The server's answer with what follows the first `had` bytes; None if nothing does."""
    request = Request(url, headers={"Range": f"bytes={had}-"} if had else {})  # noqa: S310 (checked in fetch)
    try:
        response = urlopen(request, timeout=TIMEOUT_S)  # noqa: S310
    except HTTPError as error:
        if not (had and error.code == PAST_THE_END):
            raise _InterruptedError(f"the server answers {error.code} {error.reason}") from error
        yield None
    except (OSError, HTTPException) as error:
        raise _InterruptedError(str(getattr(error, "reason", None) or error)) from error
    else:
        with response:
            yield response


def _pieces(response: HTTPResponse) -> Iterator[bytes]:
    try:
        while data := response.read(AT_ONCE):
            yield data
    except (OSError, HTTPException) as error:
        raise _InterruptedError(f"the connection broke: {error}") from error
