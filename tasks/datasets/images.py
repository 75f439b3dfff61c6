"""A folder of images becomes one packed array with its digest, which every engine, trial and picture reads."""

import re
from pathlib import Path
from typing import TYPE_CHECKING

from infra.engines.local import LocalEngine
from infra.errors import DataError
from infra.settings import load_settings
from tasks.datasets.catalogue import CATS_DOGS, Source

if TYPE_CHECKING:
    from tasks.datasets.preparation import PreparedDataset
    from tasks.vision.packed import PackedImages

FEWEST_IMAGES = 10  # of a class: two are held out, and of the others a search sets some aside
SHOWN_FILES = 3


def prepare_images(source: Source, folder: Path) -> "PreparedDataset":
    """Decode and pack the images of a source, once; this machine's cores share the work.

    Raises
    ------
    DataError
        If the source cannot be used as it is, a class has too few images, or the folder cannot be written.
    """
    from tasks.datasets.preparation import PreparedDataset

    packed = _packed(source, folder)
    for name, count in zip(packed.classes, packed.counts, strict=True):
        if count < FEWEST_IMAGES:
            raise DataError(
                f"class '{name}' of data set '{source.name}' has {count} usable images; at least {FEWEST_IMAGES} "
                "are needed to train, search and test"
            )
    return PreparedDataset(
        name=packed.name if source.name == CATS_DOGS else source.name,  # digits may stand in for them
        task="vision",
        path=str(packed.path),
        sha256=packed.sha256,
        target=source.target,
        classes=list(packed.classes),
        numeric=[],
        categorical=[],
        rows=packed.rows,
        notes=_notes(packed),
        provenance=packed.provenance or source.provenance,
    )


def _packed(source: Source, folder: Path) -> "PackedImages":
    from tasks.vision.cats_dogs import cats_dogs
    from tasks.vision.packing import pack

    settings = load_settings()
    with LocalEngine(settings.cores) as engine:
        if source.name == CATS_DOGS:
            return cats_dogs(folder, settings.cats_dogs, engine=engine)
        name = re.sub(r"[^\w.-]+", "-", source.name).strip("-.")[:60] or "images"
        return pack(source.path, folder, engine=engine, name=name, provenance=source.provenance)


def _notes(packed: "PackedImages") -> list[str]:
    notes = [
        f"{packed.rows:,} images of {packed.size} x {packed.size} pixels: "
        + ", ".join(f"{count:,} of {name}" for name, count in zip(packed.classes, packed.counts, strict=True))
    ]
    if packed.quarantined:
        first = packed.quarantine()[:SHOWN_FILES]
        words = "; ".join(f"{file}: {reason}" for file, reason in first)
        notes.append(
            f"{packed.quarantined:,} files could not be used, such as {words} (all in {packed.path})"
        )
    return notes + [packed.notes] * bool(packed.notes)
