"""Names and tags of registered models: which studies share one."""

from pathlib import Path

import pandas as pd
import pytest

from infra.model_registry import DATASET_TAG
from tasks.datasets.catalogue import BUNDLED, resolve
from tasks.datasets.prepared import PreparedDataset
from tasks.datasets.recipe import Recipe
from tasks.registered_models import ModelPurpose
from tests.tasks.datasets.images import image_files
from tests.tasks.preparing import prepare


@pytest.mark.parametrize(
    ("purpose", "name"),
    [
        (ModelPurpose("diabetes", "diabetes", "classification", own=False), "diabetes"),
        (ModelPurpose("diabetes", "diabetes", "classification", own=True), "diabetes-diabetes"),
        (ModelPurpose("sales", "price / unit", "regression", own=True), "sales-price - unit"),
        (ModelPurpose("pets", "class", "vision", own=True), "pets"),
        (ModelPurpose("cats-dogs", "class", "vision", own=False), "cats-dogs"),
        (ModelPurpose("cats-dogs", "class", "vision", own=True), "cats-dogs-class"),
    ],
)
def test_the_catalogue_keeps_its_names_and_an_own_table_adds_its_target(
    purpose: ModelPurpose, name: str
) -> None:
    assert purpose.names[0] == name
    assert purpose.tags[DATASET_TAG] == purpose.dataset


def test_what_shares_a_name_differs_in_tags_and_has_other_names() -> None:
    one = ModelPurpose("a", "b-c", "classification", own=True)
    others = (
        ModelPurpose("a-b", "c", "classification", own=True),
        ModelPurpose("a", "b-c", "regression", own=True),
    )
    for other in others:
        assert one.names[0] == other.names[0]
        assert one.tags != other.tags
        assert one.names[-1] != other.names[-1]


def test_a_prepared_data_set_says_whether_it_is_of_the_catalogue(tmp_path: Path) -> None:
    frame = pd.read_csv(BUNDLED / "diabetes.csv")
    frame.to_csv(tmp_path / "diabetes.csv", index=False)
    catalogue = prepare(resolve("diabetes"), tmp_path)
    own = prepare(resolve(str(tmp_path / "diabetes.csv"), "diabetes"), tmp_path)
    assert (ModelPurpose.of(catalogue).names[0], ModelPurpose.of(own).names[0]) == (
        "diabetes",
        "diabetes-diabetes",
    )


def test_an_own_folder_with_the_name_of_the_catalogues_photographs_is_studied_itself(tmp_path: Path) -> None:
    folder = image_files.folder(tmp_path / "cats-dogs", count=10)
    dataset = prepare(resolve(str(folder)), tmp_path / "data")
    assert (dataset.name, dataset.rows, dataset.own) == ("cats-dogs", 20, True)
    assert ModelPurpose.of(dataset).names[0] == "cats-dogs-class"


def test_data_of_an_unknown_origin_are_taken_for_the_users_own() -> None:
    dataset = PreparedDataset(
        name="d", task="classification", path="", sha256="aa", recipe=Recipe(), rows=9, notes=[], provenance=""
    )  # fmt: skip
    assert ModelPurpose.of(dataset).tags["trilla.data"] == "own"
