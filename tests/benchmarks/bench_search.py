"""Searches beside scikit-learn's, and what a trial costs beyond its own work."""

import tempfile
import time
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
from sklearn.base import BaseEstimator, ClassifierMixin

from tests.benchmarks.flow_search import FOREST, WORKERS, XGBOOST, times
from tests.benchmarks.timing import in_turn, row, save

ROUNDS = 2
TRIALS, TRIAL_S = 1000, 0.005


class Waiting(ClassifierMixin, BaseEstimator):
    """Takes five milliseconds of a core to fit."""

    def __init__(self, number: int = 0) -> None:
        self.number = number

    def fit(self, X: Any, y: Any) -> "Waiting":
        work()
        self.classes_ = np.unique(y)
        return self

    def predict(self, X: Any) -> Any:
        return np.repeat(self.classes_[0], len(X))


def work(_number: int = 0) -> None:
    """Hold a core for five milliseconds."""
    until = time.perf_counter() + TRIAL_S
    while time.perf_counter() < until:
        pass


def overhead() -> dict[str, object]:
    """1,000 trials on two Dask workers, beside the bare function in two processes."""
    from infra.engines import connect
    from infra.ledger import Ledger
    from tasks.search import GridSearch

    X, y = np.zeros((60, 3)), np.arange(60) % 2
    everything = np.arange(60)
    with connect("dask", workers=WORKERS) as engine, ProcessPoolExecutor(WORKERS) as bare:

        def search() -> None:
            ledger = Ledger(Path(tempfile.mkdtemp()) / "ledger.sqlite")
            GridSearch(
                Waiting(),
                {"number": list(range(TRIALS))},
                cv=[(everything, everything)],
                refit=False,
                engine=engine,
                ledger=ledger,
            ).fit(X, y)

        def processes() -> None:
            list(bare.map(work, range(TRIALS), chunksize=1))

        search()
        processes()
        ours, theirs = in_turn(search, processes, ROUNDS)
    found = row(
        f"{TRIALS:,} trials of 5 ms on {WORKERS} workers, over two bare processes", ours, theirs, aim=""
    )
    over = 1000 * (np.median(ours) - np.median(theirs)) / TRIALS
    return {**found, "ratio": f"{over:.1f} ms a trial more", "aim": "at most 4 ms a trial"}


def main() -> None:
    """Run all comparisons and save them."""
    grids = [row(case.what, *times(case, ROUNDS), aim="at most 0.625") for case in (XGBOOST, FOREST)]
    save([*grids, overhead()])


if __name__ == "__main__":
    main()
