"""Pictures of predictions: the titles for each kind of target, and the model that is drawn."""

from pathlib import Path

import numpy as np
import pytest
from sklearn.datasets import load_diabetes, load_wine

from tasks.datasets.catalogue import resolve
from tasks.datasets.preparation import prepare
from tasks.datasets.prepared import PreparedDataset
from tasks.pictures import pictures
from tasks.results import Cell, Evaluation
from tests.tasks.pictures.test_winners import image

CLASSES = ["Confusion matrix", "ROC curve", "Calibration", "What the predictions rest on"]


def cell(dataset: PreparedDataset, algorithm: str, metrics: dict[str, float]) -> Cell:
    return Cell(
        dataset=dataset.name,
        algorithm=algorithm,
        engine="local",
        search="grid",
        params={"n_estimators": 10},
        metrics=metrics,
    )


def evaluation(algorithm: str, mean: float) -> Evaluation:
    return Evaluation(
        dataset="d", algorithm=algorithm, search="grid", metric="accuracy", folds=2, repeats=1,
        scores=[mean] * 2, mean=mean, low=mean, high=mean,
    )  # fmt: skip


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
        ("progression", ["Predicted and true values", "What the predictions rest on"]),
    ],
)
def test_each_kind_of_target_has_its_pictures(tmp_path: Path, name: str, titles: list[str]) -> None:
    dataset = prepare(resolve(name), tmp_path) if name == "diabetes" else table(tmp_path, name)
    drawn = pictures(dataset, [cell(dataset, "xgboost", {"holdout_accuracy": 0.7, "holdout_r2": 0.4})])
    assert [picture.title for picture in drawn] == titles
    for picture in drawn:
        pixels = np.asarray(image(picture).convert("L"))
        assert 0.001 < (pixels < 200).mean() < 0.7
        assert picture.caption.startswith("XGBoost, grid, on the ")


def test_the_best_model_by_cross_validation_is_drawn_or_else_the_best_on_the_held_out_rows(
    tmp_path: Path,
) -> None:
    dataset = prepare(resolve("diabetes"), tmp_path)
    cells = [
        cell(dataset, "xgboost", {"holdout_accuracy": 0.8}),
        cell(dataset, "random_forest", {"holdout_accuracy": 0.7}),
    ]
    assert pictures(dataset, cells)[0].caption.startswith("XGBoost")
    evaluations = [evaluation("xgboost", 0.75), evaluation("random_forest", 0.77)]
    assert pictures(dataset, cells, evaluations)[0].caption.startswith("Random forest")
    assert pictures(dataset, []) == []
