"""Images of a source, decoded on an engine and packed into one folder."""

import hashlib
import json
import os
import re
import warnings
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from statistics import median_low
from typing import Any

import numpy as np
import PIL
from numpy.typing import NDArray

from infra.engines import Engine
from infra.engines.local import LocalEngine
from infra.errors import DataError, EngineError, ParameterError
from tasks.datasets.images.decoding import MOST_PIXELS, decoded, shorter_side
from tasks.datasets.images.packed import FORMAT, PackedImages
from tasks.datasets.images.reading import (
    MOST_BYTES,
    ImageSource,
    LabelledImage,
    UnusableError,
    require_classes,
)
from tasks.datasets.images.writing import finish, unfinished, write_images

MOST_QUARANTINED = 0.1
FORGIVEN = 4
"""Files that may be unusable whatever their share."""
LEAST_SIZE, MOST_SIZE = 8, 512
LEAST_CHOSEN, MOST_CHOSEN, STEP = 16, 64, 8
MEASURED = 1_024
MOST_HELD = 512 * 2**20
"""Bytes of decoded images that are in memory at once, at most."""
COPIED_AT_ONCE = 1_024

Progress = Callable[[int, int], None]


def pack(
    source: str | Path,
    folder: str | Path,
    *,
    engine: Engine | None = None,
    size: int | None = None,
    name: str | None = None,
    provenance: str | None = None,
    max_quarantined: float = MOST_QUARANTINED,
    progress: Progress | None = None,
) -> PackedImages:
    """Decode the images of a source and pack them, once.

    Parameters
    ----------
    source : str or Path
        What `tasks.datasets.images.reading.find_images` reads. Workers on other machines must see it under the same
        path, on shared storage.
    folder : str or Path
        Where packed data sets are kept. The images go into a sub-folder whose name ends in the digest of what
        they are made from (names, lengths and times of the files, size, version of the decoder); where that
        is there already, nothing is decoded again.
    engine : Engine, optional
        From `infra.engines.connect`; default: this thread. The same pixels and digest on each.
    size : int from 8 to 512, or None
        Height and width of the packed images, in pixels. None takes the median of the shorter sides (of
        1,024 images spread over the source, if there are more), rounded to a multiple of 8, at least 16 and
        at most 64: small images keep their size, and photographs become what a small network learns fast.
    name : str, optional
        What the data set is called; default: the name of the source.
    provenance : str, optional
        Where the images come from, in one sentence.
    max_quarantined : float in [0, 1], default=0.1
        Share of files that may be unusable. Up to four are forgiven whatever their share, so that one bad
        file does not fail a folder of nine; each class must keep two images in any case.
    progress : callable, optional
        Called with the files that are done and all files, now and then.

    Returns
    -------
    PackedImages

    Raises
    ------
    ParameterError
        If `size` or `max_quarantined` is out of bounds.
    DataError
        If the source is refused (see `find_images`), too many files are unusable, too few images of a class
        are usable, files change meanwhile, or the folder cannot be written.
    EngineError
        If a worker died over the same files at every try.
    """
    _check(size, max_quarantined)
    images = ImageSource.at(source)
    listed = images.images()
    called = name or images.path.name.removesuffix(".parquet")
    made_from = fingerprint(images, listed, size)
    target = Path(folder).expanduser().absolute() / f"{_file_name(called)}-{made_from[:16]}"
    if target.resolve().is_relative_to(images.path):
        raise DataError(f"'{folder}' lies inside '{images.path}'; keep packed images elsewhere")
    with unfinished(target) as temporary:
        if temporary is None:
            return PackedImages.open(target)
        with nullcontext(engine) if engine else LocalEngine(1) as working:
            work = _Packing(images, listed, working, progress)
            kept, refused = work.decode(temporary, size or work.chosen_size())
        _check_share(images.path, len(listed), refused, max_quarantined)
        usable = dict.fromkeys((image.label for image in listed), 0) | Counter(listed[i].label for i in kept)
        require_classes(images.path, usable, "usable images")
        if fingerprint(images, images.images(), size) != made_from:
            raise DataError(f"'{images.path}' changed while it was packed; pack it again when it is at rest")
        finish(
            temporary,
            name=called,
            labels=[listed[i].label for i in kept],
            files=[listed[i].file for i in kept],
            quarantine=refused,
            source=made_from,
            provenance=provenance or f"The user's own images in '{images.path.name}'.",
        )
    return PackedImages.open(target)


def fingerprint(source: ImageSource, images: Sequence[LabelledImage], size: int | None) -> str:
    """SHA-256 of what packed images depend on: files with their lengths and times, classes, and the decoder."""
    decoder = [FORMAT, PIL.__version__, MOST_BYTES, MOST_PIXELS, size]
    files = [[file, *_seen(os.path.join(source.path, file))] for file in source.files(images)]
    return hashlib.sha256(json.dumps([decoder, files, images]).encode()).hexdigest()


def _seen(path: str) -> tuple[int, int]:
    """Length and time of a file."""
    try:
        status = os.stat(path)
    except OSError:  # a link to nowhere
        return (-1, -1)
    return status.st_size, status.st_mtime_ns


