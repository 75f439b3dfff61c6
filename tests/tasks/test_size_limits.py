"""Algorithms that cannot cluster so many rows are told beforehand, by an estimate of memory and time."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pytest

from infra.engines.local import LocalEngine
from infra.ledger import Ledger
from infra.study_folder import StudyFolder
from tasks import size_limits
from tasks.algorithms.base import ModelOptions
from tasks.cells import CellRequest, run_cell
from tasks.datasets.catalogue import resolve
from tasks.datasets.prepared import PreparedDataset
from tasks.registry import ALGORITHMS
from tasks.size_limits import Pace, refusal
from tests.tasks.preparing import prepare

ENGINE: Any = SimpleNamespace(worker_memory=2**33)


@pytest.fixture
def dataset(tmp_path: Path) -> PreparedDataset:
    rng = np.random.default_rng(0)
    rows = rng.normal(size=(3_000, 4)) + 8.0 * rng.integers(0, 3, (3_000, 1))
    pd.DataFrame(rows, columns=list("abcd")).to_parquet(tmp_path / "own.parquet")
    return prepare(resolve(str(tmp_path / "own.parquet")), tmp_path)


@pytest.fixture
def ledger(tmp_path: Path) -> Ledger:
    return Ledger(tmp_path / "ledger.sqlite")


@pytest.fixture(autouse=True)
def short_samples(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(size_limits, "ALWAYS_RUN_ROWS", 2_000)
    monkeypatch.setattr(size_limits, "TIMED_ROWS", (700, 1_400))


def test_an_algorithm_that_is_quick_enough_is_run(dataset: PreparedDataset, ledger: Ledger) -> None:
    for name in ("kmeans", "dbscan", "agglomerative"):
        assert refusal(dataset, ALGORITHMS[name], ENGINE, ledger) is None


def test_a_small_table_is_never_timed(
    dataset: PreparedDataset, ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(size_limits, "MOST_SECONDS", 0.0)
    monkeypatch.setattr(size_limits, "ALWAYS_RUN_ROWS", 3_000)
    assert refusal(dataset, ALGORITHMS["dbscan"], ENGINE, ledger) is None


def test_too_little_memory_is_told_with_what_is_needed_and_what_is_there(
    dataset: PreparedDataset, ledger: Ledger
) -> None:
    engine: Any = SimpleNamespace(worker_memory=2**19)
    assert refusal(dataset, ALGORITHMS["agglomerative"], engine, ledger) == (
        "Agglomerative clustering of 3,000 rows x 4 columns needs about 1 MiB in each worker, and a worker has 0 MiB; "
        "use kmeans, or cluster a random sample of at most 1,400 rows"
    )


def test_too_long_a_fit_is_told_with_the_time_and_all_cells_decide_by_the_same_times(
    dataset: PreparedDataset, ledger: Ledger
) -> None:
    pace = Pace(rows=1_400, columns=4, seconds=200.0, exponent=2.0)
    ledger.put(f"pace/{dataset.sha256}/dbscan", pace.model_dump())
    for _ in range(2):
        assert refusal(dataset, ALGORITHMS["dbscan"], ENGINE, ledger) == (
            "DBSCAN of 3,000 rows x 4 columns would take at least 15 min 18 s for one fit by one worker, and "
            "5 min 00 s are allowed; use kmeans, or cluster a random sample of at most 1,700 rows"
        )


def test_times_are_measured_once_in_a_study(
    dataset: PreparedDataset, ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert refusal(dataset, ALGORITHMS["dbscan"], ENGINE, ledger) is None
    monkeypatch.setattr(size_limits, "_timed", None)
    assert refusal(dataset, ALGORITHMS["dbscan"], ENGINE, ledger) is None


def test_the_growth_that_is_measured_is_at_least_linear_and_at_most_quadratic(
    dataset: PreparedDataset, ledger: Ledger
) -> None:
    refusal(dataset, ALGORITHMS["agglomerative"], ENGINE, ledger)
    pace = Pace.model_validate(ledger.get(f"pace/{dataset.sha256}/agglomerative"))
    assert (pace.rows, pace.columns) == (1_400, 4)
    assert 1 <= pace.exponent <= 2
    assert pace.seconds_for(pace.rows_within(300.0)) <= 300.1


def test_a_cell_that_is_too_large_is_recorded_and_not_computed(
    dataset: PreparedDataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(size_limits, "MOST_SECONDS", 0.0)
    request = CellRequest(
        dataset=dataset,
        algorithm="agglomerative",
        engine="local",
        search="grid",
        options=ModelOptions(),
        folds=2,
        candidates=2,
        workers=2,
        folder=StudyFolder(home=tmp_path, id="s"),
    )
    with LocalEngine(2) as engine:
        cell = run_cell(request, engine)
        assert (cell.status, cell.metrics, cell.trials) == ("too_large", {}, [])
        assert str(cell.error).startswith(
            "Agglomerative clustering of 3,000 rows x 4 columns would take at least"
        )
        monkeypatch.setattr(size_limits, "MOST_SECONDS", 300.0)
        assert run_cell(request, engine) == cell


def test_what_a_large_table_makes_different_is_told(dataset: PreparedDataset) -> None:
    kmeans, dbscan = ALGORITHMS["kmeans"], ALGORITHMS["dbscan"]
    assert kmeans.grid is not None
    assert kmeans.grid(dataset, ModelOptions())["model__n_init"] == [1, 10]
    assert kmeans.notes(dataset) == ()
    [sampled] = dbscan.notes(dataset)
    assert "k-distances of 1,000 rows drawn at random" in sampled
    assert "among all 3,000 rows" in sampled
    large = dataset.model_copy(update={"rows": 200_001})
    assert kmeans.grid(large, ModelOptions())["model__n_init"] == [1, 3]
    [starts] = kmeans.notes(large)
    assert "try up to 3 starts for each number of clusters (n_init)" in starts
    assert dbscan.notes(dataset.model_copy(update={"rows": 1_000})) == ()
