"""Packing: the images of a source are decoded on an engine and written into one folder."""

import hashlib
import json
import os
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import median_low
from typing import Any

import numpy as np
import PIL
from numpy.typing import NDArray

from infra.engines import Engine
from infra.engines.local import LocalEngine
from infra.errors import DataError, EngineError, ParameterError
from infra.progress import Progress
from tasks.datasets.images.decoded_files import (
    DecodedFiles,
    DecodeOptions,
    decode_files,
    measure_files,
    restored_warning_filters,
)
from tasks.datasets.images.decoding import MAX_PIXELS, VERSION, ImageMeasure
from tasks.datasets.images.deep import ValueRange, common_range
from tasks.datasets.images.packed import FORMAT, IMAGES, PackedImages
from tasks.datasets.images.reading import image_source
from tasks.datasets.images.source import (
    MAX_BYTES,
    Chunk,
    ImageSource,
    LabelledImage,
    Listing,
    require_classes,
)
from tasks.datasets.images.split import repeated_in_holdout
from tasks.datasets.images.writing import as_text, atomic_folder, complete_folder, write_images

MAX_QUARANTINED = 0.1
TOLERATED_FILES = 4
"""Number of unusable files that are accepted whatever their share of all files."""
MIN_SIZE, MAX_SIZE = 8, 512
MIN_CHOSEN_SIZE, MAX_CHOSEN_SIZE, SIZE_STEP = 16, 64, 8
MEASURED_IMAGES, MEASURED_PER_CHUNK = 1_024, 64
MAX_WAVE_BYTES = 512 * 2**20
"""Number of bytes of decoded images that are in memory at once, at most."""
COPIED_ROWS = 1_024


def pack(
    source: str | Path,
    folder: str | Path,
    *,
    engine: Engine | None = None,
    size: int | None = None,
    name: str | None = None,
    provenance: str | None = None,
    max_quarantined: float = MAX_QUARANTINED,
    progress: Progress | None = None,
) -> PackedImages:
    """Decode the images of a source and write them into a folder, unless that folder exists already.

    Every engine gives the same pixels and the same digest.

    Parameters
    ----------
    source : str or Path
        Path of the images, as `tasks.datasets.images.reading.image_source` describes it. Workers on other machines
        must find the images at the same path, on shared storage.
    folder : str or Path
        Folder where packed images are kept. The images are written into a sub-folder whose name ends in a digest
        of all that they depend on: names, lengths and times of the files, `size`, and version of the decoder.
    engine : Engine, optional
        Engine whose workers decode, from `infra.engines.connect`; default: this thread.
    size : int from 8 to 512, or None
        Height and width of the packed images, in pixels. None takes the median of the images' shorter sides,
        rounded to a multiple of 8, at least 16 and at most 64. So small images keep their size, and photographs
        get a size from which a small network learns fast. At most 1,024 images are measured for the median.
    name : str, optional
        Name of the data set; default: the name of the source.
    provenance : str, optional
        Sentence that says where the images come from.
    max_quarantined : float in [0, 1], default=0.1
        Share of files that may be unusable. Four unusable files are always accepted, so that a small folder is
        not refused because of one file. Each class must keep two usable images.
    progress : callable, optional
        Function that is called now and then with the number of files decoded and of all files.

    Returns
    -------
    PackedImages
        The images.

    Raises
    ------
    ParameterError
        If `size` or `max_quarantined` is out of bounds.
    DataError
        If the source is refused (see `ImageSource.listing`), too many files are unusable, a class has too few
        usable images, files change while they are packed, or the folder cannot be written.
    EngineError
        If a worker died while decoding the same files at every try.
    """
    _check(size, max_quarantined)
    images = image_source(source)
    listing = images.listing()
    listed = listing.images
    title = name or images.path.name.removesuffix(".parquet")
    source_digest = fingerprint(images, listed, size)
    target = Path(folder).expanduser().absolute() / f"{_file_name(title)}-{source_digest[:16]}"
    if target.resolve().is_relative_to(images.path):
        raise DataError(f"'{folder}' lies inside '{images.path}'; keep packed images elsewhere")
    with atomic_folder(target) as temporary:
        if temporary is None:
            return _with_notes_of(PackedImages.open(target), listing)
        with nullcontext(engine) if engine else LocalEngine(1) as working:
            work = _Packing(images, listed, working, progress)
            measures = work.measure()
            limits = common_range(found.values for found in measures if found.values)
            found = work.decode(temporary, size or chosen_size(measures), limits)
        kept = [i for i in range(len(listed)) if i not in found.refused]
        quarantine = [(listed[i].file, found.refused[i]) for i in sorted(found.refused)]
        _check_share(images.path, len(listed), quarantine, max_quarantined)
        usable = dict.fromkeys((image.label for image in listed), 0) | Counter(listed[i].label for i in kept)
        require_classes(images.path, usable, "usable images")
        if fingerprint(images, images.listing().images, size) != source_digest:
            raise DataError(
                f"'{images.path}' changed while it was packed; pack it again when nothing writes into it"
            )
        labels = [listed[i].label for i in kept]
        files = [listed[i].file for i in kept]
        holdout, split_words = _settled(listing, labels, kept)
        remarks = [
            *split_words,
            *repeated_in_holdout(np.load(temporary / IMAGES, mmap_mode="r"), holdout, files),
            *found.remarks([image.file for image in listed], limits),
        ]
        complete_folder(
            temporary,
            name=title,
            labels=labels,
            files=files,
            quarantine=quarantine,
            source=source_digest,
            provenance=provenance or f"The user's own images in '{images.path.name}'.",
            holdout=holdout,
            value_range=limits,
            remarks=list(map(as_text, remarks)),
        )
    return _with_notes_of(PackedImages.open(target), listing)


