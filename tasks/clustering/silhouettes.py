"""The silhouette of each row for many labelings at once: every distance computed, used for all, forgotten."""

import threading
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

import numpy as np
from numba import njit
from numpy.typing import NDArray

from infra.engines import BlockSource, Engine
from infra.engines.blocks import Span
from tasks.clustering.labelings import Labelings

Array = NDArray[Any]
LANES = 128  # rows worked on side by side: loops over them are long enough for vector instructions to pay
TILE = 32  # rows that these meet at a time: their distances stay in the first-level cache
STRIPS_A_WORKER = 4


def silhouettes(source: BlockSource, labelings: Labelings, engine: Engine) -> Array:
    """Silhouette of each row in each labeling; float64, shape (n_labelings, n_rows).

    A row's distances are added in the order of the other rows, so that the result does not depend on who
    worked on which strip of rows.
    """
    strips = _strips(labelings.n_rows, engine.workers)
    work = _Work(source, labelings)
    parts = dict(engine.run(_strip, strips, shared=work))
    return np.concatenate([parts[i] for i in range(len(strips))], axis=1)


def _strips(n_rows: int, workers: int) -> list[Span]:
    panels = -(-n_rows // LANES)
    count = min(panels, STRIPS_A_WORKER * workers)
    edges = [min(n_rows, LANES * (panels * i // count)) for i in range(count + 1)]
    return [Span(a, b) for a, b in pairwise(edges)]


@dataclass
class _Work:
    """What every strip needs; reaches each worker once, which reads or converts all rows once."""

    source: BlockSource
    labelings: Labelings
    _rows: Array | None = None
    _lock: Any = field(default_factory=threading.Lock, repr=False)

    def rows(self) -> Array:
        with self._lock:
            if self._rows is None:
                blocks = self.source.load(Span(0, self.source.n_blocks))
                self._rows = np.concatenate([block[0] for block in blocks], dtype=np.float64)
            return self._rows

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_rows": None, "_lock": None}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__ = {**state, "_lock": threading.Lock()}


def _strip(strip: Span, work: _Work) -> Array:
    labelings = work.labelings
    found = np.empty((len(labelings), strip.stop - strip.start))
    _coefficients(
        work.rows(), strip.start, strip.stop, labelings.codes, labelings.edges, labelings.sizes, found
    )
    return found


@njit(nogil=True, cache=True)
def _coefficients(
    X: Array, start: int, stop: int, codes: Array, edges: Array, sizes: Array, found: Array
) -> None:  # pragma: no cover
    """Write the silhouettes of the rows `start` to `stop` (exclusive).

    Each pair is met from both sides: one distance would serve both, but the sums of the other side do not
    add in lanes, which costs more than a second square root.
    """
    n, d = X.shape
    lanes = np.empty((d, LANES))
    distances = np.empty((TILE, LANES))
    sums = np.empty((edges[-1], LANES))
    for first in range(start, stop, LANES):
        for r in range(LANES):
            for f in range(d):
                lanes[f, r] = X[min(first + r, stop - 1), f]
        sums[:] = 0
        for top in range(0, n, TILE):
            height = min(TILE, n - top)
            _measure(X, top, height, lanes, distances)
            for labeling in range(len(codes)):
                _add(distances, height, codes[labeling], top, sums)
        for labeling in range(len(codes)):
            a, noise = edges[labeling], edges[labeling + 1] - 1
            for i in range(first, min(first + LANES, stop)):
                found[labeling, i - start] = _coefficient(
                    sums[:, i - first], sizes, a, noise, codes[labeling, i]
                )


@njit(nogil=True, cache=True)
def _measure(X: Array, top: int, height: int, lanes: Array, distances: Array) -> None:  # pragma: no cover
    """Write the Euclidean distances of the rows in `lanes` to the rows from `top` on."""
    for j in range(height):
        for r in range(LANES):
            distances[j, r] = 0.0
        for f in range(X.shape[1]):
            x = X[top + j, f]
            for r in range(LANES):
                difference = lanes[f, r] - x
                distances[j, r] += difference * difference
        for r in range(LANES):
            distances[j, r] = np.sqrt(distances[j, r])


@njit(nogil=True, cache=True)
def _add(distances: Array, height: int, codes: Array, top: int, sums: Array) -> None:  # pragma: no cover
    """Add the distances to the rows from `top` on to the sums of these rows' clusters."""
    for j in range(height):
        slot = codes[top + j]
        for r in range(LANES):
            sums[slot, r] += distances[j, r]


@njit(nogil=True, cache=True)
def _coefficient(sums: Array, sizes: Array, first: int, noise: int, own: int) -> float:  # pragma: no cover
    """One row's silhouette from its summed distances; 0 for noise and for a cluster of one row."""
    if own == noise or sizes[own] == 1:
        return 0.0
    within = sums[own] / (sizes[own] - 1)
    nearest = np.inf
    for slot in range(first, noise):
        if slot != own:
            nearest = min(nearest, sums[slot] / sizes[slot])
    larger = max(within, nearest)
    return (nearest - within) / larger if larger > 0 else 0.0
