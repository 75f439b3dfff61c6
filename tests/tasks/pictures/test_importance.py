"""Which columns the picture of the importances shuffles, and what it costs."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.inspection import permutation_importance

from tasks.algorithms.base import ModelOptions
from tasks.datasets.catalogue import resolve
from tasks.pictures import importance, predictions
from tasks.pictures.best_predictions import BestPrediction
from tasks.pictures.importance import MOST_COLUMNS, MOST_SHUFFLES, importance_picture, most_used_columns
from tasks.problems import problem_of
from tasks.registry import ALGORITHMS
from tests.tasks.preparing import prepare

ALL = ["random_forest", "gradient_boosting", "xgboost", "linear_model"]


def best(folder: Path, algorithm: str, columns: int) -> BestPrediction:
    """A model of a table in which "g3" decides the class, and a category says something."""
    random = np.random.default_rng(0)
    frame = pd.DataFrame(random.normal(size=(120, columns))).round(2).add_prefix("g")
    colour = np.where(frame["g3"] + random.normal(size=120) > 0, "red", "blue")
    frame = frame.assign(colour=colour, y=np.where(frame["g3"] > 0, "yes", "no"))
    frame.to_csv(folder / "wide.csv", index=False)
    dataset = prepare(resolve(str(folder / "wide.csv"), "y"), folder)
    split = problem_of(dataset.task).split(dataset)
    model = ALGORITHMS[algorithm].make(dataset, ModelOptions()).fit(split.X, split.y)
    return BestPrediction(dataset, model, split, "Model")


def drawn(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """The arguments of each drawing of importances from now on."""
    seen: list[Any] = []
    draw = predictions.importances
    monkeypatch.setattr(importance.predictions, "importances", lambda *a: (seen.append(a), draw(*a))[1])
    return seen


@pytest.mark.parametrize("algorithm", ALL)
def test_the_column_that_decides_is_the_most_used_one(tmp_path: Path, algorithm: str) -> None:
    model = best(tmp_path, algorithm, 6).model
    used = most_used_columns(model)
    assert used[0] == "g3"
    assert set(used) == {*(f"g{i}" for i in range(6)), "colour"}


def test_all_columns_of_a_narrow_table_are_shuffled_as_scikit_learn_does(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = best(tmp_path, "random_forest", 6)
    seen = drawn(monkeypatch)
    picture = importance_picture(model, "accuracy")
    [(columns, found, _)] = seen
    peer = permutation_importance(
        model.model,
        model.split.X_test,
        model.split.y_test,
        scoring="accuracy",
        n_repeats=MOST_SHUFFLES,
        random_state=0,
    )
    places = [list(model.split.X_test).index(column) for column in columns]
    assert found.importances.tolist() == peer.importances[places].tolist()
    assert "Each column is shuffled 10 times" in picture.caption


def test_only_the_most_used_columns_of_a_wide_table_are_shuffled_and_the_caption_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = best(tmp_path, "linear_model", 1_200)
    seen, told = drawn(monkeypatch), list[tuple[int, int]]()
    picture = importance_picture(model, "accuracy", lambda done, total: told.append((done, total)))
    [(columns, _, _)] = seen
    assert len(columns) == MOST_COLUMNS
    assert "g3" in columns
    assert "Each of the 30 columns that the model uses most is shuffled 10 times" in picture.caption
    assert "The other 1,171 columns are not shuffled." in picture.caption
    assert told[-1] == (301, 301)


@pytest.mark.parametrize(("times", "shuffles"), [(1, 3), (5, 5)])
def test_many_rows_are_shuffled_fewer_times(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, times: int, shuffles: int
) -> None:
    model = best(tmp_path, "linear_model", 6)
    monkeypatch.setattr(importance, "ROWS_OF_A_COLUMN", times * len(model.split.X_test))
    seen = drawn(monkeypatch)
    picture = importance_picture(model, "accuracy")
    [(_, found, _)] = seen
    assert found.importances.shape[1] == shuffles
    assert f"Each column is shuffled {shuffles} times" in picture.caption