def fingerprint(source: ImageSource, images: Sequence[LabelledImage], size: int | None) -> str:
    """SHA-256 digest of all that packed images depend on, in hexadecimal digits.

    Parameters
    ----------
    source : ImageSource
        Source of the images; lengths and times of its files are part of the digest.
    images : sequence of LabelledImage
        Images of the source, with their classes.
    size : int or None
        Height and width of the packed images, in pixels; None if they are chosen.
    """
    decoder = [FORMAT, VERSION, PIL.__version__, MAX_BYTES, MAX_PIXELS, size]
    files = [[file, *_length_and_time(os.path.join(source.path, file))] for file in source.files(images)]
    return hashlib.sha256(json.dumps([decoder, files, images]).encode()).hexdigest()


def _length_and_time(path: str) -> tuple[int, int]:
    try:
        status = os.stat(path)
    except OSError:  # the file is a broken symbolic link
        return (-1, -1)
    return status.st_size, status.st_mtime_ns


def chosen_size(measures: Sequence[ImageMeasure]) -> int:
    """Choose a size for the packed images, in pixels, by the median of the images' shorter sides."""
    median = median_low(found.shorter_side for found in measures) if measures else MIN_CHOSEN_SIZE
    return min(MAX_CHOSEN_SIZE, max(MIN_CHOSEN_SIZE, SIZE_STEP * round(median / SIZE_STEP)))


def _settled(listing: Listing, labels: Sequence[str], kept: Sequence[int]) -> tuple[list[int], list[str]]:
    """Row numbers of the hold-out, and the sentence about the split, if the folders make one."""
    if listing.split is None:
        return [], []
    rows, words = listing.split.settled(labels, [listing.images[i].held_out for i in kept])
    return rows, [words]


def _with_notes_of(packed: PackedImages, listing: Listing) -> PackedImages:
    """Add the notes of the listing, which can change while the images stay the same."""
    return replace(packed, remarks=(*packed.remarks, *map(as_text, listing.notes)))


