"""What is new in rows to predict is told: texts that the training table did not have, and columns without a value."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from tasks import models
from tasks.algorithms.base import ModelOptions
from tasks.champion import fit_whole
from tasks.datasets.catalogue import resolve
from tasks.results import Way
from tests.tasks.preparing import prepare

ROWS = 240
RANDOM = np.random.default_rng(3)
TABLE = pd.DataFrame(
    {
        "size": RANDOM.normal(size=ROWS),
        "day": pd.date_range("2024-01-01", periods=ROWS).astype(str),
        "colour": RANDOM.choice(["red", "green", "blue"], ROWS),
        "town": RANDOM.choice([f"town {i}" for i in range(70)], ROWS),
        "y": RANDOM.choice(["no", "yes"], ROWS),
    }
)


def told(trained: Path, frame: pd.DataFrame, folder: Path) -> list[str]:
    """The sentences about new rows."""
    frame.to_csv(folder / "new.csv", index=False)
    sentences: list[str] = []
    models.score_table(*models.load(trained), resolve(str(folder / "new.csv")), sentences.append)
    return sentences


@pytest.fixture(scope="module", params=["random_forest", "linear_model"])
def trained(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("model")
    TABLE.to_csv(folder / "table.csv", index=False)
    dataset = prepare(resolve(str(folder / "table.csv"), "y"), folder)
    assert (dataset.categorical, dataset.many_valued) == (["colour"], ["town"])
    params = {"n_estimators": 5} if request.param == "random_forest" else {}
    way, options = Way(request.param, "baseline"), ModelOptions(seed=3)
    return fit_whole(dataset, way, params, options, folder / "model")


def test_nothing_is_told_of_the_training_rows(trained: Path, tmp_path: Path) -> None:
    assert told(trained, TABLE.drop(columns="y"), tmp_path) == []


def test_texts_that_the_training_table_did_not_have_are_told(trained: Path, tmp_path: Path) -> None:
    frame = TABLE.head(40).assign(colour=["red"] * 33 + ["pink"] * 4 + ["teal"] + ["mauve", "grey"])
    frame.loc[:6, "town"] = "Ulm"
    colour, town = told(trained, frame, tmp_path)
    assert colour == (
        "colour: 7 of 40 rows hold 4 texts that the training table did not have ('pink', 'grey', 'mauve' and 1 more); "
        "for the model these rows hold none of the known texts"
    )
    assert town == (
        "town: 7 of 40 rows hold 1 text that the training table did not have ('Ulm'); the model gives these texts the "
        "mean target of all training rows"
    )


def test_a_column_without_any_value_is_told(trained: Path, tmp_path: Path) -> None:
    frame = TABLE.head(40).assign(size=None, day=None, colour="?")
    frame.loc[3, "town"] = None  # a single missing cell is as usual
    assert told(trained, frame, tmp_path) == [
        f"{name}: the new rows have no value in this column, and the training table had values; the model predicts as "
        "for a row without this value"
        for name in ("size", "day", "colour")
    ]


def test_many_columns_without_any_value_are_one_sentence(tmp_path: Path) -> None:
    frame = pd.DataFrame(RANDOM.normal(size=(ROWS, 6)), columns=list("abcdef")).assign(y=TABLE["y"])
    frame.to_csv(tmp_path / "table.csv", index=False)
    dataset = prepare(resolve(str(tmp_path / "table.csv"), "y"), tmp_path)
    files = fit_whole(dataset, Way("linear_model", "baseline"), {}, ModelOptions(seed=3), tmp_path / "model")
    [sentence] = told(files, frame.assign(**dict.fromkeys("bcdef")), tmp_path)
    assert sentence.startswith("b: the new rows have no value in this column")
    assert sentence.endswith("likewise 4 other columns: c, d, e, f")
