"""Photographs of cats and dogs, wherever they can be had, and what stands in for them where they cannot."""

from pathlib import Path

import numpy as np

from infra.engines import Engine
from infra.errors import DataError
from tasks.datasets.images.cifar import MD5, URL, cifar
from tasks.datasets.images.download import Progress
from tasks.datasets.images.packed import PackedImages
from tasks.datasets.images.packing import pack
from tasks.datasets.images.writing import finish, unfinished, write_images

NAME = "cats-dogs"
DIGITS_SIZE = 8


def cats_dogs(
    cache: str | Path,
    folder: str | Path | None = None,
    *,
    engine: Engine | None = None,
    size: int | None = None,
    progress: Progress | None = None,
    url: str = URL,
    md5: str = MD5,
) -> PackedImages:
    """Return images of cats and dogs, packed: those of a folder, or else CIFAR-10's, or else digits.

    Parameters
    ----------
    cache : str or Path
        Where the archive and packed images are kept.
    folder : str or Path, optional
        The user's own photographs, as `tasks.datasets.images.reading.find_images` reads them. If it is set, nothing
        stands in for it: what is wrong with it is raised.
    engine, size, progress
        As in `tasks.datasets.images.packing.pack`; the progress of a download is told in bytes.
    url, md5 : str
        CIFAR-10's address and digest.

    Returns
    -------
    PackedImages
        `provenance` says which of the three it is, and `notes` why, if it is not the folder.

    Raises
    ------
    DataError
        If the folder cannot be used, or the cache cannot be written.
    """
    if folder is not None:
        about = f"The user's own photographs in '{Path(folder).expanduser().resolve().name}'."
        return pack(folder, cache, engine=engine, size=size, name=NAME, provenance=about, progress=progress)
    try:
        packed = cifar(cache, progress=progress, url=url, md5=md5)
    except DataError as error:
        return digits(cache).noted(
            f"Digits stand in for cats and dogs: no folder of photographs is set, and {error}."
        )
    return packed.noted("No folder of photographs is set, so these are of the CIFAR-10 archive.")


def digits(cache: str | Path) -> PackedImages:
    """Pack scikit-learn's bundled digits: 1,797 images of 8 x 8 pixels in ten classes, grey turned into RGB."""
    target = Path(cache).expanduser().absolute() / "digits"
    with unfinished(target) as temporary:
        if temporary is not None:
            _pack_digits(temporary)
    return PackedImages.open(target)


def _pack_digits(folder: Path) -> None:
    from sklearn.datasets import load_digits

    found = load_digits()
    grey = np.round(found.images * (255 / 16)).astype(np.uint8)
    write_images(folder, len(grey), DIGITS_SIZE, [np.repeat(grey[..., None], 3, axis=3)])
    finish(
        folder,
        name="digits",
        labels=[str(digit) for digit in found.target],
        files=[f"digits/{row}" for row in range(len(grey))],
        quarantine=[],
        source="scikit-learn load_digits",
        provenance="Handwritten digits bundled with scikit-learn (UCI, Optical Recognition of Handwritten "
        "Digits), 8 x 8 pixels, grey, ten classes.",
    )
