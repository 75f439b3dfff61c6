"""A folder of images becomes one packed array with its digest, which every engine, trial and picture reads."""

import re
from contextlib import nullcontext
from pathlib import Path

from infra.engines import Engine
from infra.engines.local import LocalEngine
from infra.errors import DataError
from infra.progress import Progress
from infra.settings import load_settings
from tasks.datasets.catalogue import CATS_DOGS, Source
from tasks.datasets.images.cats_dogs import cats_dogs
from tasks.datasets.images.packed import PackedImages
from tasks.datasets.images.packing import pack
from tasks.datasets.images.sampling import sample
from tasks.datasets.prepared import PreparedDataset

FEWEST_IMAGES = 10  # of a class: two are held out, and of the others a search sets some aside
FIRST_LOOK = 1_000
"""Images that a first look draws, of each class in proportion."""
SHOWN_FILES = 3


def prepare_images(
    source: Source,
    folder: Path,
    *,
    first_look: bool = True,
    progress: Progress | None = None,
    engine: Engine | None = None,
) -> PreparedDataset:
    """Decode and pack the images of a source, once.

    Parameters
    ----------
    source : Source
        The folder of images.
    folder : Path
        The folder where prepared data are kept.
    first_look : bool
        Whether a sample stands for many images.
    progress : callable, optional
        Function that is called now and then while images are downloaded (with bytes) or decoded (with files).
    engine : Engine, optional
        The engine whose workers decode; None: threads on the cores of this machine.

    Raises
    ------
    DataError
        If the source cannot be used as it is, a class has too few images, or the folder cannot be written.
    """
    packed = _packed(source, folder, progress, engine)
    for name, count in zip(packed.classes, packed.counts, strict=True):
        if count < FEWEST_IMAGES:
            raise DataError(
                f"class '{name}' of data set '{source.name}' has {count} usable images; at least {FEWEST_IMAGES} "
                "are needed to train, search and test"
            )
    seen = sample(packed, FIRST_LOOK, FEWEST_IMAGES) if first_look else packed
    return PreparedDataset(
        name=packed.name if source.name == CATS_DOGS else source.name,  # digits may stand in for them
        task="vision",
        path=str(seen.path),
        sha256=seen.sha256,
        target=source.target,
        classes=list(packed.classes),
        numeric=[],
        categorical=[],
        rows=seen.rows,
        notes=_notes(packed, seen),
        caution=packed.notes,
        provenance=packed.provenance or source.provenance,
        images=True,
    )


def _packed(source: Source, folder: Path, progress: Progress | None, given: Engine | None) -> PackedImages:
    settings = load_settings()
    with nullcontext(given) if given else LocalEngine(settings.cores) as engine:
        if source.name == CATS_DOGS:
            return cats_dogs(folder, settings.cats_dogs, engine=engine, progress=progress)
        name = re.sub(r"[^\w.-]+", "-", source.name).strip("-.")[:60] or "images"
        return pack(
            source.path, folder, engine=engine, name=name, provenance=source.provenance, progress=progress
        )


def _notes(packed: PackedImages, seen: PackedImages) -> list[str]:
    notes = [
        f"{packed.rows:,} images of {packed.size} x {packed.size} pixels: "
        + ", ".join(f"{count:,} of {name}" for name, count in zip(packed.classes, packed.counts, strict=True))
    ]
    if seen.rows < packed.rows:
        notes.append(
            f"a first look: {seen.rows:,} of them, drawn from each class in proportion, are the data set; "
            "with --epochs all are"
        )
    if packed.quarantined:
        first = packed.quarantine()[:SHOWN_FILES]
        words = "; ".join(f"{file}: {reason}" for file, reason in first)
        notes.append(
            f"{packed.quarantined:,} files could not be used, such as {words} (all in {packed.path})"
        )
    return notes
