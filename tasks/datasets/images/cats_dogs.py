"""Photographs of cats and dogs: the user's own, or those of CIFAR-10, or digits where neither is available."""

from pathlib import Path

import numpy as np

from infra.engines import Engine
from infra.errors import DataError
from infra.progress import Progress
from tasks.datasets.images.cifar import MD5, URL, cifar
from tasks.datasets.images.packed import PackedImages
from tasks.datasets.images.packing import pack
from tasks.datasets.images.writing import atomic_folder, complete_folder, write_images

NAME = "cats-dogs"
DIGITS_SIZE = 8
"""Height and width of scikit-learn's digits, in pixels."""


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
    """Pack photographs of cats and dogs.

    Parameters
    ----------
    cache : str or Path
        Folder where the archive and the packed images are kept.
    folder : str or Path, optional
        Folder or Parquet of the user's own photographs, as `tasks.datasets.images.reading.image_source` describes
        it. If it is given, no other images replace it: a folder that cannot be used is an error. If it is not
        given, the images are those of CIFAR-10, or scikit-learn's digits if CIFAR-10 cannot be downloaded.
    engine : Engine, optional
        Engine whose workers decode the user's photographs; default: this thread.
    size : int, optional
        Height and width of the user's photographs when they are packed, in pixels; default: chosen as
        `tasks.datasets.images.packing.pack` describes it.
    progress : callable, optional
        Function that is called now and then with the number of files decoded and of all files, or with the
        number of bytes downloaded and of all bytes.
    url : str
        Address of the CIFAR-10 archive.
    md5 : str
        MD5 digest of the CIFAR-10 archive, in hexadecimal digits.

    Returns
    -------
    PackedImages
        The images. `provenance` names the origin of the images, and `notes` says why they are not the user's images.

    Raises
    ------
    DataError
        If the folder cannot be used, or the cache cannot be written.
    """
    if folder is not None:
        provenance = f"The user's own photographs in '{Path(folder).expanduser().resolve().name}'."
        return pack(
            folder, cache, engine=engine, size=size, name=NAME, provenance=provenance, progress=progress
        )
    try:
        packed = cifar(cache, progress=progress, url=url, md5=md5)
    except DataError as error:
        return digits(cache).with_notes(
            f"The images are digits instead of cats and dogs: no folder of photographs is set, and {error}."
        )
    return packed.with_notes("No folder of photographs is set: the images come from the CIFAR-10 archive.")


def digits(cache: str | Path) -> PackedImages:
    """Pack the digits that scikit-learn contains: 1,797 grey images of 8 x 8 pixels in ten classes, as RGB."""
    target = Path(cache).expanduser().absolute() / "digits"
    with atomic_folder(target) as temporary:
        if temporary is not None:
            _pack_digits(temporary)
    return PackedImages.open(target)


def _pack_digits(folder: Path) -> None:
    from sklearn.datasets import load_digits

    digits = load_digits()
    grey = np.round(digits.images * (255 / 16)).astype(np.uint8)
    write_images(folder, len(grey), DIGITS_SIZE, [np.repeat(grey[..., None], 3, axis=3)])
    complete_folder(
        folder,
        name="digits",
        labels=[str(digit) for digit in digits.target],
        files=[f"digits/{row}" for row in range(len(grey))],
        quarantine=[],
        source="scikit-learn load_digits",
        provenance="Handwritten digits bundled with scikit-learn (UCI, Optical Recognition of Handwritten "
        "Digits), 8 x 8 pixels, grey, ten classes.",
    )
