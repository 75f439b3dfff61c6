"""A look at images without packing them: classes, sizes, and what is passed over."""

from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from infra.errors import DataError
from tasks.datasets.images.decoded_files import measure_files, restored_warning_filters
from tasks.datasets.images.preparation import note_of_first_look, require_enough
from tasks.datasets.images.reading import image_source
from tasks.datasets.images.source import ImageSource, Listing, require_classes
from tasks.datasets.notes import warnings_first

MEASURED = 300  # largest number of images that are opened


@dataclass(frozen=True)
class ImagesLook:
    """What a study would make of images.

    Parameters
    ----------
    classes : dict of str to int
        Number of images of each class.
    notes : list of str
        Sentences about the part that a study uses, sizes, the split of folders, and files that are passed over.
    refusal : str, optional
        The sentence with which a study would refuse the images; None: nothing was seen that a study refuses.
    """

    classes: dict[str, int]
    notes: list[str] = field(default_factory=list)
    refusal: str | None = None


def look_at_images(path: Path, name: str) -> ImagesLook:
    """Look at the images at a path; only some of them are opened.

    Parameters
    ----------
    path : Path
        Folder of images, or Parquet of images.
    name : str
        Name of the data set.

    Raises
    ------
    DataError
        If the layout of the images is not understood.
    """
    source = image_source(path)
    listing = source.list_images()
    classes = dict(sorted(Counter(image.label for image in listing.images).items()))
    first_look = note_of_first_look(len(listing.images))
    notes = warnings_first([*first_look, *_sizes(source, listing), *_split(listing), *listing.notes])
    try:
        require_classes(source.path, classes, "images")
        require_enough(name, classes)
    except DataError as refusal:
        return ImagesLook(classes, notes, str(refusal))
    return ImagesLook(classes, notes)


def _sizes(source: ImageSource, listing: Listing) -> list[str]:
    """Sentences about the sizes of some images, and about images that cannot be opened."""
    if not listing.images:
        return []
    places = np.unique(np.linspace(0, len(listing.images) - 1, MEASURED).astype(int))
    files = tuple(listing.images[place].file for place in places)
    with restored_warning_filters():
        sides = [measured.shorter_side for measured in measure_files(files, source)]
    opened = f"of {len(files):,} images that were opened"
    unusable = len(files) - len(sides)
    sizes = (
        f"shorter sides {opened}: {min(sides)} to {max(sides)} pixels, median {np.median(sides):g}"
        if sides
        else ""
    )
    faults = f"{unusable:,} {opened} cannot be used" if unusable else ""
    return [sentence for sentence in (sizes, faults) if sentence]


def _split(listing: Listing) -> list[str]:
    if listing.split is None:
        return []
    held_out = sum(image.held_out for image in listing.images)
    parts = ", ".join(f"'{folder}'" for folder in (*listing.split.training, *listing.split.held_out))
    return [f"{parts} are parts of a split and no classes; {held_out:,} images are set aside for the test"]
