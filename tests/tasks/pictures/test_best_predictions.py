"""What is drawn of predictions, and for which model."""

from pathlib import Path

import numpy as np
import pytest
from sklearn.datasets import load_diabetes, load_wine

from tasks.datasets.catalogue import resolve
from tasks.datasets.prepared import PreparedDataset
from tasks.pictures.best_predictions import BestPrediction
from tasks.problems import problem_of
from tasks.results import Cell, Picture, Recommendation, Search
from tests.tasks.pictures.test_best_clusterings import image
from tests.tasks.preparing import prepare

CLASSES = ["Confusion matrix", "ROC curve", "Calibration", "Permutation importance of the columns"]


def cell(dataset: PreparedDataset, algorithm: str) -> Cell:
    return Cell(
        dataset=dataset.name,
        algorithm=algorithm,
        engine="local",
        search="grid",
        params={"n_estimators": 10},
    )


def drawn_of(
    dataset: PreparedDataset, cells: list[Cell], algorithm: str | None, search: Search = "grid"
) -> list[Picture]:
    """Pictures of a data set of which this way is recommended."""
    chosen = Recommendation(dataset=dataset.name, algorithm=algorithm, search=search, reason="It is best.")
    return problem_of(dataset.task).pictures(dataset, cells, chosen)


def table(folder: Path, name: str) -> PreparedDataset:
    load = {"progression": load_diabetes, "wine": load_wine}[name]
    rows, target = load(return_X_y=True, as_frame=True)
    if name == "wine":
        target = target.map({0: "red", 1: "white", 2: "rose"})
    rows.assign(aim=target).to_csv(folder / f"{name}.csv", index=False)
    return prepare(resolve(str(folder / f"{name}.csv"), "aim"), folder)


@pytest.mark.parametrize(
    ("name", "titles"),
    [
        ("diabetes", CLASSES),
        ("wine", CLASSES),
        ("progression", ["Predicted and true values", "Permutation importance of the columns"]),
    ],
)
def test_each_kind_of_target_has_its_pictures(tmp_path: Path, name: str, titles: list[str]) -> None:
    dataset = prepare(resolve(name), tmp_path) if name == "diabetes" else table(tmp_path, name)
    drawn = drawn_of(dataset, [cell(dataset, "xgboost")], "xgboost")
    assert [picture.title for picture in drawn] == titles
    for picture in drawn:
        pixels = np.asarray(image(picture).convert("L"))
        assert 0.001 < (pixels < 200).mean() < 0.7
        assert picture.caption.startswith("XGBoost, grid, on the ")


def test_the_recommended_way_is_drawn_with_the_parameters_that_its_cell_found(tmp_path: Path) -> None:
    dataset = prepare(resolve("diabetes"), tmp_path)
    cells = [cell(dataset, "xgboost"), cell(dataset, "random_forest")]
    assert drawn_of(dataset, cells, "random_forest")[0].caption.startswith("Random forest, grid")
    split = problem_of(dataset.task).split(dataset)
    chosen = Recommendation(dataset=dataset.name, algorithm="xgboost", search="grid", reason="It is best.")
    best = BestPrediction.fitted(dataset, cells, chosen, split)
    assert best is not None
    assert best.model[-1].n_estimators == 10


def test_a_recommended_baseline_without_a_cell_is_drawn_with_default_parameters(tmp_path: Path) -> None:
    dataset = prepare(resolve("diabetes"), tmp_path)
    assert drawn_of(dataset, [], "linear_model", "baseline")[0].caption.startswith("Linear model")


def test_a_recommended_search_without_a_cell_is_not_drawn_with_default_parameters(tmp_path: Path) -> None:
    dataset = prepare(resolve("diabetes"), tmp_path)
    assert drawn_of(dataset, [cell(dataset, "random_forest")], "xgboost") == []


def test_nothing_is_drawn_where_nothing_is_recommended(tmp_path: Path) -> None:
    dataset = prepare(resolve("diabetes"), tmp_path)
    assert drawn_of(dataset, [cell(dataset, "xgboost")], None) == []
