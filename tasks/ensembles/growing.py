"""Slices of a random forest: consecutive trees of it, each grown where the work runs."""

from collections.abc import Iterator
from contextlib import contextmanager
from copy import deepcopy
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
import psutil
from numpy.random import RandomState
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, clone

from infra.engines import BlockSource, Engine
from infra.engines.blocks import Span, split_evenly
from infra.settings import usable_cores

SEEDS = np.iinfo(np.int32).max
SLICES_A_WORKER = 8  # few trees each: a worker that is done early takes over what is left
TABLE_SHARE = 0.5
"""Share of a worker's memory that a table read from Parquet may fill as a float32 matrix."""


@dataclass(frozen=True)
class Growth:
    """What every slice of a forest needs; reaches each worker once."""

    forest: BaseEstimator
    """Unfitted forest of scikit-learn; its `n_estimators` and `random_state` are set for each slice."""
    seeds: RandomState
    """Generator from which the whole forest draws the seeds of its trees."""
    rows: tuple[Any, Any] | BlockSource
    """Features and target, or the table of one block where a worker reads both."""
    sample_weight: NDArray[Any] | None
    table_share: float = TABLE_SHARE


def grow(engine: Engine, growth: Growth, n_estimators: int) -> list[Any] | None:
    """Forests of scikit-learn whose trees, one after the other, are those of a forest of `n_estimators`.

    Returns
    -------
    list of fitted forests, or None
        None where a table is larger than a worker may hold.

    Raises
    ------
    EngineError
        If a slice's worker died at every try.
    """
    # each slice of a table reads it anew; one worker has nobody to take anything over from
    a_worker = 1 if isinstance(growth.rows, BlockSource) or engine.workers == 1 else SLICES_A_WORKER
    spans = split_evenly(n_estimators, a_worker * engine.workers)
    grown: dict[int, Any] = {}
    for i, outcome in engine.run(grow_slice, spans, growth):
        if isinstance(outcome, Exception):
            raise outcome
        if outcome is None:
            return None
        grown[i] = outcome
    return [grown[i] for i in range(len(spans))]


def grow_slice(span: Span, growth: Growth) -> Any:
    """Forest of the trees `span.start` to `span.stop` (exclusive), or None if the table is too large."""
    if isinstance(growth.rows, BlockSource):
        if matrix_bytes(growth.rows) > growth.table_share * worker_memory():
            return None
        X, y = growth.rows.block(0)
    else:
        X, y = growth.rows
    seeds = deepcopy(growth.seeds)
    # A forest draws one seed a tree, in the order of its trees, and uses its generator for nothing else (its
    # `warm_start` rests on the same fact). With a generator that has passed over the seeds of the trees
    # before, the library's own `fit` grows the trees of the slice.
    seeds.randint(SEEDS, size=span.start)
    forest = clone(growth.forest).set_params(n_estimators=span.stop - span.start, random_state=seeds)
    with _names_at_hand(forest):
        return forest.fit(X, y, sample_weight=growth.sample_weight)


@contextmanager
def _names_at_hand(forest: Any) -> Iterator[None]:
    """Let the trees of a forest, while it is fitted, have the names of their parameters at hand.

    Scikit-learn reads them off a signature six times a tree, which takes an eighth of the time of a small one.
    """
    kind: Any = type(forest.estimator)
    forest.estimator.__class__ = _with_names(kind)
    try:
        yield
    finally:
        for tree in (forest.estimator, *getattr(forest, "estimators_", [])):
            tree.__class__ = kind


@cache
def _with_names(kind: Any) -> Any:
    names = kind._get_param_names()
    return type(kind.__name__, (kind,), {"_get_param_names": classmethod(lambda _cls: names)})


def matrix_bytes(source: BlockSource) -> int:
    """Size of a table as the float32 matrix that scikit-learn's trees need."""
    return source.n_rows * source.n_columns * np.dtype(np.float32).itemsize


def worker_memory() -> float:
    """Memory of this worker in bytes: what a machine with a worker on each core has for each."""
    return float(psutil.virtual_memory().total / usable_cores())
