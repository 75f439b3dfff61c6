"""A study of a very wide table is told what it will cost before it starts."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from tasks import cost_estimate
from tasks.algorithms.base import ModelOptions
from tasks.cost_estimate import Effort, cost_warning, fits
from tasks.datasets.catalogue import resolve
from tasks.registry import ALGORITHMS
from tests.tasks.preparing import prepare

EFFORT = Effort(engines=3, folds=5, candidates=6, repeats=1)
OPTIONS = ModelOptions()


def table(folder: Path, columns: int) -> Path:
    frame = pd.DataFrame(np.random.default_rng(0).normal(size=(40, columns)).round(3)).add_prefix("g")
    frame.assign(y=["no", "yes"] * 20).to_csv(folder / "wide.csv", index=False)
    return folder / "wide.csv"


def test_fits_of_searches_and_of_the_cross_validation_are_counted(tmp_path: Path) -> None:
    dataset = prepare(resolve(str(table(tmp_path, 3)), "y"), tmp_path)
    # the grid has 2 x 3 candidates; 3 engines x (1 + 31 + 31) and 10 folds x (1 + 19 + 19)
    assert fits(ALGORITHMS["random_forest"], dataset, OPTIONS, EFFORT) == 3 * 63 + 10 * 39
    assert fits(ALGORITHMS["linear_model"], dataset, OPTIONS, EFFORT) == 3 + 10
    alone = Effort(engines=1, folds=5, candidates=6, repeats=0)
    assert fits(ALGORITHMS["linear_model"], dataset, OPTIONS, alone) == 1


def test_a_narrow_table_is_not_timed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cost_estimate, "TOLD_S", 0.0)
    dataset = prepare(resolve(str(table(tmp_path, 30)), "y"), tmp_path)
    assert cost_warning(dataset, [ALGORITHMS["linear_model"]], OPTIONS, EFFORT) is None


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
        "2,100 columns x 40 rows: the searches and the cross-validation will take at most about"
    )
    assert "--repeats 0" in sentence
