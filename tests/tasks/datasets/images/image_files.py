"""Image files for the tests."""

import io
import struct
import zlib
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from tasks.datasets.images.decoding import decode


def picture(width: int = 40, height: int = 30, mode: str = "RGB", seed: int = 0) -> Image.Image:
    """A smooth image, which JPEG changes only a little."""
    random = np.random.default_rng(seed)
    coarse = Image.fromarray(random.integers(0, 256, (4, 4, 3), dtype=np.uint8))
    return coarse.resize((width, height), Image.Resampling.BICUBIC).convert(mode)


def encoded(image: Image.Image, kind: str = "JPEG", **options: Any) -> bytes:
    """Content of a file."""
    stream = io.BytesIO()
    image.save(stream, kind, **options)
    return stream.getvalue()


def decoded(content: bytes, size: int) -> NDArray[np.uint8]:
    """Pixels of an image file."""
    return decode(content, size).pixels


def put(path: Path, content: bytes) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return path


def folder(path: Path, count: int = 6, classes: tuple[str, ...] = ("cat", "dog")) -> Path:
    """Make a sub-folder for each class, with JPEG files of unequal sizes."""
    for number, label in enumerate(classes):
        for i in range(count):
            content = encoded(picture(40 + 3 * i, 30 + 5 * number, seed=100 * number + i))
            put(path / label / f"{i:03d}.jpg", content)
    return path


def bomb(width: int = 20_000, height: int = 20_000) -> bytes:
    """A PNG file of about ten kB whose header announces an image that would take 1.6 GB (a decompression bomb)."""

    return _png(width, height, 8, bytes(10_000_000))


def png16(pixels: NDArray[Any]) -> bytes:
    """A PNG file with 16 bits a channel; Pillow does not write such files.

    Parameters
    ----------
    pixels : ndarray of shape (height, width, 3), big-endian uint16
        The pixels.
    """
    height, width, _ = pixels.shape
    return _png(width, height, 16, b"".join(b"\0" + row.tobytes() for row in pixels))


def tiff16(pixels: NDArray[Any]) -> bytes:
    """A TIFF file with 16 bits a channel, without compression; `pixels` as in `png16`."""
    height, width, _ = pixels.shape
    end, data = 8 + 2 + 9 * 12 + 4, pixels.tobytes()
    tags = [
        (256, 4, 1, width), (257, 4, 1, height), (258, 3, 3, end), (259, 4, 1, 1), (262, 4, 1, 2),
        (273, 4, 1, end + 6), (277, 4, 1, 3), (278, 4, 1, height), (279, 4, 1, len(data)),
    ]  # fmt: skip
    entries = b"".join(struct.pack(">HHII", *tag) for tag in tags)
    directory = struct.pack(">H", len(tags)) + entries + bytes(4)
    return b"MM\0*" + struct.pack(">I", 8) + directory + struct.pack(">HHH", 16, 16, 16) + data


def _png(width: int, height: int, depth: int, rows: bytes) -> bytes:
    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", width, height, depth, 2, 0, 0, 0)
    content = zlib.compress(rows, 1)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", content) + chunk(b"IEND", b"")
