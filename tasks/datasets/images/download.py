"""Downloads of files that are checked by a digest and resumed after an interruption."""

import hashlib
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http import HTTPStatus
from http.client import HTTPException, HTTPResponse
from pathlib import Path
from urllib.error import HTTPError
from urllib.request import Request, urlopen

from filelock import FileLock

from infra.errors import DataError
from infra.progress import Progress
from infra.retrying import retry

TIMEOUT_S = 20
TRIES = 3
PIECE_BYTES = 2**18


def fetch(url: str, path: str | Path, md5: str, progress: Progress | None = None) -> Path:
    """Download a file, unless it is there already, and check its digest.

    The bytes are written to `NAME.part`, which is renamed when its digest is right. An interrupted download is
    resumed by the same call, a bounded number of times, and by later calls. If a resumed download has another
    digest, the file is downloaded once more from its beginning.

    Parameters
    ----------
    url : str
        Address of the file, http or https.
    path : str or Path
        Path where the file is kept.
    md5 : str
        MD5 digest of the file, in hexadecimal digits.
    progress : callable, optional
        Function that is called now and then with the number of bytes on disk and of all bytes (0 if the server
        does not say).

    Returns
    -------
    Path
        Path of the file.

    Raises
    ------
    DataError
        If the server cannot be reached or refuses, the digest is wrong, or the file cannot be written.
    """
    target = Path(path)
    if not url.startswith(("http://", "https://")):
        raise DataError(f"'{url}' is not a web address; it must start with http:// or https://")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with FileLock(target.with_name(f".{target.name}.lock")):
            if not target.exists() or md5_of(target) != md5:
                part = target.with_name(target.name + ".part")
                _Download(url, part, progress).run(md5)
                os.replace(part, target)
    except OSError as error:
        raise DataError(f"'{target}' cannot be written: {error.strerror or error}") from error
    return target


def md5_of(path: Path) -> str:
    """MD5 digest of a file, in hexadecimal digits."""
    with open(path, "rb") as stream:
        return hashlib.file_digest(stream, lambda: hashlib.md5(usedforsecurity=False)).hexdigest()


class _InterruptedError(Exception):
    """A download that ended before the end of the file; the message is the reason."""


@dataclass
class _Download:
    """The download of one file into a temporary file."""

    url: str
    part: Path
    progress: Progress | None
    had: int = 0
    """Number of bytes that were on disk when the last request began."""

    def run(self, md5: str) -> None:
        """Download the file, or the rest of it, and check its digest."""
        resumed = self.part.exists()
        found = self._complete()
        if resumed and found != md5:  # the bytes on disk were those of another file
            self.part.unlink()
            found = self._complete()
        if found != md5:
            self.part.unlink()
            raise DataError(f"'{self.url}' has the MD5 digest {found} instead of {md5}; it was not used")

    def _complete(self) -> str:
        """Download what is missing, with another request after an interrupted one, and return the digest."""
        retry(self._request, tries=TRIES, on=_InterruptedError, failed=self._refuse_if_stuck)
        return md5_of(self.part)

    def _refuse_if_stuck(self, error: BaseException, tries_left: int) -> None:
        if not tries_left or self._size() <= self.had:
            raise DataError(f"'{self.url}' cannot be downloaded: {error}") from error

    def _size(self) -> int:
        return self.part.stat().st_size if self.part.exists() else 0

    def _request(self) -> None:
        self.had = self._size()
        with _opened(self.url, self.had) as response:
            if response is not None:
                self._append(response)

    def _append(self, response: HTTPResponse) -> None:
        size = self.had if response.status == HTTPStatus.PARTIAL_CONTENT else 0
        length = response.headers.get("Content-Length")
        total = size + int(length) if length else 0
        with open(self.part, "ab" if size else "wb") as stream:
            for piece in _pieces(response):
                stream.write(piece)
                size += len(piece)
                if self.progress is not None:
                    self.progress(size, total)
        if size < total:
            raise _InterruptedError(f"the connection ended after {size:,} of {total:,} bytes")


@contextmanager
def _opened(url: str, had: int) -> Iterator[HTTPResponse | None]:
    """Request the bytes after the first `had` bytes; the response is None if there are no more."""
    request = Request(url, headers={"Range": f"bytes={had}-"} if had else {})  # noqa: S310 (checked in fetch)
    try:
        response = urlopen(request, timeout=TIMEOUT_S)  # noqa: S310
    except HTTPError as error:
        if not had or error.code != HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE:
            raise _InterruptedError(f"the server answers {error.code} {error.reason}") from error
        yield None
    except (OSError, HTTPException) as error:
        raise _InterruptedError(str(getattr(error, "reason", None) or error)) from error
    else:
        with response:
            yield response


def _pieces(response: HTTPResponse) -> Iterator[bytes]:
    try:
        while piece := response.read(PIECE_BYTES):
            yield piece
    except (OSError, HTTPException) as error:
        raise _InterruptedError(f"the connection broke: {error}") from error
