"""A study whose workers have too little memory for any algorithm is refused beforehand."""

from pathlib import Path
from typing import Any

import psutil
import pytest

from flows.checking import prepare_in_advance
from flows.parameters import StudyParameters
from infra.errors import ParameterError
from infra.settings import Settings
from tasks.datasets.prepared import PreparedDataset
from tasks.worker_memory import CELL, WORKER, least_memory, refuse_small_workers
from tests.tasks.large.tables import prepared

GIB = 2**30


@pytest.fixture
def dataset(tmp_path: Path) -> PreparedDataset:
    return prepared(tmp_path, 600)


def sized(dataset: PreparedDataset, rows: int, **fields: Any) -> PreparedDataset:
    return dataset.model_copy(update={"rows": rows, **fields})


def test_the_least_memory_grows_with_the_table_until_it_is_read_by_blocks(dataset: PreparedDataset) -> None:
    small, twice = (least_memory(sized(dataset, rows)) for rows in (1_000_000, 2_000_000))
    assert twice - small == 3 * 1_000_000 * CELL
    huge = [least_memory(sized(dataset, rows, by_blocks=True)) for rows in (10**7, 10**8)]
    assert huge[0] == huge[1] < GIB
    assert least_memory(sized(dataset, 10**6, images=True)) == WORKER  # images are mapped, not read


def test_workers_with_enough_memory_are_accepted(dataset: PreparedDataset) -> None:
    refuse_small_workers(dataset, 2, GIB)
    refuse_small_workers(sized(dataset, 10**9, by_blocks=True), 2, GIB)
    refuse_small_workers(dataset, 1, None)


def test_the_sentence_names_what_is_needed_what_there_is_and_the_remedy(dataset: PreparedDataset) -> None:
    with pytest.raises(ParameterError) as refused:
        refuse_small_workers(sized(dataset, 100_000_000), 2, 2 * GIB)
    assert str(refused.value) == (
        "a worker needs at least 4.81 GiB of memory for 100,000,000 rows x 3 columns (table), which may be at most 80% "
        "of what the worker has, and --worker-memory gives each 2.00 GiB; use fewer --workers or a larger "
        "--worker-memory"
    )
    workers = psutil.virtual_memory().total // WORKER
    with pytest.raises(ParameterError, match=f"share of this machine's memory for each of {workers} is 3"):
        refuse_small_workers(dataset, workers, None)


def test_a_study_is_refused_before_it_starts_unless_its_cluster_runs_already(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text("a,y\n" + "".join(f"{i * 7 % 40}.5,{'pq'[i % 2]}\n" for i in range(40)))
    parameters = StudyParameters(data=[str(tmp_path / "t.csv")], target="y", folds=2, worker_memory="300MiB")
    with pytest.raises(ParameterError, match=r"--worker-memory gives each 300\.00 MiB"):
        prepare_in_advance(parameters, Settings(home=tmp_path))
    attached = Settings(home=tmp_path, dask_address="tcp://10.0.0.1:8786")
    assert list(prepare_in_advance(parameters, attached)) == parameters.data
