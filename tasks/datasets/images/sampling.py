"""Stratified samples of packed images."""

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from tasks.datasets.images.packed import PackedImages
from tasks.datasets.images.writing import atomic_folder, complete_folder, write_images

SEED = 20260102


def sample(packed: PackedImages, rows: int, min_per_class: int = 1) -> PackedImages:
    """Draw images from each class in proportion to its size, by a fixed seed.

    Parameters
    ----------
    packed : PackedImages
        Images to draw from.
    rows : int
        Number of images to draw; there may be a few more or less, because the number of each class is rounded.
    min_per_class : int, default=1
        Number of images that each class keeps at least, or all of its images if it has fewer. If the user set images
        aside, each class keeps this number of them and of the others.

    Returns
    -------
    PackedImages
        The drawn images in their old order, in a folder beside that of `packed`, with the same name, classes, notes
        and quarantined files; or `packed` itself if it has at most `rows` images.
    """
    if packed.rows <= rows:
        return packed
    target = packed.path.with_name(f"{packed.path.name}-{rows}-{min_per_class}")
    with atomic_folder(target) as temporary:
        if temporary is not None:
            X, y = packed.load()
            held_out = np.isin(np.arange(packed.rows), packed.holdout())
            chosen = _stratified(y, held_out, rows, min_per_class)
            index = packed.index().take(chosen)
            write_images(temporary, len(chosen), packed.size, [X[chosen]])
            complete_folder(
                temporary,
                name=packed.name,
                labels=[packed.classes[code] for code in y[chosen]],
                files=index["file"].to_pylist(),
                quarantine=packed.quarantine(),
                source=f"{packed.source}, {rows} rows, at least {min_per_class} of a class",
                provenance=packed.provenance,
                holdout=np.flatnonzero(held_out[chosen]).tolist(),
                value_range=packed.value_range,
                remarks=packed.remarks,
            )
    return replace(PackedImages.open(target), notes=packed.notes, remarks=packed.remarks)


def _stratified(
    y: NDArray[np.int64], held_out: NDArray[np.bool_], rows: int, min_per_class: int
) -> NDArray[np.intp]:
    """Row numbers of the drawn images, in ascending order; classes keep their shares in both parts of a split."""
    strata, counts = np.unique(2 * y + held_out, return_counts=True)
    shares = np.rint(rows * counts / len(y)).astype(int)
    random = np.random.default_rng(SEED)
    orders = [random.permutation(np.flatnonzero(2 * y + held_out == stratum)) for stratum in strata]
    return np.sort(
        np.concatenate(
            [order[: max(share, min_per_class)] for order, share in zip(orders, shares, strict=True)]
        )
    )
