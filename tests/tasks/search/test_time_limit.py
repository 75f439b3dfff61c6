"""Fits with a time limit: a fit that hangs is killed, and all other results are those without a limit."""

import os
import time
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import pytest
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.datasets import make_classification
from sklearn.tree import DecisionTreeClassifier

from infra.engines import Engine
from infra.errors import ParameterError
from infra.ledger import Ledger
from tasks.search import GridSearch
from tasks.search.time_limit import TimeLimitedFunction, TimeLimitError
from tests.infra.engines.starting import started

X, Y = make_classification(120, 4, random_state=0)
LIMIT_S = 2.0


class Sleeper(ClassifierMixin, BaseEstimator):
    """Blocks its thread for `seconds`, ignores every exception meanwhile, and predicts the first class."""

    def __init__(self, seconds: float = 0.0, dies: bool = False) -> None:
        self.seconds = seconds
        self.dies = dies

    def fit(self, X: Any, y: Any) -> "Sleeper":
        if self.dies:
            os.abort()
        until = time.monotonic() + self.seconds
        while time.monotonic() < until:
            try:
                time.sleep(self.seconds)
            except BaseException:
                continue
        self.classes_ = np.unique(y)
        return self

    def predict(self, X: Any) -> Any:
        return np.repeat(self.classes_[0], len(X))


def test_fits_within_the_limit_give_the_results_without_a_limit() -> None:
    space = {"max_depth": [1, 3], "min_samples_leaf": [1, 5]}
    free = GridSearch(DecisionTreeClassifier(random_state=0), space, cv=3).fit(X, Y)
    limited = GridSearch(DecisionTreeClassifier(random_state=0), space, cv=3, time_limit_s=60).fit(X, Y)
    for name in ("split0_test_score", "split1_test_score", "mean_test_score", "rank_test_score"):
        np.testing.assert_array_equal(free.cv_results_[name], limited.cv_results_[name])
    assert free.best_params_ == limited.best_params_


@pytest.mark.parametrize(("name", "workers"), [("local", 2), ("dask", 2), ("spark", 2)])
def test_a_fit_that_hangs_is_killed_and_the_others_go_on(name: Any, workers: int, tmp_path: Path) -> None:
    with started(name, workers, tmp_path) as engine:
        _hangs(engine, Ledger(tmp_path / "ledger"))


def _hangs(engine: Engine, ledger: Ledger) -> None:
    children = {process.pid for process in psutil.Process().children(recursive=True)}
    search = GridSearch(
        Sleeper(), {"seconds": [0.0, 600.0, 0.01]}, cv=2, engine=engine, time_limit_s=LIMIT_S, ledger=ledger
    )
    start = time.monotonic()
    search.fit(X, Y)
    assert time.monotonic() - start < 60
    assert search.cv_results_["error"] == [None, f"the time limit of {LIMIT_S:g} s is reached", None]
    assert np.isnan(search.cv_results_["mean_test_score"]).tolist() == [False, True, False]
    again = GridSearch(
        Sleeper(), {"seconds": [0.0, 600.0, 0.01]}, cv=2, engine=engine, time_limit_s=LIMIT_S, ledger=ledger
    ).fit(X, Y)
    assert (again.n_fits_, again.n_kept_) == (0, 6)  # a reached limit is recorded like any other result
    if engine.name == "local":
        assert {process.pid for process in psutil.Process().children(recursive=True)} <= children


def test_a_fit_that_crashes_its_process_is_its_own_failure_only() -> None:
    found = GridSearch(Sleeper(), {"dies": [True, False]}, cv=2, time_limit_s=30).fit(X, Y)
    assert [bool(error) for error in found.cv_results_["error"]] == [True, False]


def _echo(item: Any, shared: str) -> str:
    if item == "fail":
        raise ValueError(shared)
    if item == "sleep":
        time.sleep(600)
    return f"{item} {shared}"


def test_the_function_works_after_an_exception_and_after_a_timeout() -> None:
    function = TimeLimitedFunction(_echo, "shared", 1.0)
    assert function("a") == "a shared"
    with pytest.raises(ValueError, match="shared"):
        function("fail")
    with pytest.raises(TimeLimitError, match="the time limit of 1 s is reached"):
        function("sleep")
    assert function("b") == "b shared"


@pytest.mark.parametrize("limit", [0, -1.5, float("nan")])
def test_a_limit_that_is_not_positive_is_refused(limit: float) -> None:
    with pytest.raises(ParameterError, match="time_limit_s"):
        GridSearch(Sleeper(), {"seconds": [0.0]}, time_limit_s=limit).fit(X, Y)


def test_a_child_process_starts_without_warnings(capfd: pytest.CaptureFixture[str]) -> None:
    assert TimeLimitedFunction(_echo, "shared", 30.0)("a") == "a shared"
    assert capfd.readouterr().err == ""
