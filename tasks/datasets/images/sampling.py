"""A part of packed images, as packed images of their own."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from tasks.datasets.images.packed import PackedImages
from tasks.datasets.images.writing import finish, unfinished, write_images

SEED = 20260102


def sample(packed: PackedImages, rows: int, fewest: int = 1) -> PackedImages:
    """Draw images of each class in proportion, by a fixed seed; they keep their order.

    Parameters
    ----------
    packed : PackedImages
        What to draw from. It is returned itself if it has no more images than that.
    rows : int
        Images to draw; a few more or less where classes do not share them evenly.
    fewest : int, default=1
        Of a class, which gives all of its images if it has no more.

    Returns
    -------
    PackedImages
        In a folder beside that of `packed`, with its name, classes, notes and list of unusable files.
    """
    if packed.rows <= rows:
        return packed
    target = packed.path.with_name(f"{packed.path.name}-{rows}-{fewest}")
    with unfinished(target) as temporary:
        if temporary is not None:
            X, y = packed.load()
            chosen = _chosen(y, packed.counts, rows, fewest)
            index = packed.index().take(chosen)
            write_images(temporary, len(chosen), packed.size, [X[chosen]])
            finish(
                temporary,
                name=packed.name,
                labels=[packed.classes[code] for code in y[chosen]],
                files=index["file"].to_pylist(),
                quarantine=packed.quarantine(),
                source=f"{packed.source}, {rows} rows, at least {fewest} of a class",
                provenance=packed.provenance,
            )
    return replace(PackedImages.open(target), notes=packed.notes)


def _chosen(y: NDArray[np.int64], counts: Sequence[int], rows: int, fewest: int) -> NDArray[np.intp]:
    """Numbers of the images, in ascending order."""
    shares = np.rint(rows * np.asarray(counts) / len(y)).astype(int)
    random = np.random.default_rng(SEED)
    orders = [random.permutation(np.flatnonzero(y == code)) for code in range(len(counts))]
    return np.sort(
        np.concatenate([order[: max(share, fewest)] for order, share in zip(orders, shares, strict=True)])
    )
