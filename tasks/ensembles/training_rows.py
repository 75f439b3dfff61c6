"""Rows that one member of a group trains on, in memory or read block by block, with their targets as numbers."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from infra.engines.blocks import Block
from infra.engines.collective import Communicator
from infra.engines.streaming import StreamedBlocks
from infra.errors import ParameterError
from tasks.labels import agreed_classes, check_classes

Array = NDArray[Any]


@dataclass(frozen=True)
class TrainingRows:
    """Features, targets and optional weights of the same rows, in memory."""

    X: Array
    y: Array
    weights: Array | None = None

    def batches(self) -> Iterator["TrainingRows"]:
        """Return all rows as parts that are in memory one at a time: here, as one part."""
        yield self

    def joined(self) -> "TrainingRows":
        """Return the rows in memory."""
        return self

    def __getitem__(self, index: Any) -> "TrainingRows":
        weights = None if self.weights is None else self.weights[index]
        return TrainingRows(self.X[index], self.y[index], weights)

    def __len__(self) -> int:
        return len(self.y)

    def total_weight(self) -> float:
        """Sum of the weights; the number of rows where there are no weights."""
        return float(len(self)) if self.weights is None else float(self.weights.sum())


@dataclass(frozen=True)
class StreamedRows:
    """Rows whose features are read anew, block by block, at each pass; targets and weights are in memory."""

    blocks: Sequence[Block]
    """Blocks whose first array has the features."""
    lengths: tuple[int, ...]
    """Number of rows of each block."""
    y: Array
    weights: Array | None = None

    def batches(self) -> Iterator[TrainingRows]:
        """Return all rows as parts that are in memory one at a time."""
        start = 0
        for (X, *_), length in zip(self.blocks, self.lengths, strict=True):
            own = slice(start, start := start + length)
            yield TrainingRows(X, self.y[own], None if self.weights is None else self.weights[own])

    def joined(self) -> TrainingRows:
        """Return the rows in memory."""
        blocks = [X for X, *_ in self.blocks]
        return TrainingRows(blocks[0] if len(blocks) == 1 else np.concatenate(blocks), self.y, self.weights)

    def __len__(self) -> int:
        return len(self.y)


Rows = TrainingRows | StreamedRows


def training_rows(
    blocks: Sequence[Block], communicator: Communicator, *, classification: bool, class_weight: Any = None
) -> tuple[Rows, Array | None]:
    """Give numbers as targets to a member's rows; the rows of streamed blocks stay streamed, others are joined.

    Parameters
    ----------
    blocks : sequence of tuple of ndarray
        Rows of this member, each block `(X, y)` or `(X, y, weights)`.
    communicator : Communicator
        The members that agree on the classes.
    classification : bool
        Whether the targets are class labels; otherwise they are numbers already.
    class_weight : dict, "balanced" or None, default=None
        Weights of the classes, as in scikit-learn, which multiply the weights of the rows; "balanced" counts
        the rows of all members.

    Returns
    -------
    rows : TrainingRows or StreamedRows
        Rows of this member; in a classification, with an index into `classes` as target.
    classes : ndarray of shape (n_classes,), or None
        Class labels of all members, sorted; None for a regression.

    Raises
    ------
    ParameterError
        If a classifier cannot learn the classes, or the targets of a regression are text. The error is the
        same at all members.
    """
    lengths: list[int] = []
    weights: list[Array] = []
    targets = _targets(blocks, lengths, weights)
    if classification:
        classes, y, counts = agreed_classes(targets, communicator)
        check_classes(classes, class_weight)
    else:
        classes, y = None, np.concatenate([_checked_numbers(part) for part in targets])
    given = np.concatenate(weights) if weights else None
    if classes is not None and class_weight is not None:
        of_classes = _weights_of_classes(class_weight, classes, counts)[y]
        given = of_classes if given is None else given * of_classes
    rows = StreamedRows(blocks, tuple(lengths), y, given)
    return (rows if isinstance(blocks, StreamedBlocks) else rows.joined()), classes


def _targets(blocks: Sequence[Block], lengths: list[int], weights: list[Array]) -> Iterator[Array]:
    """Return the targets of each block; its number of rows and their weights are added to the lists."""
    for _, y, *rest in blocks:
        lengths.append(len(y))
        weights += rest
        yield y


def _checked_numbers(y: Array) -> Array:
    if y.dtype.kind not in "iufb":
        raise ParameterError(f"y: numbers are needed, found text such as {y[0]!r}")
    return y


def _weights_of_classes(class_weight: Any, classes: Array, counts: Array) -> Array:
    if isinstance(class_weight, Mapping):
        return np.array([class_weight.get(label, 1.0) for label in classes.tolist()], dtype=np.float64)
    return np.asarray(counts.sum() / (len(counts) * counts), dtype=np.float64)