@dataclass(frozen=True)
class _Packing:
    """The work on the engine."""

    source: ImageSource
    images: Sequence[LabelledImage]
    engine: Engine
    progress: Progress | None

    def chosen_size(self) -> int:
        """A size for images that were given none."""
        places = np.unique(np.linspace(0, len(self.images) - 1, MEASURED).astype(int))
        chosen = [self.images[i] for i in places]
        files = [tuple(image.file for image in chosen[i : i + 64]) for i in range(0, len(chosen), 64)]
        with _quiet():
            sides = [side for _, some in self.engine.run(_sides, files, self.source) for side in some]
        middle = median_low(sorted(sides)) if sides else LEAST_CHOSEN
        return min(MOST_CHOSEN, max(LEAST_CHOSEN, STEP * round(middle / STEP)))

    def decode(self, folder: Path, size: int) -> tuple[list[int], list[tuple[str, str]]]:
        """Write `images.npy`; return the numbers of its images, and the other files with reasons."""
        scratch, stride = folder / "decoded.raw", size * size * 3
        reasons: dict[int, str] = {}
        done = 0
        with open(scratch, "wb") as stream, _quiet():
            for first, files, (pixels, refused) in self._chunks(size):
                stream.seek(first * stride)  # chunks arrive in any order
                stream.write(pixels.data)
                reasons |= {first + place: reason for place, reason in refused}
                done += len(files)
                if self.progress is not None:
                    self.progress(done, len(self.images))
        kept = [i for i in range(len(self.images)) if i not in reasons]
        write_images(folder, len(kept), size, _rows(scratch, size, kept))
        scratch.unlink()
        return kept, [(self.images[i].file, reasons[i]) for i in sorted(reasons)]

    def _chunks(self, size: int) -> Iterator[tuple[int, tuple[str, ...], Any]]:
        """Chunks with what was decoded, in waves: an engine may hold the results of a wave until its end."""
        chunks = self.source.chunks(self.images)
        longest = max(len(files) for _, files in chunks)
        wave = max(self.engine.workers, MOST_HELD // (longest * size * size * 3))
        for start in range(0, len(chunks), wave):
            some = chunks[start : start + wave]
            items = [files for _, files in some]
            for i, result in self.engine.run(_decode, items, (self.source, size)):
                yield *some[i], _survived(result, some[i][1])


def _decode(
    files: tuple[str, ...], shared: tuple[ImageSource, int]
) -> tuple[NDArray[np.uint8], list[tuple[int, str]]]:
    """Pixels of some files, zero where one cannot be used, and the places of those with the reasons."""
    source, size = shared
    _silence()
    pixels = np.zeros((len(files), size, size, 3), dtype=np.uint8)
    refused, read = [], source.reader(files)
    for place, file in enumerate(files):
        try:
            pixels[place] = decoded(read(file), size)
        except UnusableError as reason:
            refused.append((place, str(reason)))
    return pixels, refused


def _sides(files: tuple[str, ...], source: ImageSource) -> list[int]:
    """Shorter sides of those of some files that can be used."""
    _silence()
    found, read = [], source.reader(files)
    for file in files:
        try:
            found.append(shorter_side(read(file)))
        except UnusableError:
            continue
    return found


def _rows(scratch: Path, size: int, kept: Sequence[int]) -> Iterator[NDArray[np.uint8]]:
    if kept:
        pixels = np.memmap(scratch, dtype=np.uint8, mode="r").reshape(-1, size, size, 3)
        for start in range(0, len(kept), COPIED_AT_ONCE):
            yield pixels[kept[start : start + COPIED_AT_ONCE]]


def _survived(result: Any, files: Sequence[str]) -> Any:
    if isinstance(result, EngineError):
        raise EngineError(f"the files '{files[0]}' to '{files[-1]}' could not be decoded: {result}")
    return result


def _check(size: int | None, max_quarantined: float) -> None:
    if size is not None and not LEAST_SIZE <= size <= MOST_SIZE:
        raise ParameterError(f"size={size}: from {LEAST_SIZE} to {MOST_SIZE} pixels, or None")
    if not 0 <= max_quarantined <= 1:
        raise ParameterError(f"max_quarantined={max_quarantined}: a share from 0 to 1")


def _check_share(source: Path, count: int, refused: Sequence[tuple[str, str]], most: float) -> None:
    share = len(refused) / count
    if len(refused) > FORGIVEN and share > most:
        first = "; ".join(f"'{file}': {reason}" for file, reason in refused[:3])
        raise DataError(
            f"{len(refused)} of {count} files in '{source}' ({share:.0%}) are no usable images, and at most "
            f"{most:.0%} may be; the first are {first}"
        )


def _file_name(name: str) -> str:
    return re.sub(r"[^\w-]+", "-", name).strip("-") or "images"


@contextmanager
def _quiet() -> Iterator[None]:
    """Put the filters of warnings back at the end, which threads of this process change in `_silence`."""
    with warnings.catch_warnings():
        yield


def _silence() -> None:
    """Keep Pillow's warnings of odd metadata from a worker's output: what matters of them is quarantined."""
    warnings.filterwarnings("ignore", module=r"PIL\.")