@dataclass(frozen=True)
class _Packing:
    """The part of the work that runs on the engine."""

    source: ImageSource
    images: Sequence[LabelledImage]
    engine: Engine
    progress: Progress | None

    def measure(self) -> list[ImageMeasure]:
        """Measure some images, evenly spaced among all images."""
        measured = np.unique(np.linspace(0, len(self.images) - 1, MEASURED_IMAGES).astype(int))
        files = [self.images[i].file for i in measured]
        step = MEASURED_PER_CHUNK
        chunks = [tuple(files[start : start + step]) for start in range(0, len(files), step)]
        with restored_warning_filters():
            return [
                found for _, some in self.engine.run(measure_files, chunks, self.source) for found in some
            ]

    def decode(self, folder: Path, size: int, limits: ValueRange) -> DecodedFiles:
        """Write `images.npy` with the usable images, and return what was found in the files."""
        scratch, stride = folder / "decoded.raw", size * size * 3
        every = DecodedFiles()
        done = 0
        with open(scratch, "wb") as stream, restored_warning_filters():
            for chunk, (pixels, found) in self._decoded_chunks(DecodeOptions(self.source, size, limits)):
                stream.seek(chunk.start * stride)  # chunks arrive in any order
                stream.write(pixels.data)
                every.add(found, chunk.start)
                done += len(chunk.files)
                if self.progress is not None:
                    self.progress(done, len(self.images))
        kept = [i for i in range(len(self.images)) if i not in every.refused]
        write_images(folder, len(kept), size, _rows(scratch, size, kept))
        scratch.unlink()
        return every

    def _decoded_chunks(self, options: DecodeOptions) -> Iterator[tuple[Chunk, Any]]:
        """Yield each chunk with what `decode_files` returned for it.

        The chunks are decoded in waves, because an engine may keep all results of a wave in memory until its end.
        """
        chunks = self.source.chunks(self.images)
        longest = max(len(chunk.files) for chunk in chunks)
        step = max(self.engine.workers, MAX_WAVE_BYTES // (longest * options.size**2 * 3))
        for start in range(0, len(chunks), step):
            wave = chunks[start : start + step]
            for i, result in self.engine.run(decode_files, [chunk.files for chunk in wave], options):
                if isinstance(result, EngineError):
                    files = wave[i].files
                    raise EngineError(f"files '{files[0]}' to '{files[-1]}' could not be decoded: {result}")
                yield wave[i], result


def _rows(scratch: Path, size: int, kept: Sequence[int]) -> Iterator[NDArray[np.uint8]]:
    if kept:
        pixels = np.memmap(scratch, dtype=np.uint8, mode="r").reshape(-1, size, size, 3)
        for start in range(0, len(kept), COPIED_ROWS):
            yield pixels[kept[start : start + COPIED_ROWS]]


def _check(size: int | None, max_quarantined: float) -> None:
    if size is not None and not MIN_SIZE <= size <= MAX_SIZE:
        raise ParameterError(f"size={size}: from {MIN_SIZE} to {MAX_SIZE} pixels, or None")
    if not 0 <= max_quarantined <= 1:
        raise ParameterError(f"max_quarantined={max_quarantined}: a share from 0 to 1")


def _check_share(
    source: Path, count: int, quarantine: Sequence[tuple[str, str]], max_quarantined: float
) -> None:
    share = len(quarantine) / count
    if len(quarantine) > TOLERATED_FILES and share > max_quarantined:
        first = "; ".join(f"'{file}': {reason}" for file, reason in quarantine[:3])
        raise DataError(
            f"{len(quarantine)} of {count} files in '{source}' ({share:.0%}) are not usable images; at most "
            f"{max_quarantined:.0%} are accepted. The first are {first}"
        )


def _file_name(name: str) -> str:
    return re.sub(r"[^\w-]+", "-", name).strip("-") or "images"
