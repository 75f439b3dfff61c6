"""Image files become pixels, or a reason in words why they cannot be used."""

import io
import tracemalloc
from functools import cache

import numpy as np
import psutil
import pytest
from PIL import Image, ImageOps

from tasks.datasets.images import decoding
from tasks.datasets.images.decoding import decode, measure
from tasks.datasets.images.deep import common_range
from tasks.datasets.images.source import UnusableError
from tests.tasks.datasets.images import image_files
from tests.tasks.datasets.images.image_files import bomb, decoded, encoded, picture


def test_pixels_are_those_of_a_centre_crop_and_a_filter_over_areas() -> None:
    pixels = np.asarray(picture(128, 128))
    wide = np.concatenate([np.zeros((128, 30, 3), np.uint8), pixels, np.full((128, 30, 3), 255, np.uint8)], 1)
    for turned in (wide, wide.transpose(1, 0, 2)):
        found = decoded(encoded(Image.fromarray(turned), "PNG"), 8)
        inner = pixels if turned is wide else pixels.transpose(1, 0, 2)
        areas = inner.reshape(8, 16, 8, 16, 3).mean((1, 3))
        assert found.shape == (8, 8, 3)
        assert found.dtype == np.uint8
        assert np.abs(found - areas)[1:-1, 1:-1].max() < 8
        fitted = ImageOps.fit(Image.fromarray(turned), (8, 8), Image.Resampling.BICUBIC)
        assert np.abs(found.astype(int) - np.asarray(fitted)).max() <= 4
    small = picture(32, 32)
    np.testing.assert_array_equal(decoded(encoded(small, "PNG"), 32), np.asarray(small))


def test_a_checkerboard_becomes_grey_and_no_pattern() -> None:
    board = (np.indices((300, 300)).sum(0) % 2 * 255).astype(np.uint8)
    for kind in ("PNG", "JPEG"):
        found = decoded(encoded(Image.fromarray(board), kind), 16).astype(int)
        assert np.abs(found[2:-2, 2:-2] - 127).max() < 12


@pytest.mark.parametrize("mode", ["L", "P", "1", "CMYK", "RGB", "RGBA", "LA", "I;16"])
def test_every_mode_becomes_the_same_rgb(mode: str) -> None:
    grey = picture(50, 50, "L")
    if mode == "I;16":
        image = Image.fromarray(np.asarray(grey).astype(np.uint16) * 257)
    else:
        image = grey.convert("RGB").convert(mode) if mode in ("CMYK", "P") else grey.convert(mode)
    expected = decoded(
        encoded(grey.convert("1").convert("RGB") if mode == "1" else grey.convert("RGB"), "PNG"), 16
    )
    found = decoded(encoded(image, "TIFF" if mode == "CMYK" else "PNG"), 16)
    assert found.shape == (16, 16, 3)
    assert np.abs(found.astype(int) - expected).max() <= (40 if mode == "P" else 2)


def _deep(kind: str, highest: float) -> bytes:
    """A square whose values rise from left to right, from 0 to `highest`."""
    values = np.tile(np.linspace(0, highest, 64), (64, 1))
    if kind == "PGM":
        return f"P5 64 64 {highest:.0f}\n".encode() + values.astype(">u2").tobytes()
    file, dtype = kind.split()
    return encoded(Image.fromarray(values.astype(dtype)), file)


@pytest.mark.parametrize(
    ("kind", "highest"),
    [
        ("PNG uint16", 65535), ("PNG uint16", 4095), ("PNG uint16", 1023), ("TIFF uint16", 65535),
        ("TIFF uint16", 16383), ("TIFF int32", 65535), ("TIFF int32", 1_000_000), ("TIFF float32", 1.0),
        ("TIFF float32", 255.0), ("PGM", 65535), ("PGM", 4095),
    ],
)  # fmt: skip
def test_images_of_more_than_8_bits_keep_their_contrast(kind: str, highest: float) -> None:
    content = _deep(kind, highest)
    values = measure(content).values
    assert values is not None
    found = decode(content, 64, common_range([values]))
    expected = np.tile(np.linspace(0, 255, 64)[None, :, None], (64, 1, 3))
    assert np.abs(found.pixels - expected).max() <= 1
    assert found.is_deep


