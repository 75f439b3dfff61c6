"""A study under faults: each is caused for real, and nothing recorded is lost, doubled or left in a wrong state."""

from typing import Any

import pytest

from infra.servers import Stack
from tests.flows.studying import (
    SMALL,
    Environments,
    Study,
    environments_in,
    found_by,
    gone_within,
    ledger,
    recorded,
    settled_states,
    tracked,
)

LOCAL = ("--engines", "local", *SMALL)
DASK = ("--engines", "dask", *SMALL)
CELLS, GRID_TRIALS, GRID_FITS, RANDOM_TRIALS, BEST_TRIALS = 3, 90, 30, 20, 3
SHARED = GRID_TRIALS // GRID_FITS  # candidates that one fit serves
RESULTS = CELLS + GRID_TRIALS + RANDOM_TRIALS
RUNS = 1 + CELLS + 2 * BEST_TRIALS  # the study, its cells, the best trials of each search


@pytest.fixture(scope="module")
def environments(stack: Stack, tmp_path_factory: pytest.TempPathFactory) -> Environments:
    return environments_in(tmp_path_factory.mktemp("faults"), stack)


@pytest.fixture(scope="module")
def pair(environments: Environments) -> tuple[Study, Study]:
    """Two studies with the same parameters in the same home at the same moment."""
    environment = environments("pair")
    first, second = Study(environment, LOCAL, "first"), Study(environment, LOCAL, "second")
    assert first.end() == 0, first.errors
    assert second.end() == 0, second.errors
    return first, second


@pytest.fixture(scope="module")
def undisturbed(pair: tuple[Study, Study]) -> dict[str, Any]:
    """What every engine finds, by search, when nothing is in its way."""
    return {search: found for (_, search), found in found_by(pair[0]).items()}


def test_two_at_once_do_not_mix(pair: tuple[Study, Study], stack: Stack) -> None:
    first, second = pair
    assert found_by(first) == found_by(second)
    assert all(cell["kept"] == 0 for study in pair for cell in study.cells().values())
    folders = sorted((first.home / "studies").glob("*/"))
    assert len(folders) == 2
    for folder in folders:
        assert len(recorded(folder / "ledger.sqlite")) == RESULTS
        runs = tracked(stack.mlflow_url, folder.name)
        assert len(runs) == RUNS
        assert {run.info.status for run in runs.values()} == {"FINISHED"}
    assert not list((first.home / "studies").glob("*.open.json"))
    for study in pair:
        assert {kind for _, kind, _ in settled_states(stack.prefect_api_url, study.flow_run)["flows"]} == {
            "COMPLETED"
        }


def test_output_is_fit_for_a_log_file(pair: tuple[Study, Study]) -> None:
    """Not a terminal: plain lines, no control characters, and nothing of the libraries."""
    undisturbed = pair[0]
    assert undisturbed.errors == ""
    assert "\x1b" not in undisturbed.output
    assert "\r" not in undisturbed.output
    assert "Warning" not in undisturbed.output
    assert undisturbed.output.count("s] diabetes · xgboost") == CELLS


@pytest.fixture(scope="module")
def killed(environments: Environments) -> tuple[Study, Study, dict[str, float]]:
    """A study killed in the middle of a search; the same again; what the ledger held between them."""
    environment = environments("killed")
    first = Study(environment, DASK, "first")
    first.recorded_more_than(20)
    family = first.family()
    first.process.kill()
    first.process.wait()
    assert gone_within(30, family)
    held = ledger(first.home)
    second = Study(environment, DASK, "second")
    assert second.end() == 0, second.errors
    return first, second, held


def test_a_killed_study_is_gone_on_with(
    killed: tuple[Study, Study, dict[str, float]], undisturbed: dict[str, Any]
) -> None:
    _, second, held = killed
    assert f"resuming interrupted study {second.id}: {len(held)} results kept" in second.output
    assert found_by(second) == {("dask", search): found for search, found in undisturbed.items()}


def test_only_the_rest_is_computed(killed: tuple[Study, Study, dict[str, float]]) -> None:
    _, second, held = killed
    grid = second.cells()["dask", "grid"]
    assert grid["kept"] == len(held) - 1  # the baseline is recorded as a cell
    assert 0 < grid["kept"] < GRID_TRIALS
    assert grid["fits"] + grid["kept"] / SHARED == GRID_FITS
    assert f"dask · grid: {grid['usage']['wall_s']:.2f} s, {grid['kept']} trials kept" in second.output
    after = ledger(second.home)
    assert len(after) == RESULTS
    assert {key: after[key] for key in held} == held, "a recorded result was computed again"


def test_its_runs_tell_the_truth(killed: tuple[Study, Study, dict[str, float]], stack: Stack) -> None:
    first, second, _ = killed
    runs = tracked(stack.mlflow_url, second.id)
    assert len(runs) == RUNS
    assert {run.info.status for run in runs.values()} == {"FINISHED"}
    dead = settled_states(stack.prefect_api_url, first.flow_run)
    assert sorted(name for name, _, _ in dead["flows"]) == ["Completed", "Crashed", "Crashed"]
    assert {name for name, _, _ in dead["tasks"]} == {"Completed", "Crashed"}
    alive = settled_states(stack.prefect_api_url, second.flow_run)
    assert {name for kind in alive.values() for name, _, _ in kind} == {"Completed"}


def test_killed_workers_lose_nothing(
    environments: Environments, undisturbed: dict[str, Any], stack: Stack
) -> None:
    """Both workers, one after the other: one of them has the search itself, the other only its trials."""
    study = Study(environments("workers"), DASK)
    study.recorded_more_than(10)
    first, second = study.workers()
    first.kill()
    study.recorded_more_than(50)
    assert second.is_running()
    second.kill()
    assert study.end() == 0, study.output + study.errors
    assert found_by(study) == {("dask", search): found for search, found in undisturbed.items()}
    assert len(ledger(study.home)) == RESULTS
    found = settled_states(stack.prefect_api_url, study.flow_run)
    assert {name for name, _, _ in found["flows"]} == {"Completed"}
    assert {name for name, _, _ in found["tasks"]} <= {"Completed", "Crashed"}
    runs = tracked(stack.mlflow_url, study.id)
    assert {run.info.status for run in runs.values()} == {"FINISHED"}
    assert len(runs) == RUNS
