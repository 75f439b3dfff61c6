"""Grid searches beside scikit-learn's, and the overhead of a trial."""

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


class Busy(ClassifierMixin, BaseEstimator):
    """Classifier whose fit keeps a core busy for five milliseconds."""

    def __init__(self, number: int = 0) -> None:
        self.number = number

    def fit(self, X: Any, y: Any) -> "Busy":
        work()
        self.classes_ = np.unique(y)
        return self

    def predict(self, X: Any) -> Any:
        return np.repeat(self.classes_[0], len(X))


def work(_number: int = 0) -> None:
    """Keep a core busy for five milliseconds."""
    until = time.perf_counter() + TRIAL_S
    while time.perf_counter() < until:
        pass


def overhead() -> dict[str, object]:
    """Time 1,000 trials on two Dask workers, beside the same function without a search in two processes."""
    from infra.engines import connect
    from infra.ledger import Ledger
    from tasks.search import GridSearch

    X, y = np.zeros((60, 3)), np.arange(60) % 2
    rows = np.arange(60)
    with connect("dask", workers=WORKERS) as engine, ProcessPoolExecutor(WORKERS) as pool:

        def search() -> None:
            ledger = Ledger(Path(tempfile.mkdtemp()) / "ledger.sqlite")
            GridSearch(
                Busy(),
                {"number": list(range(TRIALS))},
                cv=[(rows, rows)],
                refit=False,
                engine=engine,
                ledger=ledger,
            ).fit(X, y)

        def processes() -> None:
            list(pool.map(work, range(TRIALS), chunksize=1))

        search()
        processes()
        ours, theirs = in_turn(search, processes, ROUNDS)
    found = row(
        f"{TRIALS:,} trials of 5 ms on {WORKERS} workers, over two processes without a search",
        ours,
        theirs,
        aim="",
    )
    overhead_ms = 1000 * (np.median(ours) - np.median(theirs)) / TRIALS
    return {
        **found,
        "ratio": f"{overhead_ms:.1f} ms more for each trial",
        "aim": "at most 4 ms for each trial",
    }


def main() -> None:
    """Run all comparisons and save the results."""
    grids = [row(case.what, *times(case, ROUNDS), aim="at most 0.625") for case in (XGBOOST, FOREST)]
    save([*grids, overhead()])


if __name__ == "__main__":
    main()
