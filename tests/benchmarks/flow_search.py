"""A grid search inside a flow, with ledger and MLflow, beside scikit-learn's GridSearchCV.

Both searches use five folds of the diabetes table, single-threaded fits and two workers. Our search runs as a Prefect
task on a Dask cluster; its time ends with the last answer of the MLflow server. Servers, cluster and scikit-learn's
processes are started before the measurement.
"""

import os
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import sklearn.ensemble
import xgboost
from sklearn.model_selection import GridSearchCV, StratifiedKFold

from tests.benchmarks.timing import in_turn

WORKERS = 2
LOGGED_TRIALS = 3  # as in a study
FOLDS = StratifiedKFold(5, shuffle=True, random_state=0)


def _our_xgboost() -> Any:
    from tasks.ensembles import XGBoostClassifier

    return XGBoostClassifier()


def _our_forest() -> Any:
    from tasks.ensembles import RandomForestClassifier

    return RandomForestClassifier(random_state=0)


@dataclass(frozen=True)
class Case:
    """A search that both implementations run."""

    what: str
    """Description of the comparison."""
    ours: Callable[[], Any]
    """Makes our estimator."""
    peer: Any
    """The peer's estimator."""
    space: dict[str, list[Any]]
    """Search space that is measured."""
    warm_up: dict[str, list[Any]]
    """Small search space that both run before the measurement."""


XGBOOST = Case(
    "128 x 5 XGBoost grid search in a flow, over GridSearchCV(n_jobs=2), same scores",
    _our_xgboost,
    xgboost.XGBClassifier(n_jobs=1),
    {
        "learning_rate": [0.03, 0.1, 0.2, 0.3],
        "max_depth": [2, 3, 4, 6],
        "n_estimators": [50, 100, 200, 400],
        "subsample": [0.7, 1.0],
    },
    {"n_estimators": [5], "max_depth": [2, 3]},
)
FOREST = Case(
    "18 x 5 random forest grid search in a flow, over GridSearchCV(n_jobs=2), same scores",
    _our_forest,
    sklearn.ensemble.RandomForestClassifier(random_state=0, n_jobs=1),
    {"max_depth": [4, 8, None], "n_estimators": [100, 200, 400], "max_features": ["sqrt", 0.5]},
    {"n_estimators": [5], "max_depth": [2, 3]},
)


def data() -> tuple[Any, Any]:
    """The diabetes table as the study prepares it, with missing values replaced by medians."""
    from tasks.datasets.catalogue import resolve
    from tests.tasks.preparing import prepare

    X, y = prepare(resolve("diabetes"), Path(tempfile.mkdtemp())).load()
    return X.fillna(X.median()).to_numpy(), y


def grid_search(X: Any, y: Any, address: str, ledger: str, case: Case, space: Any) -> dict[str, Any]:
    """Search on an existing Dask cluster: the body of the Prefect task.

    Parameters
    ----------
    X, y : ndarray
        Rows and targets.
    address : str
        Address of the cluster's scheduler.
    ledger : str
        Path of the ledger.
    case : Case
        The search to run.
    space : dict of str to list
        The search space: that of the measurement or that of the warm-up.

    Returns
    -------
    dict
        The search's `cv_results_`.
    """
    from infra.engines import connect
    from infra.ledger import Ledger
    from tasks.search import GridSearch

    with connect("dask", address=address) as engine:
        search = GridSearch(case.ours(), space, cv=FOLDS, refit=False, engine=engine, ledger=Ledger(ledger))
        return search.fit(X, y).cv_results_


def times(case: Case, rounds: int) -> tuple[list[float], list[float]]:
    """Time both searches in turn, and check that their scores agree; seconds of each round."""
    # Prefect reads this variable when it is first imported
    os.environ.setdefault("PREFECT_LOGGING_LEVEL", "ERROR")
    from prefect import flow, task
    from prefect.cache_policies import NO_CACHE
    from prefect.settings import PREFECT_FLOWS_HEARTBEAT_FREQUENCY, temporary_settings
    from prefect_dask import DaskTaskRunner

    from infra.engines import connect
    from infra.tracking import Tracker

    X, y = data()
    folder = Path(tempfile.mkdtemp())
    results: dict[str, Any] = {}
    step = task(grid_search, name="grid-search", cache_policy=NO_CACHE)

    @flow(name="bench-search")
    def search_in_flow(address: str, space: dict[str, list[Any]]) -> None:
        key = f"bench-{time.time_ns()}"
        with Tracker(os.environ["MLFLOW_TRACKING_URI"], folder / "outbox.sqlite", "trilla-bench") as tracker:
            tracker.start_run(key, "grid search")
            found = step.submit(X, y, address, str(folder / f"{key}.sqlite"), case, space).result()
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
        search = GridSearchCV(case.peer, space, cv=FOLDS, n_jobs=WORKERS, refit=False)
        results["peer"] = search.fit(X, y).cv_results_

    with connect("dask", workers=WORKERS) as cluster:
        address = cluster.address  # type: ignore[attr-defined] # only Dask's engine has one
        on_cluster = search_in_flow.with_options(task_runner=DaskTaskRunner(address=address))
        on_cluster(address, case.warm_up)
        peer(case.warm_up)
        with temporary_settings({PREFECT_FLOWS_HEARTBEAT_FREQUENCY: None}):  # as in a study's subflows
            seconds = in_turn(lambda: on_cluster(address, case.space), lambda: peer(case.space), rounds)
    for fold in range(5):
        name = f"split{fold}_test_score"
        np.testing.assert_array_equal(results["ours"][name], results["peer"][name])
    np.testing.assert_array_equal(results["ours"]["rank_test_score"], results["peer"]["rank_test_score"])
    return seconds
