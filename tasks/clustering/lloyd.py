"""Lloyd's algorithm as rounds over blocks: the driver's half, written once for every engine."""

from dataclasses import dataclass, field, replace
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from infra.engines import Blocks, Engine
from tasks.clustering import bounds, kernels
from tasks.clustering.bounds import Memory
from tasks.clustering.kernels import Far, Moments

Array = NDArray[Any]


@dataclass(frozen=True)
class State:
    """What travels to the blocks each round, and what the rounds have found so far."""

    centers: Array
    """float64, shape (n_clusters, n_features)."""
    tolerance: float
    """Stop when the squared shift of all centres together is at most this."""
    max_iter: int
    n_iter: int = 0
    phase: Literal["lloyd", "farthest", "final"] = "lloyd"
    pending: Moments | None = field(default=None, repr=False)
    """Moments of a round that left clusters empty, until rows are found for them."""
    inertia: float = np.inf


def lloyd(
    engine: Engine, blocks: Blocks, centers: Array, *, tolerance: float, max_iter: int
) -> tuple[State, Array]:
    """Move `centers` until they settle; inertia and labels (int32) belong to the final centres."""
    start = State(np.asarray(centers, dtype=np.float64), tolerance, max_iter)
    state, labels = engine.iterate(_kernel, _merge, _update, blocks, start, memory=_memory, outcome=_labels)
    return state, np.concatenate(labels)


def _memory(X: Array, *_weights: Array) -> Memory:
    return Memory(X)


def _labels(X: Array, *rest: Any) -> Array:
    memory: Memory = rest[-1]
    return memory.labels


def _kernel(X: Array, *rest: Any) -> Moments | Far:
    *given, state, memory = rest
    weights = given[0] if given else np.empty(0)
    if state.phase == "farthest":
        assert state.pending is not None  # noqa: S101 (for the type checker)
        return kernels.farthest(X, weights, state.centers, int((state.pending.weights == 0).sum()))
    moments = bounds.moments(X, weights, state.centers, memory)
    if state.phase == "final":
        return moments._replace(inertia=bounds.inertia(X, weights, memory))
    return moments


def _merge(a: Any, b: Any) -> Any:
    return kernels.merge_farthest(a, b) if isinstance(a, Far) else kernels.merge_moments(a, b)


def _update(state: State, merged: Moments | Far) -> tuple[State, bool]:
    if isinstance(merged, Far):
        assert state.pending is not None  # noqa: S101 (for the type checker)
        return _move(state, relocate(state.pending, merged)), False
    if state.phase == "final":
        return replace(state, inertia=merged.inertia), True
    if (merged.weights == 0).any():
        return replace(state, phase="farthest", pending=merged), False
    return _move(state, merged), False


def _move(state: State, merged: Moments) -> State:
    filled = merged.weights > 0
    centers = state.centers.copy()
    centers[filled] = merged.sums[filled] / merged.weights[filled, None]
    # clusters that stay empty (fewer distinct rows than clusters) join the heaviest, as in scikit-learn
    centers[~filled] = centers[merged.weights.argmax()]
    shift = float(((centers - state.centers) ** 2).sum())
    n_iter = state.n_iter + 1
    # rows that keep their cluster give the same sums to the last bit, hence a shift of exactly 0
    settled = shift <= state.tolerance or n_iter == state.max_iter
    return replace(state, centers=centers, n_iter=n_iter, pending=None, phase="final" if settled else "lloyd")


def relocate(merged: Moments, far: Far) -> Moments:
    """Give each empty cluster the row farthest from its centre, as scikit-learn does."""
    if not far.distances.any():
        return merged
    sums, weights = merged.sums.copy(), merged.weights.copy()
    empty = np.flatnonzero(weights == 0)
    for target, row, source, weight in zip(empty, far.rows, far.labels, far.weights, strict=False):
        sums[source] -= weight * row
        sums[target] = weight * row
        weights[target] = weight
        weights[source] -= weight
    return Moments(sums, weights, merged.inertia)
