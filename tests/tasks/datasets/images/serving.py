"""A web server on loopback, and an archive of CIFAR-10's format to serve."""

import hashlib
import io
import pickle
import tarfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray


@dataclass
class Site:
    """One file on a web server, and the behaviour of the server."""

    content: bytes
    url: str = ""
    ranges: bool = True
    cut_after: list[int] = field(default_factory=list)
    """Numbers of bytes after which the first responses break off."""
    requests: list[str | None] = field(default_factory=list)
    """Range header of each request."""

    @property
    def md5(self) -> str:
        return hashlib.md5(self.content).hexdigest()

    def answer(self, handler: BaseHTTPRequestHandler) -> None:
        asked = handler.headers.get("Range")
        self.requests.append(asked)
        start = int(asked.removeprefix("bytes=").rstrip("-")) if asked and self.ranges else 0
        if not handler.path.endswith("cifar.tar.gz"):
            handler.send_error(404)
        elif start and start >= len(self.content):
            handler.send_error(416)
        else:
            handler.send_response(206 if start else 200)
            handler.send_header("Content-Length", str(len(self.content) - start))
            handler.end_headers()
            stop = start + self.cut_after.pop(0) if self.cut_after else len(self.content)
            handler.wfile.write(self.content[start:stop])


@contextmanager
def served(content: bytes) -> Iterator[Site]:
    """Serve a file under the name `cifar.tar.gz`."""
    site = Site(content)

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            site.answer(self)

        def log_message(self, *_: Any) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        site.url = f"http://127.0.0.1:{server.server_port}/cifar.tar.gz"
        try:
            yield site
        finally:
            server.shutdown()
            thread.join()


class _Python2(pickle._Pickler):
    """Pickler that writes bytes and NumPy's function as Python 2 did, because the archive was written by it."""

    dispatch: ClassVar[dict[Any, Any]] = dict(pickle._Pickler.dispatch)

    def save_bytes(self, data: bytes) -> None:
        self.write(pickle.BINSTRING + len(data).to_bytes(4, "little") + data)
        self.memoize(data)

    def save_global(self, obj: Any, name: str | None = None) -> None:
        if getattr(obj, "__name__", "") == "_reconstruct":
            self.write(b"cnumpy.core.multiarray\n_reconstruct\n")
            self.memoize(obj)
        else:
            super().save_global(obj, name)

    dispatch[bytes] = save_bytes
    dispatch[type(lambda: 0)] = save_global
    dispatch[type(len)] = save_global


def batch(data: Any, labels: Any) -> bytes:
    """Content of one batch."""
    stream = io.BytesIO()
    _Python2(stream, protocol=2).dump({b"batch_label": b"training", b"labels": labels, b"data": data})
    return stream.getvalue()


def rows(count: int, seed: int) -> tuple[NDArray[np.uint8], list[int]]:
    """Pixels in CIFAR-10's layout, shape (count, 3072) with one colour after the other, and codes of ten classes."""
    random = np.random.default_rng(seed)
    return random.integers(0, 256, (count, 3072), dtype=np.uint8), [i % 10 for i in range(count)]


def archive(members: dict[str, bytes]) -> bytes:
    """A tar.gz archive of files."""
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w:gz") as tar:
        for name, content in members.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            tar.addfile(member, io.BytesIO(content))
    return stream.getvalue()


def small_cifar() -> bytes:
    """An archive like the official one, with 40 images in each batch."""
    members = {f"cifar-10-batches-py/data_batch_{i}": batch(*rows(40, i)) for i in range(1, 6)}
    return archive(
        {"cifar-10-batches-py/batches.meta": b"?", **members, "cifar-10-batches-py/test_batch": b"?"}
    )
