"""Rows that one member of a group trains on, with their targets as numbers."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from infra.engines.blocks import Block
from infra.engines.collective import Communicator
from infra.errors import ParameterError
from tasks.ensembles.labels import agreed_classes, check_classes

Array = NDArray[Any]


@dataclass(frozen=True)
class TrainingRows:
    """Features, targets and optional weights of the same rows."""

    X: Array
    y: Array
    weights: Array | None = None

    @classmethod
    def from_blocks(cls, blocks: Sequence[Block]) -> Self:
        """Join blocks `(X, y)` or `(X, y, weights)`."""
        columns = zip(*blocks, strict=True)
        return cls(*(parts[0] if len(parts) == 1 else np.concatenate(parts) for parts in columns))

    def __getitem__(self, index: Array) -> "TrainingRows":
        weights = None if self.weights is None else self.weights[index]
        return TrainingRows(self.X[index], self.y[index], weights)

    def __len__(self) -> int:
        return len(self.y)

    def total_weight(self) -> float:
        """Sum of the weights; the number of rows where there are no weights."""
        return float(len(self)) if self.weights is None else float(self.weights.sum())


def training_rows(
    blocks: Sequence[Block], communicator: Communicator, *, classification: bool, class_weight: Any = None
) -> tuple[TrainingRows, Array | None]:
    """Join a member's blocks, with numbers as targets.

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
    rows : TrainingRows
        Rows of this member; in a classification, with an index into `classes` as target.
    classes : ndarray of shape (n_classes,), or None
        Class labels of all members, sorted; None for a regression.

    Raises
    ------
    ParameterError
        If a classifier cannot learn the classes, or the targets of a regression are text. The error is the
        same at all members.
    """
    rows = TrainingRows.from_blocks(blocks)
    if classification:
        return _encode_classes(rows, class_weight, communicator)
    if rows.y.dtype.kind not in "iufb":
        raise ParameterError(f"y: numbers are needed, found text such as {rows.y[0]!r}")
    return rows, None


def _encode_classes(
    rows: TrainingRows, class_weight: Any, communicator: Communicator
) -> tuple[TrainingRows, Array]:
    classes, codes, counts = agreed_classes(rows.y, communicator)
    check_classes(classes, class_weight)
    if class_weight is None:
        return replace(rows, y=codes), classes
    weights = _weights_of_classes(class_weight, classes, counts)[codes]
    return replace(
        rows, y=codes, weights=weights if rows.weights is None else rows.weights * weights
    ), classes


def _weights_of_classes(class_weight: Any, classes: Array, counts: Array) -> Array:
    if isinstance(class_weight, Mapping):
        return np.array([class_weight.get(label, 1.0) for label in classes.tolist()], dtype=np.float64)
    return np.asarray(counts.sum() / (len(counts) * counts), dtype=np.float64)
