"""Decoding of image files into small squares of RGB pixels."""

import io
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps, UnidentifiedImageError

from tasks.datasets.images.deep import FULL_RANGE, ValueRange, is_deep, to_bytes, value_range
from tasks.datasets.images.source import UnusableError

FORMATS = ("JPEG", "PNG", "GIF", "BMP", "WEBP", "TIFF", "PPM", "AVIF")
"""Formats that are read. Pillow's other formats start programs, or are hardly used for photographs."""
SEVERAL_FRAMES = ("PNG", "GIF", "WEBP", "TIFF", "AVIF")
"""Formats whose further frames or pages are told; the second picture that some cameras put into a JPEG is not."""
MAX_PIXELS = 50_000_000
"""Number of pixels of the largest image that is decoded; it takes 200 MB of memory."""
REDUCING_GAP = 2.0
"""Before it is filtered, an image is reduced by a whole factor, at most down to this multiple of the final size."""


VERSION = 2
"""Version of the way from a file to pixels; images that another version packed are packed again."""


class Decoded(NamedTuple):
    """Pixels of an image, and what was done to get them."""

    pixels: NDArray[np.uint8]
    """Array of shape (size, size, 3)."""
    is_first_of_several: bool
    """Whether the file holds further frames or pages."""
    is_deep: bool
    """Whether the image has more than 8 bits a pixel."""


class ImageMeasure(NamedTuple):
    """What is measured of some images before all of them are decoded."""

    shorter_side: int
    """Length of the shorter side, in pixels."""
    values: ValueRange | None
    """Lowest and highest value of an image with more than 8 bits a pixel; None for other images."""


def decode(data: bytes, size: int, limits: ValueRange = FULL_RANGE) -> Decoded:
    """Decode an image, crop its centre to a square and resize that.

    Greyscale and palettes become RGB, transparent pixels are blended with white, the orientation that the camera
    recorded is applied, and the first of several frames or pages is taken. Large JPEG files are decoded at an eighth,
    a quarter or half of their resolution if that is still at least twice the final size.

    Parameters
    ----------
    data : bytes
        Content of an image file.
    size : int
        Height and width of the result, in pixels.
    limits : (float, float), default=(0, 65535)
        Values of a greyscale image with more than 8 bits a pixel that become black and white.

    Raises
    ------
    UnusableError
        If the file is not an image, or is broken or truncated. Also if the image has more than `MAX_PIXELS`
        pixels: that is read from the header, before anything is decoded.
    """
    image = _opened(data)
    enough = int(size * REDUCING_GAP)
    with _named_faults(image):
        several = _has_several_frames(image)
        image.draft(image.mode, (enough, enough))
        image.load()
        filterable = _in_filterable_mode(image, limits)
        pixels = np.asarray(_upright(_over_white(_square(filterable, size))))
    return Decoded(pixels, several, is_deep(image.mode))


def measure(data: bytes) -> ImageMeasure:
    """Measure an image; only an image with more than 8 bits a pixel is decoded.

    Raises
    ------
    UnusableError
        If the file is not an image, is broken, or the image has more than `MAX_PIXELS` pixels.
    """
    image = _opened(data)
    side = int(min(image.size))
    if not is_deep(image.mode):
        return ImageMeasure(side, None)
    with _named_faults(image):
        return ImageMeasure(side, value_range(np.asarray(image)))


def is_image(path: str) -> bool:
    """Whether the first bytes of a file are those of an image that can be decoded; its name does not matter."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            with Image.open(path, formats=FORMATS):
                return True
        except Image.DecompressionBombError:  # an image that is too large is an unusable image
            return True
        except Exception:  # Pillow's readers raise exceptions of many types for a file of another kind
            return False


@contextmanager
def _named_faults(image: Any) -> Iterator[None]:
    try:
        yield
    except UnusableError:
        raise
    except Exception as error:  # Pillow's readers raise exceptions of many types for a broken file
        raise UnusableError(_broken(image, error)) from None


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


def _has_several_frames(image: Any) -> bool:
    if image.format not in SEVERAL_FRAMES:
        return False
    try:
        return bool(image.is_animated)
    except Exception:  # the first frame may be good while the others are broken
        return False
    finally:
        image.seek(0)


def _in_filterable_mode(image: Any, limits: ValueRange) -> Any:
    """Convert an image to a mode whose pixels a filter can average: greyscale, RGB, or RGB with transparency."""
    if is_deep(image.mode):
        grey = Image.fromarray(to_bytes(np.asarray(image), limits))
        grey.info = {"exif": image.info["exif"]} if "exif" in image.info else {}
        return grey
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
