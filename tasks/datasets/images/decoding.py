"""From the bytes of an image file to a small square of RGB values."""

import io
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps, UnidentifiedImageError

from tasks.datasets.images.reading import UnusableError

FORMATS = ("JPEG", "PNG", "GIF", "BMP", "WEBP", "TIFF", "PPM")
"""Formats that are read; others of Pillow's start programs, or are hardly photographs."""
MOST_PIXELS = 50_000_000
"""Pixels of the largest image that is decoded: 200 MB of memory."""
REDUCING_GAP = 2.0
"""Before the filter an image is shrunk by whole factors to no less than so many times the size."""


def decoded(data: bytes, size: int) -> NDArray[np.uint8]:
    """Decode an image, crop its centre to a square and resize that.

    Greyscale and palettes become RGB, what is transparent lies over white, the orientation that a camera
    wrote down is applied, and of several frames the first is taken. Large JPEG files are decoded at an
    eighth, a quarter or half of their resolution, as far as that leaves twice the size.

    Parameters
    ----------
    data : bytes
        Content of an image file.
    size : int
        Height and width of the result, in pixels.

    Returns
    -------
    ndarray of shape (size, size, 3), uint8

    Raises
    ------
    UnusableError
        If it is no image, is broken or truncated, or has more than `MOST_PIXELS` pixels, which the header
        tells before anything is decoded.
    """
    image = _opened(data)
    enough = int(size * REDUCING_GAP)
    try:
        image.draft(image.mode, (enough, enough))
        image.load()
        pixels = np.asarray(_upright(_over_white(_square(_plain(image), size))))
    except UnusableError:
        raise
    except Exception as error:  # Pillow's readers raise many kinds of them at what is broken
        raise UnusableError(_broken(image, error)) from None
    return pixels


def shorter_side(data: bytes) -> int:
    """Pixels of an image's shorter side, from its header.

    Raises
    ------
    UnusableError
        If it is no image, or has more than `MOST_PIXELS` pixels.
    """
    width, height = _opened(data).size
    return int(min(width, height))


def _opened(data: bytes) -> Any:
    try:
        image = Image.open(io.BytesIO(data), formats=FORMATS)
    except Image.DecompressionBombError:
        raise UnusableError(f"oversized: at most {MOST_PIXELS:,} pixels are decoded") from None
    except UnidentifiedImageError:
        raise UnusableError(f"no image of a known format ({', '.join(FORMATS)})") from None
    except Exception as error:
        raise UnusableError(f"broken image: {error}") from None
    width, height = image.size
    if width * height > MOST_PIXELS:
        raise UnusableError(f"oversized: {width:,} x {height:,} pixels, at most {MOST_PIXELS:,} are decoded")
    if not width * height:
        raise UnusableError("broken image: it has no pixels")
    return image


def _plain(image: Any) -> Any:
    """The image in a mode that a filter can average: greyscale, RGB, or RGB with transparency."""
    if image.mode.startswith("I;16"):
        return Image.fromarray((np.asarray(image) >> 8).astype(np.uint8))
    if image.mode in ("I", "F"):
        raise UnusableError(f"pixels of mode {image.mode}, whose range is not known")
    if image.has_transparency_data:
        return image.convert("RGBA")
    return image if image.mode in ("L", "RGB") else image.convert("RGB")


def _square(image: Any, size: int) -> Any:
    width, height = image.size
    side = min(width, height)
    left, top = (width - side) / 2, (height - side) / 2
    return image.resize(
        (size, size),
        Image.Resampling.BICUBIC,
        box=(left, top, left + side, top + side),
        reducing_gap=REDUCING_GAP,
    )


def _over_white(image: Any) -> Any:
    if image.mode != "RGBA":
        return image.convert("RGB")
    white = Image.new("RGBA", image.size, "white")
    white.info = dict(image.info)
    white.alpha_composite(image)
    return white.convert("RGB")


def _upright(image: Any) -> Any:
    try:
        return ImageOps.exif_transpose(image)
    except Exception:  # what a camera wrote beside the picture may be broken while the picture is not
        return image


def _broken(image: Any, error: Exception) -> str:
    how = "truncated" if "truncated" in str(error).lower() else "broken"
    return f"{how} {image.format} image: {error}"
