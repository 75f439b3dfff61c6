"""What orchestration costs: a grid search inside a flow against scikit-learn's GridSearchCV alone.

128 candidates x 5 folds of XGBoost on diabetes, single-threaded fits, two workers. Ours runs as a Prefect
task on a Dask cluster of two workers, with the ledger and MLflow on; its time goes from the call of the flow
to the last answer of the MLflow server. Servers, cluster and scikit-learn's processes are up before.
"""

import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import xgboost
from sklearn.model_selection import GridSearchCV, StratifiedKFold

from tests.benchmarks.timing import in_turn, row, save

WORKERS = 2
ROUNDS = 3
LOGGED_TRIALS = 10
SPACE = {
    "learning_rate": [0.03, 0.1, 0.2, 0.3],
    "max_depth": [2, 3, 4, 6],
    "n_estimators": [50, 100, 200, 400],
    "subsample": [0.7, 1.0],
}
FOLDS = StratifiedKFold(5, shuffle=True, random_state=0)


def data() -> tuple[Any, Any]:
    """The diabetes table as the study prepares it."""
    from tasks.datasets.catalogue import resolve
    from tasks.datasets.preparation import prepare

    X, y = prepare(resolve("diabetes"), Path(tempfile.mkdtemp())).load()
    return X.to_numpy(), y


def grid_search(X: Any, y: Any, address: str, ledger: str, space: dict[str, list[Any]]) -> dict[str, Any]:
    """The body of the Prefect task."""
    from infra.engines import connect
    from infra.ledger import Ledger
    from tasks.ensembles import XGBoostClassifier
    from tasks.search import GridSearch

    with connect("dask", address=address) as engine:
        search = GridSearch(
            XGBoostClassifier(), space, cv=FOLDS, refit=False, engine=engine, ledger=Ledger(ledger)
        ).fit(X, y)
    return search.cv_results_


def main() -> None:
    """Run both in turn, check that they agree, and save the ratio."""
    import os

    # Prefect reads it when it is first imported
    os.environ.setdefault("PREFECT_LOGGING_LEVEL", "ERROR")
    from prefect import flow, task
    from prefect.cache_policies import NO_CACHE
    from prefect_dask import DaskTaskRunner

    from infra.engines import connect
    from infra.tracking import Tracker

    X, y = data()
    folder = Path(tempfile.mkdtemp())
    results: dict[str, Any] = {}
    step = task(grid_search, name="grid-search", cache_policy=NO_CACHE)

    @flow(name="bench-orchestration")
    def search_in_flow(address: str, space: dict[str, list[Any]]) -> None:
        key = f"bench-{time.time_ns()}"
        with Tracker(os.environ["MLFLOW_TRACKING_URI"], folder / "outbox.sqlite", "trilla-bench") as tracker:
            tracker.start_run(key, "grid search")
            found = step.submit(X, y, address, str(folder / f"{key}.sqlite"), space).result()
            tracker.log(key, metrics={"best": float(np.max(found["mean_test_score"]))})
            tracker.log_text(key, str(found["params"]), "trials.txt")
            for rank in np.argsort(found["rank_test_score"])[:LOGGED_TRIALS]:
                trial = f"{key}/{rank}"
                tracker.start_run(trial, f"trial {rank}", parent=key)
                score = float(found["mean_test_score"][rank])
                tracker.log(trial, metrics={"accuracy": score}, params=found["params"][rank])
                tracker.end_run(trial)
            tracker.end_run(key)
        results["ours"] = found

    def peer(space: dict[str, list[Any]]) -> None:
        model = xgboost.XGBClassifier(n_jobs=1)
        results["peer"] = (
            GridSearchCV(model, space, cv=FOLDS, n_jobs=WORKERS, refit=False).fit(X, y).cv_results_
        )

    with connect("dask", workers=WORKERS) as cluster:
        address = cluster.address  # type: ignore[attr-defined]
        on_cluster = search_in_flow.with_options(task_runner=DaskTaskRunner(address=address))
        few = {"n_estimators": [5], "max_depth": [2, 3]}
        on_cluster(address, few)
        peer(few)
        ours, theirs = in_turn(lambda: on_cluster(address, SPACE), lambda: peer(SPACE), ROUNDS)
    for fold in range(5):
        name = f"split{fold}_test_score"
        np.testing.assert_array_equal(results["ours"][name], results["peer"][name])
    what = "128 x 5 XGBoost grid search in a flow, over GridSearchCV(n_jobs=2), same scores"
    save([row(what, ours, theirs, "at most 1.0")])


if __name__ == "__main__":
    main()
