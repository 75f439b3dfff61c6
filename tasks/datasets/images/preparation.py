"""Preparation of images: a source becomes packed images, which every engine, trial and picture of a study reads."""

import re
from collections.abc import Mapping
from contextlib import nullcontext
from pathlib import Path

from infra.engines import Engine
from infra.engines.local import LocalEngine
from infra.errors import DataError
from infra.progress import Progress
from infra.settings import load_settings
from tasks.datasets.catalogue import CATALOGUE, CATS_DOGS, CLASS, Source
from tasks.datasets.images.cats_dogs import cats_dogs
from tasks.datasets.images.packed import PackedImages
from tasks.datasets.images.packing import pack
from tasks.datasets.images.sampling import sample
from tasks.datasets.prepared import PreparedDataset
from tasks.datasets.recipe import Recipe
from tasks.datasets.targets import ClassTarget

MIN_IMAGES_TO_STUDY = 10
"""Number of usable images that a class must have: two are held out, and a search validates with some others."""
FIRST_LOOK_IMAGES = 1_000
"""Number of images that a first look draws from all classes in proportion."""
SHOWN_FILES = 3
"""Number of unusable files that the notes name."""


def prepare_images(
    source: Source,
    folder: Path,
    *,
    first_look: bool = True,
    progress: Progress | None = None,
    engine: Engine | None = None,
) -> PreparedDataset:
    """Decode and pack the images of a source, unless that was done before.

    Parameters
    ----------
    source : Source
        The folder of images, or Parquet of images.
    folder : Path
        The folder where prepared data are kept.
    first_look : bool, default=True
        Whether the data set is a sample of at most about 1,000 images.
    progress : callable, optional
        Function that is called now and then while images are downloaded (with bytes) or decoded (with files).
    engine : Engine, optional
        The engine whose workers decode; default: threads on the cores of this machine.

    Returns
    -------
    PreparedDataset
        The data set, with notes on what was packed and left out.

    Raises
    ------
    DataError
        If the source cannot be used as it is, a class has too few images, or the folder cannot be written.
    """
    packed = _packed(source, folder, progress, engine)
    require_enough(source.name, dict(zip(packed.classes, packed.counts, strict=True)))
    chosen = sample(packed, FIRST_LOOK_IMAGES, MIN_IMAGES_TO_STUDY) if first_look else packed
    return PreparedDataset(
        name=source.name if source.own else packed.name,  # digits may replace the photographs
        task="vision",
        path=str(chosen.path),
        sha256=chosen.sha256,
        recipe=Recipe(target=ClassTarget(name=CLASS, classes=tuple(packed.classes))),
        rows=chosen.rows,
        notes=_notes(packed, chosen),
        caution=packed.notes,
        provenance=packed.provenance or source.provenance,
        images=True,
        own=source.own,
        value_range=packed.value_range,
    )


def require_enough(name: str, counts: Mapping[str, int]) -> None:
    """Refuse a data set with a class that has too few images to train, search and test.

    Raises
    ------
    DataError
        If a class has too few images; the message names the class.
    """
    for label, count in counts.items():
        if count < MIN_IMAGES_TO_STUDY:
            raise DataError(
                f"class '{label}' of data set '{name}' has {count} usable images; at least "
                f"{MIN_IMAGES_TO_STUDY} are needed to train, search and test"
            )


def note_of_first_look(images: int) -> list[str]:
    """Sentence that a study without --epochs uses a part of so many images; an empty list if it uses all of them."""
    return [_first_look_words(f"about {FIRST_LOOK_IMAGES:,}")] if images > FIRST_LOOK_IMAGES else []


def _first_look_words(count: str) -> str:
    return (
        f"a first look: the data set is a sample of {count} of these images, drawn from each class in proportion; "
        "with --epochs it is all of them"
    )


def _packed(source: Source, folder: Path, progress: Progress | None, given: Engine | None) -> PackedImages:
    settings = load_settings()
    with nullcontext(given) if given else LocalEngine(settings.cores) as engine:
        if source == CATALOGUE[CATS_DOGS]:
            return cats_dogs(folder, settings.cats_dogs, engine=engine, progress=progress)
        name = re.sub(r"[^\w.-]+", "-", source.name).strip("-.")[:60] or "images"
        return pack(
            source.path, folder, engine=engine, name=name, provenance=source.provenance, progress=progress
        )


def _notes(packed: PackedImages, chosen: PackedImages) -> list[str]:
    notes = [
        f"{packed.rows:,} images of {packed.size} x {packed.size} pixels: "
        + ", ".join(f"{count:,} of {name}" for name, count in zip(packed.classes, packed.counts, strict=True))
    ]
    if chosen.rows < packed.rows:
        notes.append(_first_look_words(f"{chosen.rows:,}"))
    notes += packed.remarks
    if packed.quarantined:
        first = packed.quarantine()[:SHOWN_FILES]
        examples = "; ".join(f"{file}: {reason}" for file, reason in first)
        notes.append(
            f"{packed.quarantined:,} files could not be used, such as {examples} (all are listed in {packed.path})"
        )
    return notes
