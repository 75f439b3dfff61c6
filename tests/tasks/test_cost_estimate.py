"""A study of a very wide table is told what it will cost before it starts."""

import io
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from rich.console import Console

from deployments.look import look
from deployments.preparations import print_preparations
from flows.checking import prepare_in_advance
from flows.parameters import ReadingParameters, StudyParameters
from infra.settings import Settings
from tasks import cost_estimate
from tasks.algorithms.base import ModelOptions
from tasks.cost_estimate import Effort, Work, cost_warning, is_very_wide, work
from tasks.datasets.catalogue import resolve
from tasks.registry import ALGORITHMS
from tests.tasks.preparing import prepare

EFFORT = Effort(engines=3, folds=5, candidates=6, repeats=1)
OPTIONS = ModelOptions()


def table(folder: Path, columns: int) -> Path:
    frame = pd.DataFrame(np.random.default_rng(0).normal(size=(40, columns)).round(3)).add_prefix("g")
    frame.assign(y=["no", "yes"] * 20).to_csv(folder / "wide.csv", index=False)
    return folder / "wide.csv"


def test_fits_and_preparations_of_searches_and_of_the_cross_validation_are_counted(tmp_path: Path) -> None:
    dataset = prepare(resolve(str(table(tmp_path, 3)), "y"), tmp_path)
    # the 6 candidates of the grid share 2 fits; 3 engines x (1 + 11 + 31) and 10 folds x (1 + 7 + 19) fits,
    # 3 engines x (1 + 6 + 6) and 10 folds x (1 + 4 + 4) preparations
    expected = Work(fits=3 * 43 + 10 * 27, preparations=3 * 13 + 10 * 9)
    assert work(ALGORITHMS["random_forest"], dataset, OPTIONS, EFFORT) == expected
    assert work(ALGORITHMS["linear_model"], dataset, OPTIONS, EFFORT) == Work(3 + 10, 3 + 10)
    alone = Effort(engines=1, folds=5, candidates=6, repeats=0)
    assert work(ALGORITHMS["linear_model"], dataset, OPTIONS, alone) == Work(1, 1)


def test_clusterings_have_no_folds_and_no_cross_validation(tmp_path: Path) -> None:
    dataset = prepare(resolve(str(table(tmp_path, 3)), None), tmp_path)
    kmeans = work(ALGORITHMS["kmeans"], dataset, OPTIONS, Effort(1, 5, 6, 1))
    assert kmeans == work(ALGORITHMS["kmeans"], dataset, OPTIONS, Effort(1, 2, 6, 0))


def test_a_narrow_table_is_not_timed() -> None:
    assert not is_very_wide(1_999)
    assert is_very_wide(2_000)


def test_a_long_study_of_a_very_wide_table_is_told_with_what_takes_less(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    dataset = prepare(resolve(str(table(tmp_path, 2_100)), "y"), tmp_path)
    algorithms = [ALGORITHMS["linear_model"]]
    assert cost_warning(dataset, algorithms, OPTIONS, Effort(1, 2, 1, 0)) is None  # seconds
    monkeypatch.setattr(cost_estimate, "TOLD_S", 0.0)
    sentence = cost_warning(dataset, algorithms, OPTIONS, EFFORT)
    assert sentence is not None
    assert sentence.startswith(
        "2,100 columns x 40 rows: the searches and the cross-validation will take about"
    )
    assert "--repeats 0" in sentence


def test_a_look_tells_the_time_too_and_keeps_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(cost_estimate, "TOLD_S", 0.0)
    monkeypatch.setenv("TRILLA_HOME", str(tmp_path / "home"))
    look(str(table(tmp_path, 2_100)), ReadingParameters(target="y"), None, None)
    shown = capsys.readouterr().out
    assert "warning: 2,100 columns x 40 rows: the searches and the cross-validation will take about" in shown
    assert "each model uses only 1,000 of the 2,100 columns of numbers" in shown
    assert not (tmp_path / "home").exists()


def test_the_time_is_told_before_training(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cost_estimate, "TOLD_S", 0.0)
    steps: list[str] = []
    parameters = StudyParameters(data=[str(table(tmp_path, 2_100))], target="y", algorithms=["linear_model"])
    prepared = prepare_in_advance(parameters, Settings(home=tmp_path), begin=steps.append)
    console = Console(file=io.StringIO(), width=80)
    print_preparations(prepared, parameters, console)
    assert isinstance(console.file, io.StringIO)
    assert "  warning: 2,100 columns x 40 rows: the searches" in console.file.getvalue()
    assert steps[1].endswith("one fit of each algorithm is timed, because the table is very wide")
