"""Labelings of the same rows, encoded so that one pass over the rows serves them all."""

from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from infra.errors import ParameterError

Array = NDArray[Any]
NOISE = -1
"""Label of rows that belong to no cluster, as in DBSCAN."""


@dataclass(frozen=True)
class Labelings:
    """Several labelings of the same rows.

    The clusters of all labelings have consecutive slots; the last slot of each labeling is for its noise.
    """

    codes: Array
    """int32, shape (n_labelings, n_rows): slot of each row."""
    edges: Array
    """int64, shape (n_labelings + 1,): first slot of each labeling, then the number of all slots."""
    sizes: Array
    """int64, shape (n_slots,): number of rows in each slot."""

    def __len__(self) -> int:
        return len(self.codes)

    @property
    def n_rows(self) -> int:
        return int(self.codes.shape[1])

    def clusters(self, number: int) -> slice:
        """Slots of the clusters of a labeling, without its noise."""
        return slice(int(self.edges[number]), int(self.edges[number + 1]) - 1)


def check_labels(labels: ArrayLike, score: str) -> None:
    """Refuse labels for which scores are not defined.

    Raises
    ------
    ParameterError
        If there are fewer than two clusters, or as many clusters as rows in clusters.
    """
    labels = np.asarray(labels)
    if not has_scores(labels):
        clusters, noise = len(set(labels[labels != NOISE])), np.count_nonzero(labels == NOISE)
        beside = f", {noise} of them noise," if noise else ""
        raise ParameterError(f"{clusters} clusters of {len(labels)} rows{beside} have no {score} score")


def has_scores(labels: Array) -> bool:
    """Whether scores are defined: there are at least two clusters, and one has at least two rows."""
    clustered = labels[labels != NOISE]
    return 2 <= len(pd.unique(clustered)) < len(clustered)


def encode(labelings: Sequence[ArrayLike], n_rows: int) -> tuple[Labelings, Array]:
    """Encode the distinct ones of some labelings.

    Clusters are numbered by their first rows, so that labelings that differ only in the names of their clusters
    are the same.

    Parameters
    ----------
    labelings : sequence of array-like of shape (n_rows,), int
        Labels; -1 is noise.
    n_rows : int
        Number of rows.

    Returns
    -------
    distinct : Labelings
    which : ndarray of shape (len(labelings),), int64
        Number, in `distinct`, of each given labeling.

    Raises
    ------
    ParameterError
        If a labeling has another number of rows.
    """
    found: dict[bytes, int] = {}
    which = np.empty(len(labelings), dtype=np.int64)
    rows: list[Array] = []
    for i, labels in enumerate(labelings):
        renumbered = _renumbered(np.asarray(labels), n_rows)
        which[i] = found.setdefault(sha256(renumbered.data).digest(), len(rows))
        if which[i] == len(rows):
            rows.append(renumbered)
    distinct = np.stack(rows)
    clusters = distinct.max(axis=1).astype(np.int64) + 1
    edges = np.concatenate([[0], np.cumsum(clusters + 1)])
    codes = np.where(distinct == NOISE, clusters[:, None], distinct) + edges[:-1, None]
    sizes = np.bincount(codes.ravel(), minlength=edges[-1])
    return Labelings(codes.astype(np.int32), edges, sizes), which


def _renumbered(labels: Array, n_rows: int) -> Array:
    if labels.shape != (n_rows,):
        raise ParameterError(f"labels: shape {labels.shape}, must be one for each row, ({n_rows},)")
    codes = np.full(n_rows, NOISE, dtype=np.int32)
    clustered = labels != NOISE
    codes[clustered] = pd.factorize(labels[clustered])[0]
    return codes