@pytest.mark.parametrize("kind", ["PNG", "TIFF"])
def test_16_bits_a_channel_keep_their_contrast(kind: str) -> None:
    """Pillow cannot write such files: they are written by hand, and the colours rise from left to right."""
    rising = np.linspace(0, 65535, 64)
    pixels = np.tile(np.stack([rising, rising[::-1], rising], axis=1), (64, 1, 1)).astype(">u2")
    found = decode(image_files.png16(pixels) if kind == "PNG" else image_files.tiff16(pixels), 64)
    assert np.abs(found.pixels.astype(int) - (pixels // 257)).max() <= 1


def test_values_that_are_not_finite_are_black() -> None:
    values = np.full((8, 8), 1.0, np.float32)
    values[:, :4] = np.nan
    found = decode(encoded(Image.fromarray(values), "TIFF"), 8, (0.0, 1.0)).pixels
    assert (found[:, :3].max(), found[:, -3:].min()) == (0, 255)


def test_a_deep_image_is_turned_upright() -> None:
    exif = Image.Exif()
    exif[0x0112] = 3
    values = np.tile(np.linspace(0, 65535, 16).astype(np.uint16), (16, 1))
    for kind in ("PNG", "TIFF"):
        found = decode(encoded(Image.fromarray(values), kind, exif=exif), 16).pixels
        assert found[8, 0, 0] > found[8, -1, 0], kind


@pytest.mark.parametrize("kind", ["TIFF", "GIF", "WEBP", "PNG", "AVIF"])
def test_the_first_frame_or_page_is_used_and_told(kind: str) -> None:
    red, blue = (Image.new("RGB", (32, 32), colour) for colour in ("red", "blue"))
    content = encoded(red, kind, save_all=True, append_images=[blue])
    found = decode(content, 16)
    assert np.abs(found.pixels.astype(int) - (255, 0, 0)).max() < 6
    assert found.is_first_of_several
    assert not decode(encoded(red, kind), 16).is_first_of_several


def test_broken_later_frames_do_not_spoil_the_first() -> None:
    red, blue = (Image.new("RGB", (32, 32), colour) for colour in ("red", "blue"))
    content = encoded(red, "GIF", save_all=True, append_images=[blue])
    first = decode(content[: len(encoded(red, "GIF")) + 5], 16).pixels
    assert np.abs(first.astype(int) - (255, 0, 0)).max() < 6


def test_cmyk_jpeg_keeps_its_colours() -> None:
    for colour in ("red", "white", "black", "blue"):
        image = Image.new("RGB", (32, 32), colour)
        found = decode(encoded(image.convert("CMYK"), "JPEG"), 16).pixels
        assert np.abs(found.astype(int) - np.asarray(image)[:16, :16]).max() < 12, colour


def test_what_is_transparent_lies_over_white() -> None:
    half = np.zeros((40, 40, 4), np.uint8)
    half[:, 20:] = (200, 0, 0, 255)
    found = decoded(encoded(Image.fromarray(half), "PNG"), 8)
    assert (found[:, :3] > 250).all()
    assert np.abs(found[:, -3:].astype(int) - (200, 0, 0)).max() < 5
    palette = Image.fromarray(np.r_[[0] * 800, [1] * 800].astype(np.uint8).reshape(40, 40), "P")
    palette.putpalette([0, 0, 0, 0, 0, 200])
    found = decoded(encoded(palette, "PNG", transparency=0), 8)
    assert (found[:3] > 250).all()
    assert np.abs(found[-3:].astype(int) - (0, 0, 200)).max() < 5


@pytest.mark.parametrize("orientation", range(1, 9))
def test_the_orientation_of_the_camera_is_applied(orientation: int) -> None:
    upright = np.asarray(picture(48, 48))
    undone = {
        1: lambda x: x, 2: np.fliplr, 3: lambda x: np.rot90(x, 2), 4: np.flipud,
        5: lambda x: x.transpose(1, 0, 2), 6: np.rot90, 7: lambda x: np.rot90(x, 2).transpose(1, 0, 2),
        8: lambda x: np.rot90(x, 3),
    }  # fmt: skip
    exif = Image.Exif()
    exif[0x0112] = orientation
    turned = Image.fromarray(np.ascontiguousarray(undone[orientation](upright)))
    for kind, options in (("PNG", {}), ("JPEG", {"quality": 95}), ("TIFF", {})):
        found = decoded(encoded(turned, kind, exif=exif, **options), 24)
        expected = decoded(encoded(Image.fromarray(upright), "PNG"), 24)
        assert np.abs(found.astype(int) - expected).max() < (25 if kind == "JPEG" else 3), kind


def test_a_broken_orientation_does_not_spoil_the_image() -> None:
    found = decoded(encoded(picture(), "JPEG", exif=b"Exif\x00\x00garbage"), 16)
    np.testing.assert_array_equal(found, decoded(encoded(picture(), "JPEG"), 16))


def test_large_jpeg_is_decoded_at_a_lower_resolution_and_looks_the_same() -> None:
    large = picture(2000, 1500)
    found = decoded(encoded(large, quality=95), 32).astype(int)
    full = decoded(encoded(large, "PNG"), 32).astype(int)
    assert np.abs(found - full).max() <= 6


@cache
def _broken() -> dict[str, tuple[bytes, str]]:
    jpeg, png = encoded(picture(400, 300)), encoded(picture(400, 300), "PNG")
    damaged = bytearray(png)
    damaged[len(png) // 2] ^= 0xFF
    return {
        "text": (b"this is no image at all, but a text", "no image of a known format"),
        "truncated JPEG": (jpeg[: len(jpeg) // 2], "truncated JPEG image"),
        "truncated PNG": (png[: len(png) // 2], "truncated PNG image"),
        "only a header": (jpeg[:30], "no image of a known format|broken|truncated"),
        "damaged PNG": (bytes(damaged), "broken PNG image"),
        "header bomb": (bomb(), "oversized"),
        "just too large": (bomb(10_000, 5_001), "oversized: 10,000 x 5,001 pixels, at most 50,000,000"),
        "script": (b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 10 10\n", "no image of a known format"),
    }


@pytest.mark.parametrize("case", list(_broken()))
def test_what_cannot_be_used_has_a_reason_in_words(case: str) -> None:
    content, reason = _broken()[case]
    with pytest.raises(UnusableError, match=reason) as first:
        decoded(content, 16)
    with pytest.raises(UnusableError) as second:
        decoded(content, 16)
    assert str(first.value) == str(second.value)  # and no address of memory
    assert "0x" not in str(first.value)


@pytest.mark.filterwarnings("ignore::PIL.Image.DecompressionBombWarning")
@pytest.mark.parametrize("sides", [(20_000, 20_000), (9_000, 10_000)])
def test_a_header_bomb_costs_no_memory(sides: tuple[int, int]) -> None:
    content = bomb(*sides)
    before = psutil.Process().memory_info().rss
    tracemalloc.start()
    for use in (lambda: decoded(content, 32), lambda: measure(content)):
        with pytest.raises(UnusableError, match="oversized"):
            use()
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 4 * len(content) + 2**20
    assert psutil.Process().memory_info().rss - before < 32 * 2**20


def test_formats_are_known_to_the_library() -> None:
    Image.init()
    assert set(decoding.FORMATS) <= set(Image.OPEN)
    for kind in ("JPEG", "PNG", "GIF", "BMP", "WEBP", "TIFF", "PPM", "AVIF"):
        stream = io.BytesIO()
        picture().save(stream, kind)
        assert decoded(stream.getvalue(), 16).shape == (16, 16, 3)
        assert measure(stream.getvalue()).shorter_side == 30
