"""Packing of 4,000 JPEG photographs of about 500 x 400 pixels, compared with a loop over the files in one process."""

import io
import statistics
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
from PIL import Image, ImageOps

from infra.engines import Engine, connect
from tasks.datasets.images.packing import pack
from tests.benchmarks.timing import in_turn, row

FILES, DISTINCT, SIZE = 4_000, 200, 64
WORKERS, ROUNDS = 2, 3
WHAT = f"Decoding and packing {FILES:,} JPEG files of about 500 x 400 pixels to {SIZE} x {SIZE}"


def rows() -> list[dict[str, object]]:
    """Compare threads and Dask's workers with Pillow alone; the files were read before and are in the page cache."""
    with photographs() as source:
        check_same(source)
        found = [
            _beside(source, "local", f"{WORKERS} threads", drafted, "a loop that drafts", "at most 0.55"),
            _beside(
                source, "dask", f"Dask, {WORKERS} workers", drafted, "a loop that drafts", "at most 0.55"
            ),
            _beside(source, "local", f"{WORKERS} threads", plain, "a loop that decodes in full", "-"),
        ]
    return found


def _beside(
    source: Path, name: str, what: str, peer: Callable[[Path], Any], called: str, aim: str
) -> dict[str, object]:
    with connect(name, workers=WORKERS) as engine:
        packed_anew(source, engine)  # so that the workers have imported their modules
        ours, theirs = in_turn(lambda: packed_anew(source, engine), lambda: peer(source), ROUNDS)
    found = row(f"{WHAT}: {what}, beside {called}, one process", ours, theirs, aim)
    for side, seconds in (("ours", ours), ("peer", theirs)):
        found[side] = f"{found[side]}, {FILES / statistics.median(seconds):,.0f} images/s"
    return found


def packed_anew(source: Path, engine: Engine) -> Any:
    """Do all that `pack` does, into a folder that is removed at the end."""
    with TemporaryDirectory() as folder:
        return np.array(pack(source, folder, engine=engine, size=SIZE).load()[0])


def drafted(source: Path) -> Any:
    """Decode the files in a loop, at the reduced resolution that Pillow uses for thumbnails."""
    return _looped(source, lambda image: image.draft(image.mode, (2 * SIZE, 2 * SIZE)))


def plain(source: Path) -> Any:
    """Decode the files in a loop, as most people would write it."""
    return _looped(source, lambda image: None)


def _looped(source: Path, prepare: Callable[[Any], Any]) -> Any:
    found = []
    for file in sorted(source.rglob("*.jpg")):
        with Image.open(file) as image:
            prepare(image)
            found.append(
                np.asarray(ImageOps.fit(image.convert("RGB"), (SIZE, SIZE), Image.Resampling.BICUBIC))
            )
    return np.stack(found)


def check_same(source: Path) -> None:
    """Check that both give the same pixels, except for rounding and the edges of a reduced resolution."""
    with connect("local", workers=WORKERS) as engine:
        ours = packed_anew(source, engine).astype(int)
    for peer in (drafted, plain):
        difference = np.abs(ours - peer(source))
        print(
            f"  pixels differ by {difference.mean():.2f} of 255 from {peer.__name__}, at most {difference.max()}"
        )
        if difference.mean() > 3:
            raise AssertionError(f"pixels differ by {difference.mean():.2f} in the mean")


@contextmanager
def photographs() -> Iterator[Path]:
    """Make a folder of two classes with images that are as detailed as photographs (about 0.8 bits per pixel)."""
    random = np.random.default_rng(0)
    with TemporaryDirectory() as folder:
        source = Path(folder)
        for label in ("cat", "dog"):
            (source / label).mkdir()
        contents = [_photograph(random) for _ in range(DISTINCT)]
        for i in range(FILES):
            path = source / ("cat", "dog")[i % 2] / f"{i:05d}.jpg"
            path.write_bytes(contents[i % DISTINCT])
        yield source


def _photograph(random: np.random.Generator) -> bytes:
    width, height = int(random.integers(450, 551)), int(random.integers(350, 451))
    layers = []
    for cells, weight in ((6, 0.6), (40, 0.3), (160, 0.1)):
        coarse = Image.fromarray(random.integers(0, 256, (cells, cells, 3), dtype=np.uint8))
        layers.append(weight * np.asarray(coarse.resize((width, height), Image.Resampling.BICUBIC)))
    stream = io.BytesIO()
    Image.fromarray(np.sum(layers, axis=0).astype(np.uint8)).save(stream, "JPEG", quality=88)
    return stream.getvalue()
