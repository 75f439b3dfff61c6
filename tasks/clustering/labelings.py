"""Labelings of the same rows, coded so that one pass over the rows serves them all."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from infra.engines import BlockSource
from infra.engines.blocks import Block, Span
from infra.errors import ParameterError

Array = NDArray[Any]
NOISE = -1
"""Label of a row that belongs to no cluster, as in DBSCAN."""


@dataclass(frozen=True)
class Labelings:
    """Clusters of all labelings as consecutive slots; each labeling's last slot takes its noise."""

    codes: Array
    """int32, shape (n_labelings, n_rows): slot of each row."""
    edges: Array
    """int64, shape (n_labelings + 1,): first slot of each labeling, and the number of all slots."""
    sizes: Array
    """int64, shape (n_slots,): rows in each slot."""

    def __len__(self) -> int:
        return len(self.codes)

    @property
    def n_rows(self) -> int:
        return int(self.codes.shape[1])

    def clusters(self, number: int) -> slice:
        """Slots of a labeling's clusters, without its noise."""
        return slice(int(self.edges[number]), int(self.edges[number + 1]) - 1)


def check_labels(labels: ArrayLike, score: str) -> None:
    """Refuse labels that have no score.

    Raises
    ------
    ParameterError
        If there are fewer than two clusters, or as many as rows in clusters.
    """
    labels = np.asarray(labels)
    if not has_scores(labels):
        clusters, noise = len(set(labels[labels != NOISE])), np.count_nonzero(labels == NOISE)
        beside = f", {noise} of them noise," if noise else ""
        raise ParameterError(f"{clusters} clusters of {len(labels)} rows{beside} have no {score} score")


def has_scores(labels: Array) -> bool:
    """Whether clusters can be compared: there are two or more, and one has two rows or more."""
    clustered = labels[labels != NOISE]
    return 2 <= len(np.unique(clustered)) < len(clustered)


def coded(labelings: Sequence[ArrayLike], n_rows: int) -> tuple[Labelings, Array]:
    """Distinct labelings, and which of them each given one is.

    Clusters are numbered by their first rows, so that clusterings that differ in their labels only are one.

    Raises
    ------
    ParameterError
        If a labeling has another number of rows.
    """
    given = np.stack([_numbered(np.asarray(labels), n_rows) for labels in labelings])
    distinct, which = np.unique(given, axis=0, return_inverse=True)
    clusters = distinct.max(axis=1).astype(np.int64) + 1
    edges = np.concatenate([[0], np.cumsum(clusters + 1)])
    codes = np.where(distinct == NOISE, clusters[:, None], distinct) + edges[:-1, None]
    sizes = np.bincount(codes.ravel(), minlength=edges[-1])
    return Labelings(codes.astype(np.int32), edges, sizes), which.ravel()


def _numbered(labels: Array, n_rows: int) -> Array:
    if labels.shape != (n_rows,):
        raise ParameterError(f"labels: shape {labels.shape}, must be one a row, ({n_rows},)")
    codes = np.full(n_rows, NOISE, dtype=np.int32)
    clustered = labels != NOISE
    _, first, inverse = np.unique(labels[clustered], return_index=True, return_inverse=True)
    codes[clustered] = np.argsort(np.argsort(first))[inverse]
    return codes


class LabelledSource(BlockSource):
    """Rows of another source, each block with the slots of its rows: int32, shape (n_rows, n_labelings)."""

    def __init__(self, rows: BlockSource, labelings: Labelings) -> None:
        self.rows = rows
        self.codes = np.ascontiguousarray(labelings.codes.T)
        self.n_rows, self.n_columns = rows.n_rows, rows.n_columns
        self.dtype, self.block_rows = rows.dtype, rows.block_rows

    def load(self, span: Span) -> list[Block]:
        starts = range(span.start * self.block_rows, self.n_rows, self.block_rows)
        return [
            (block[0], self.codes[start : start + self.block_rows])
            for start, block in zip(starts, self.rows.load(span), strict=False)
        ]

    def detached(self, span: Span) -> BlockSource | list[Block]:
        # rows that a worker can read by itself do not travel
        return self if isinstance(self.rows.detached(span), BlockSource) else self.load(span)
