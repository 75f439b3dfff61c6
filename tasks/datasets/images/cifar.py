"""The CIFAR-10 archive, and packed images of some of its classes."""

import io
import pickle
import tarfile
import zlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from infra.errors import DataError
from infra.progress import Progress
from tasks.datasets.images.download import fetch
from tasks.datasets.images.packed import PackedImages
from tasks.datasets.images.writing import atomic_folder, complete_folder, write_images

URL = "https://www.cs.toronto.edu/~kriz/cifar-10-python.tar.gz"
MD5 = "c58f30108f718f92721af3b95e74349a"
CLASSES = ("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck")
BATCHES = tuple(f"data_batch_{number}" for number in range(1, 6))
SIZE = 32
"""Height and width of the images, in pixels."""
MAX_BATCH_BYTES = 64 * 2**20
"""Size of the largest batch that is read, in bytes; the batches of the archive have 31 MB."""
PROVENANCE = (
    "Photographs of {classes} from the training part of CIFAR-10 (Krizhevsky, Learning multiple layers of "
    "features from tiny images, 2009), 32 x 32 pixels."
)


def cifar(
    cache: str | Path,
    classes: Sequence[str] = ("cat", "dog"),
    *,
    name: str = "cats-dogs",
    progress: Progress | None = None,
    url: str = URL,
    md5: str = MD5,
) -> PackedImages:
    """Pack the training images of some classes of CIFAR-10; the archive is downloaded once.

    Parameters
    ----------
    cache : str or Path
        Folder where the archive (170 MB) and the packed images are kept.
    classes : sequence of str, default=("cat", "dog")
        Names of some of the ten classes; each has 5,000 images of 32 x 32 pixels.
    name : str, default="cats-dogs"
        Name of the data set.
    progress : callable, optional
        Function that is called now and then with the number of bytes downloaded and of all bytes.
    url : str
        Address of the archive; default: the official one.
    md5 : str
        MD5 digest of the archive, in hexadecimal digits; default: that of the official archive.

    Returns
    -------
    PackedImages
        The images.

    Raises
    ------
    DataError
        If a class is unknown, the archive cannot be downloaded, or it does not have the format of CIFAR-10.
    """
    unknown = [label for label in classes if label not in CLASSES]
    if unknown:
        raise DataError(f"CIFAR-10 has no class '{unknown[0]}'; its classes are {', '.join(CLASSES)}")
    folder = Path(cache).expanduser().absolute()
    target = folder / f"{name}-{'-'.join(sorted(classes))}-{md5[:16]}"
    with atomic_folder(target) as temporary:
        if temporary is not None:
            archive = fetch(url, folder / url.rpartition("/")[2], md5, progress)
            _pack(archive, temporary, tuple(map(CLASSES.index, classes)), name, md5)
    return PackedImages.open(target)


def _pack(archive: Path, folder: Path, wanted: tuple[int, ...], name: str, md5: str) -> None:
    images, labels, files = [], [], []
    for batch, X, y in batches(archive):
        rows = np.flatnonzero(np.isin(y, wanted))
        images.append(X[rows])
        labels += [CLASSES[code] for code in y[rows]]
        files += [f"{batch}/{row}" for row in rows]
    for code in wanted:
        if CLASSES[code] not in labels:
            raise DataError(f"'{archive}' holds no image of class '{CLASSES[code]}'")
    write_images(folder, len(files), SIZE, images)
    complete_folder(
        folder,
        name=name,
        labels=labels,
        files=files,
        quarantine=[],
        source=f"md5:{md5}",
        provenance=PROVENANCE.format(classes=" and ".join(f"{CLASSES[code]}s" for code in wanted)),
    )


def batches(archive: Path) -> Iterator[tuple[str, NDArray[np.uint8], NDArray[np.int64]]]:
    """Read the training batches of the archive; no file of it is written to disk.

    Yields
    ------
    name : str
        Name of the batch.
    X : ndarray of shape (n, 32, 32, 3), uint8
        Images of the batch.
    y : ndarray of shape (n,), int64
        Position of each image's class in `CLASSES`.

    Raises
    ------
    DataError
        If the archive or one of its batches does not have the format of CIFAR-10.
    """
    found = set()
    try:
        with tarfile.open(archive, "r|gz") as tar:
            for member in tar:
                batch = member.name.rpartition("/")[2]
                if batch not in BATCHES or batch in found or not member.isfile():
                    continue
                if member.size > MAX_BATCH_BYTES:
                    raise DataError(
                        f"'{archive}': {batch} has {member.size:,} bytes, at most {MAX_BATCH_BYTES:,}"
                    )
                content = tar.extractfile(member)
                assert content is not None  # noqa: S101 (the member is a file)
                found.add(batch)
                yield batch, *_arrays(content.read(), f"{archive}: {batch}")
    except (tarfile.TarError, EOFError, zlib.error, OSError) as error:
        raise DataError(f"'{archive}' cannot be read as a tar.gz archive: {error}") from error
    if not found:
        raise DataError(f"'{archive}' holds none of CIFAR-10's training batches, {', '.join(BATCHES)}")


class _ArraysOnly(pickle.Unpickler):
    """Unpickler of dictionaries, lists, text, numbers and NumPy arrays, which refuses everything else."""

    def find_class(self, module: str, name: str) -> Any:
        allowed = {
            ("numpy", "ndarray"): np.ndarray,
            ("numpy", "dtype"): np.dtype,
            # the only function that a pickled array calls, under its old and its new name
            ("numpy.core.multiarray", "_reconstruct"): _reconstruct,
            ("numpy._core.multiarray", "_reconstruct"): _reconstruct,
        }
        try:
            return allowed[module, name]
        except KeyError:
            raise pickle.UnpicklingError(f"{module}.{name} is not allowed") from None


def _reconstruct(kind: Any, shape: Any, _code: Any) -> Any:
    """Make an empty array; the unpickler then sets its shape, type and data."""
    if kind is not np.ndarray or shape != (0,):
        raise pickle.UnpicklingError("an array of an unknown type is not allowed")
    return np.empty(0, dtype=np.uint8)


def _arrays(data: bytes, where: str) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    try:
        # Python 2 wrote these files, so that their text is read as bytes
        batch = _ArraysOnly(io.BytesIO(data), encoding="bytes").load()
        X, y = batch[b"data"], batch[b"labels"]
        codes = np.asarray([int(code) for code in y], dtype=np.int64)
    except Exception as error:  # a damaged pickle raises exceptions of many types
        raise DataError(f"'{where}' is not a batch of CIFAR-10: {error}") from error
    valid = isinstance(X, np.ndarray) and X.dtype == np.uint8 and X.shape == (len(codes), 3 * SIZE * SIZE)
    if not valid or not ((codes >= 0) & (codes < len(CLASSES))).all():
        raise DataError(f"'{where}' is not a batch of CIFAR-10: its arrays have another shape or type")
    return X.reshape(-1, 3, SIZE, SIZE).transpose(0, 2, 3, 1), codes
