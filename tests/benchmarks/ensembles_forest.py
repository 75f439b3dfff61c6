"""Random forest, 200,000 x 28, 20 trees of depth 12, beside scikit-learn on as many cores."""

from typing import Any

import sklearn.ensemble
from sklearn.datasets import make_classification

from infra.engines import Engine, connect
from tasks.ensembles import RandomForestClassifier
from tests.benchmarks.timing import in_turn, row

ROWS, COLUMNS, TREES, DEPTH = 200_000, 28, 20, 12
WHAT = f"Random forest, {ROWS:,} x {COLUMNS}, {TREES} trees of depth {DEPTH}"
WORKERS = 2
ARGUMENTS: dict[str, Any] = {"n_estimators": TREES, "max_depth": DEPTH, "random_state": 0}


def rows() -> list[dict[str, object]]:
    """Threads and Dask, each beside scikit-learn's threads."""
    X, y = make_classification(ROWS, COLUMNS, n_informative=14, flip_y=0.1, random_state=0)
    found = []
    for name, what in (("local", f"{WORKERS} threads"), ("dask", f"Dask, {WORKERS} workers")):
        with connect(name, workers=WORKERS) as engine:
            times = _beside_library(X, y, engine)
        found.append(
            row(f"{WHAT}: {what}, beside scikit-learn on {WORKERS} threads", *times, aim="at most 1.0")
        )
    return found


def _beside_library(X: Any, y: Any, engine: Engine) -> tuple[list[float], list[float]]:
    ours = RandomForestClassifier(**ARGUMENTS, engine=engine)
    theirs = sklearn.ensemble.RandomForestClassifier(**ARGUMENTS, n_jobs=WORKERS)
    ours.fit(X[:1000], y[:1000])  # the workers have imported what they need
    times = in_turn(lambda: ours.fit(X, y), lambda: theirs.fit(X, y), 3)
    same(X, ours, theirs)
    return times


def same(X: Any, ours: Any, theirs: Any) -> None:
    """Check that both are the same forest, to the last bit of its probabilities."""
    theirs.set_params(n_jobs=1)  # more would add the trees in an order of their own
    if ours.predict_proba(X).tobytes() != theirs.predict_proba(X).tobytes():
        raise AssertionError("the probabilities differ")
    print(f"  {ours.implementation_}: probabilities equal to the last bit")
