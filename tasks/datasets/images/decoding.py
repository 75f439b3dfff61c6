"""Decoding of image files into small squares of RGB pixels."""

import io
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps, UnidentifiedImageError

from tasks.datasets.images.source import UnusableError

FORMATS = ("JPEG", "PNG", "GIF", "BMP", "WEBP", "TIFF", "PPM")
"""Formats that are read. Pillow's other formats start programs, or are hardly used for photographs."""
MAX_PIXELS = 50_000_000
"""Number of pixels of the largest image that is decoded; it takes 200 MB of memory."""
REDUCING_GAP = 2.0
"""Before it is filtered, an image is reduced by a whole factor, at most down to this multiple of the final size."""


def decoded(data: bytes, size: int) -> NDArray[np.uint8]:
    """Decode an image, crop its centre to a square and resize that.

    Greyscale and palettes become RGB, transparent pixels are blended with white, the orientation that the camera
    recorded is applied, and the first of several frames is taken. Large JPEG files are decoded at an eighth, a
    quarter or half of their resolution if that is still at least twice the final size.

    Parameters
    ----------
    data : bytes
        Content of an image file.
    size : int
        Height and width of the result, in pixels.

    Returns
    -------
    ndarray of shape (size, size, 3), uint8
        The pixels.

    Raises
    ------
    UnusableError
        If the file is not an image, or is broken or truncated. Also if the image has more than `MAX_PIXELS`
        pixels: that is read from the header, before anything is decoded.
    """
    image = _opened(data)
    enough = int(size * REDUCING_GAP)
    try:
        image.draft(image.mode, (enough, enough))
        image.load()
        pixels = np.asarray(_upright(_over_white(_square(_in_filterable_mode(image), size))))
    except UnusableError:
        raise
    except Exception as error:  # Pillow's readers raise exceptions of many types for a broken file
        raise UnusableError(_broken(image, error)) from None
    return pixels


def shorter_side(data: bytes) -> int:
    """Length of an image's shorter side in pixels, read from the header of its file.

    Raises
    ------
    UnusableError
        If the file is not an image, or the image has more than `MAX_PIXELS` pixels.
    """
    width, height = _opened(data).size
    return int(min(width, height))


def _opened(data: bytes) -> Any:
    try:
        image = Image.open(io.BytesIO(data), formats=FORMATS)
    except Image.DecompressionBombError:
        raise UnusableError(f"oversized: at most {MAX_PIXELS:,} pixels are decoded") from None
    except UnidentifiedImageError:
        raise UnusableError(f"no image of a known format ({', '.join(FORMATS)})") from None
    except Exception as error:
        raise UnusableError(f"broken image: {error}") from None
    width, height = image.size
    if width * height > MAX_PIXELS:
        raise UnusableError(f"oversized: {width:,} x {height:,} pixels, at most {MAX_PIXELS:,} are decoded")
    if not width * height:
        raise UnusableError("broken image: no pixels")
    return image


def _in_filterable_mode(image: Any) -> Any:
    """Convert an image to a mode whose pixels a filter can average: greyscale, RGB, or RGB with transparency."""
    if image.mode.startswith("I;16"):
        return Image.fromarray((np.asarray(image) >> 8).astype(np.uint8))
    if image.mode in ("I", "F"):
        raise UnusableError(f"pixels of mode {image.mode}, whose range of values is not known")
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
    except Exception:  # the metadata may be broken while the pixels are not
        return image


def _broken(image: Any, error: Exception) -> str:
    how = "truncated" if "truncated" in str(error).lower() else "broken"
    return f"{how} {image.format} image: {error}"
