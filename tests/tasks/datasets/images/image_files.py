"""Image files for the tests."""

import io
import struct
import zlib
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image


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

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    row = zlib.compress(bytes(10_000_000), 1)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", row) + chunk(b"IEND", b"")
