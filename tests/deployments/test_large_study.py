"""A study of a table so large that models are trained from blocks of its rows."""

import os
import subprocess
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from infra.servers import Stack
from tests.conftest import TRILLA
from tests.flows.studying import (
    Environments,
    Study,
    environments_in,
    found_by,
    gone_within,
    ledger,
    wait_for,
)

ROWS, COLUMNS = 260_000, 20
"""Enough cells for halving over rows, and enough rows for two shards."""


@pytest.fixture(scope="module")
def environments(stack: Stack, tmp_path_factory: pytest.TempPathFactory) -> Environments:
    return environments_in(tmp_path_factory.mktemp("large"), stack)


@pytest.fixture(scope="module")
def table(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Columns of numbers, most of them with gaps nearly everywhere, a column of texts, and two classes."""
    rng = np.random.default_rng(0)
    X = rng.normal(size=(ROWS, COLUMNS)).astype(np.float32).round(3)
    place = rng.choice(["field", "hill", "shore"], ROWS)
    signal = X[:, 0] + X[:, 1] * X[:, 2] + 2 * (place == "shore") + rng.logistic(size=ROWS) / 2
    X[:, 3:][rng.random((ROWS, COLUMNS - 3)) < 0.97] = np.nan
    frame = pd.DataFrame(X, columns=[f"x{i}" for i in range(COLUMNS)])
    frame.insert(5, "place", place)
    frame["yield"] = np.where(signal > 1, "high", "low")
    path = tmp_path_factory.mktemp("table") / "fields.parquet"
    frame.to_parquet(path, row_group_size=30_000)
    return path


@pytest.fixture(scope="module")
def arguments(table: Path) -> tuple[str, ...]:
    return (
        *("--data", str(table), "--target", "yield", "--engines", "dask", "--algorithms", "xgboost"),
        *("--candidates", "2", "--workers", "2"),
    )


@pytest.fixture(scope="module")
def study(arguments: tuple[str, ...], environments: Environments) -> Study:
    study = Study(environments("home"), arguments)
    assert study.end() == 0, study.output + study.errors
    return study


def test_every_cell_is_trained_on_all_training_rows(study: Study) -> None:
    cells = {(one["algorithm"], one["search"]): one for one in study.result["cells"]}
    expected = {("xgboost", search) for search in ("baseline", "grid", "random")}
    assert set(cells) == expected | {("linear_model", "baseline")}  # the reference, which nobody asked for
    for cell in cells.values():
        assert cell["status"] == "completed"
        assert "training rows" in cell["implementation"]
        assert cell["metrics"]["holdout_rows"] == pytest.approx(ROWS * 149 / 768, rel=0.05)


def test_searches_halve_over_rows(study: Study) -> None:
    trials = study.cells()["dask", "grid"]["trials"]
    rows = [trial["rows"] for trial in trials]
    counts = [rows.count(size) for size in sorted(set(rows))]
    assert counts == [18, 6, 2]
    assert sorted(set(rows))[2] == pytest.approx(9 * min(rows), rel=0.01)


def test_the_held_out_rows_answer_with_an_interval(study: Study) -> None:
    found = {(one["algorithm"], one["search"]): one for one in study.result["evaluations"]}
    assert set(found) == {("xgboost", search) for search in ("baseline", "grid", "random")} | {
        ("linear_model", "baseline")
    }
    for one in found.values():
        assert one["low"] < one["mean"] < one["high"] < one["low"] + 0.03
    [recommendation] = study.result["recommendations"]
    assert recommendation["algorithm"] == "xgboost"
    assert "held-out rows" in recommendation["basis"]
    assert "instead of by cross-validation" in study.output
    report = Path(study.result["links"]["report"]).read_text()
    assert "A table with many rows is not cross-validated" in report
    assert "in rounds: 18 on" in report


def test_the_registered_model_is_the_one_that_was_measured(study: Study, table: Path, tmp_path: Path) -> None:
    [model] = study.result["models"]
    [recommendation] = study.result["recommendations"]
    out = tmp_path / "predictions.parquet"
    reference = f"{model['name']}@{model['alias']}"
    subprocess.run(
        [TRILLA, "score", reference, str(table), "--out", str(out)],
        env=study.environment,
        check=True,
        timeout=120,
    )
    right = pd.read_parquet(out)["prediction"].to_numpy() == pd.read_parquet(table)["yield"].to_numpy()
    from tasks.large.row_roles import RowRoles

    held_out = RowRoles.of(ROWS, COLUMNS + 1, seed=0).held_out.of(0, ROWS)
    assert right[held_out].mean() == recommendation["score"]


def test_kills_in_the_middle_of_a_sharded_fit_change_nothing(
    study: Study, arguments: tuple[str, ...], environments: Environments, tmp_path: Path
) -> None:
    """First a worker, later the study itself; the same command goes on with what is recorded."""
    environment = {**environments("killed"), "TMPDIR": str(tmp_path)}
    first = Study(environment, arguments, "first")
    wait_for(lambda: fitting(first, tmp_path), timeout=120)
    first.workers()[0].kill()
    first.recorded_more_than(1)
    wait_for(lambda: fitting(first, tmp_path), timeout=120)
    family = first.family()
    first.process.kill()
    first.process.wait()
    assert gone_within(30, family)
    held = ledger(first.home)
    second = Study(environment, arguments, "second")
    assert second.end() == 0, second.output + second.errors
    assert found_by(second) == found_by(study)
    after = ledger(second.home)
    assert {key: after[key] for key in held} == held, "a recorded result was computed again"


def fitting(study: Study, folder: Path) -> bool:
    """Whether both workers read their rows for one fit, by the nameless files that they keep them in."""
    return sum(any(kept_in(folder, worker.pid)) for worker in study.workers()) == 2


def kept_in(folder: Path, pid: int) -> Iterator[bool]:
    """For each open file of a process, whether it is a file without a name in a folder."""
    for descriptor in Path(f"/proc/{pid}/fd").iterdir():
        with suppress(FileNotFoundError):
            opened = os.readlink(descriptor)
            yield opened.startswith(f"{folder}/#") and opened.endswith("(deleted)")
