"""The memory and the time that an algorithm needs for a large table, estimated before a cell of the study starts."""

import math
import time
from typing import Any

import numpy as np
from pydantic import BaseModel
from sklearn.base import clone

from infra.engines import Engine
from infra.ledger import Ledger
from tasks.algorithms.base import Algorithm
from tasks.datasets.prepared import PreparedDataset
from tasks.datasets.preprocessing import preprocessor
from tasks.large.drawn_rows import DrawnRows
from tasks.large.training_rows import LargeTrainingRows
from tasks.report import wording

ALWAYS_RUN_ROWS = 20_000  # an algorithm that has a demand clusters so many rows in seconds
TIMED_ROWS = (4_000, 16_000)  # far apart, so that a disturbed time changes the growth little
FIRST_ROWS = 500  # of a fit that is not timed: it loads compiled code
MOST_SECONDS = 300.0
"""Seconds that one fit by one worker may take; the searches of a study make several such fits."""
SEED = 0  # of the sample


class Pace(BaseModel):
    """Time of a fit on a sample of the rows, and how the time grows with the number of rows."""

    rows: int
    columns: int
    seconds: float
    exponent: float

    def seconds_for(self, rows: int) -> float:
        """Seconds of a fit on so many rows; rather too few, because the growth itself grows with the rows."""
        return self.seconds * float((rows / self.rows) ** self.exponent)

    def rows_within(self, seconds: float) -> int:
        """Number of rows whose fit takes at most so many seconds, even if the time is quadratic in the rows."""
        return int(self.rows * (seconds / self.seconds) ** 0.5)


def refusal(dataset: PreparedDataset, algorithm: Algorithm, engine: Engine, ledger: Ledger) -> str | None:
    """Sentence that says why an algorithm is not run on so many rows; None: the algorithm is run.

    Parameters
    ----------
    dataset : PreparedDataset
        The rows.
    algorithm : Algorithm
        The algorithm.
    engine : Engine
        The engine whose workers would run the algorithm.
    ledger : Ledger
        Ledger that keeps the timed fits, so that all cells of the algorithm decide by the same times.
    """
    if algorithm.demand is None or dataset.rows <= ALWAYS_RUN_ROWS:
        return None
    pace = _pace(dataset, algorithm, ledger)
    size = f"{algorithm.title} of {dataset.rows:,} rows x {pace.columns:,} columns"
    row_bytes, allowed = algorithm.demand.row_bytes(pace.columns), engine.worker_memory
    if allowed is not None and dataset.rows * row_bytes > allowed:
        needs = f"needs about {wording.mib(dataset.rows * row_bytes)} MiB in each worker"
        return f"{size} {needs}, and a worker has {wording.mib(allowed)} MiB; {_advice(allowed // row_bytes)}"
    seconds = pace.seconds_for(dataset.rows)
    if seconds > MOST_SECONDS:
        needs = f"would take at least {wording.duration(seconds)} for one fit by one worker"
        allowed_rows = pace.rows_within(MOST_SECONDS)
        return f"{size} {needs}, and {wording.duration(MOST_SECONDS)} are allowed; {_advice(allowed_rows)}"
    return None


def _advice(rows: int) -> str:
    digits = 10 ** max(0, int(math.log10(max(rows, 1))) - 1)
    return f"use kmeans, or cluster a random sample of at most {rows // digits * digits:,} rows"


def _pace(dataset: PreparedDataset, algorithm: Algorithm, ledger: Ledger) -> Pace:
    key = f"pace/{dataset.sha256}/{algorithm.name}"
    recorded = ledger.get(key)
    if recorded is None:
        ledger.put(key, _timed(dataset, algorithm).model_dump())
        recorded = ledger.get(key)
    return Pace.model_validate(recorded)


def _timed(dataset: PreparedDataset, algorithm: Algorithm) -> Pace:
    """Time fits on samples in this thread, as one worker would do them."""
    assert algorithm.demand is not None  # noqa: S101 (checked by the caller)
    rows = _sample(dataset, TIMED_ROWS[-1])
    algorithm.demand.model(rows[:FIRST_ROWS]).fit(rows[:FIRST_ROWS])
    few, many = (_seconds(algorithm.demand.model(rows[:count]), rows[:count]) for count in TIMED_ROWS)
    growth = math.log(many / few) / math.log(TIMED_ROWS[1] / TIMED_ROWS[0])
    # a step of a kernel takes a row or a pair of rows, whatever a disturbed measurement says
    return Pace(
        rows=TIMED_ROWS[1], columns=rows.shape[1], seconds=many, exponent=float(np.clip(growth, 1.0, 2.0))
    )


def _sample(dataset: PreparedDataset, count: int) -> Any:
    if dataset.by_blocks:
        X = LargeTrainingRows(DrawnRows(dataset, SEED)).sample()[0].iloc[:count]
    else:
        X, _ = dataset.load()
        X = X.iloc[np.random.default_rng(SEED).choice(len(X), count, replace=False)]
    return np.asarray(preprocessor(dataset, scale=True, impute=True).fit_transform(X))


def _seconds(model: Any, rows: Any) -> float:
    """Processor time of the quicker one of two fits; other work on the machine disturbs single ones."""
    times = []
    for _ in range(2):
        start = time.process_time()
        clone(model).fit(rows)
        times.append(time.process_time() - start)
    return max(min(times), 1e-3)
