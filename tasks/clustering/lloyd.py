"""Lloyd's algorithm: the driver loop of K-means, the same for every engine."""

from dataclasses import dataclass, field, replace
from enum import Enum, auto
from typing import Any

import numpy as np
from numpy.typing import NDArray

from infra.engines import Blocks, Engine
from tasks.clustering import assignment, hamerly
from tasks.clustering.assignment import FarthestRows, Moments
from tasks.clustering.hamerly import BlockAssignment

Array = NDArray[Any]


class Phase(Enum):
    """The kind of computation of the next round."""

    MOMENTS = auto()
    """Sums of the clusters, which give the next centres."""
    FARTHEST_ROWS = auto()
    """Rows for the clusters that the last round left empty."""
    INERTIA = auto()
    """Labels and inertia of the final centres."""


@dataclass(frozen=True)
class LloydState:
    """State of the iteration: what every block receives in a round, and what the rounds have found so far."""

    centers: Array
    """float64, shape (n_clusters, n_features)."""
    tolerance: float
    """The iteration stops when the squared shift of all centres together is at most this."""
    max_iter: int
    n_iter: int = 0
    phase: Phase = Phase.MOMENTS
    incomplete: Moments = field(default_factory=lambda: Moments(np.empty(0), np.empty(0), 0.0), repr=False)
    """Moments of a round that left clusters empty, until rows are found for these clusters."""
    inertia: float = np.inf


def lloyd(
    engine: Engine, blocks: Blocks, centers: Array, *, tolerance: float, max_iter: int
) -> tuple[LloydState, Array]:
    """Move centres to the means of their nearest rows until they settle.

    Parameters
    ----------
    engine : Engine
        The engine that holds the blocks.
    blocks : Blocks
        Resident blocks, each with the arrays of `WeightedRows`.
    centers : ndarray of shape (n_clusters, n_features)
        First centres.
    tolerance : float
        The iteration stops when the squared shift of all centres together is at most this.
    max_iter : int
        Most rounds that move the centres.

    Returns
    -------
    state : LloydState
        Last state, with the final centres and the inertia that belongs to them.
    labels : ndarray of shape (n_rows,), int32
        Nearest final centre of each row.
    """
    start = LloydState(np.asarray(centers, dtype=np.float64), tolerance, max_iter)
    state, labels = engine.iterate(
        _kernel, _merge, _update, blocks, start, memory=_unassigned, outcome=_labels
    )
    return state, np.concatenate(labels)


def _unassigned(X: Array, _weights: Array) -> BlockAssignment:
    return BlockAssignment(X)


def _labels(_X: Array, _weights: Array, assigned: BlockAssignment) -> Array:
    return assigned.labels


def _kernel(X: Array, weights: Array, state: LloydState, assigned: BlockAssignment) -> Moments | FarthestRows:
    if state.phase is Phase.FARTHEST_ROWS:
        return assignment.farthest(X, weights, state.centers, len(state.incomplete.empty_clusters()))
    moments = hamerly.moments(X, weights, state.centers, assigned)
    if state.phase is Phase.INERTIA:
        return moments._replace(inertia=hamerly.inertia(X, weights, assigned))
    return moments


def _merge(a: Any, b: Any) -> Any:
    return a.merged(b)


def _update(state: LloydState, merged: Moments | FarthestRows) -> tuple[LloydState, bool]:
    if isinstance(merged, FarthestRows):
        return _move(state, relocate(state.incomplete, merged)), False
    if state.phase is Phase.INERTIA:
        return replace(state, inertia=merged.inertia), True
    if len(merged.empty_clusters()):
        return replace(state, phase=Phase.FARTHEST_ROWS, incomplete=merged), False
    return _move(state, merged), False


def _move(state: LloydState, merged: Moments) -> LloydState:
    filled = merged.weights > 0
    centers = state.centers.copy()
    centers[filled] = merged.sums[filled] / merged.weights[filled, None]
    # clusters that stay empty (fewer distinct rows than clusters) join the heaviest, as in scikit-learn
    centers[~filled] = centers[merged.weights.argmax()]
    shift = float(((centers - state.centers) ** 2).sum())
    n_iter = state.n_iter + 1
    # rows that keep their cluster give the same sums to the last bit, hence a shift of exactly 0
    settled = shift <= state.tolerance or n_iter == state.max_iter
    phase = Phase.INERTIA if settled else Phase.MOMENTS
    return LloydState(centers, state.tolerance, state.max_iter, n_iter, phase)


def relocate(merged: Moments, farthest: FarthestRows) -> Moments:
    """Give each empty cluster one of the rows that lie farthest from their centre, as scikit-learn does."""
    if not farthest.distances.any():
        return merged
    sums, weights = merged.sums.copy(), merged.weights.copy()
    candidates = zip(farthest.rows, farthest.labels, farthest.weights, strict=True)
    for target, (row, source, weight) in zip(merged.empty_clusters(), candidates, strict=False):
        sums[source] -= weight * row
        sums[target] = weight * row
        weights[target] = weight
        weights[source] -= weight
    return Moments(sums, weights, merged.inertia)
