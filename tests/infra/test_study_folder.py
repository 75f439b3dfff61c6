"""Where the files of a study are."""

from pathlib import Path
from urllib.parse import quote

import pytest

from infra.study_folder import StudyFolder

HOME = Path("/home/ann/.trilla")
KEY = "diabetes/xgboost/dask/grid/0123abcd"


@pytest.fixture
def folder() -> StudyFolder:
    return StudyFolder(home=HOME, id="20260101-120000-abcdef")


def test_files_of_an_interrupted_study_are_where_earlier_versions_put_them(folder: StudyFolder) -> None:
    study = HOME / "studies" / "20260101-120000-abcdef"
    assert folder.root == study
    assert folder.ledger == study / "ledger.sqlite"
    assert folder.result == study / "result.json"
    assert folder.curve(KEY) == study / "curves" / "ba8b71b63a343a58.jsonl"
    assert folder.checkpoints(KEY) == study / "checkpoints" / "ba8b71b63a343a58"
    assert folder.network(KEY) == study / "networks" / "ba8b71b63a343a58"


def test_models_and_reports_are_in_the_home_folder_under_the_id_of_the_study(folder: StudyFolder) -> None:
    assert folder.model("diabetes") == HOME / "models" / "20260101-120000-abcdef-diabetes"
    assert folder.report == HOME / "reports" / "20260101-120000-abcdef.html"


@pytest.mark.parametrize("name", ["a#b", "a?b", "a|b", "50%"])
def test_the_folder_of_a_model_has_no_character_that_means_something_in_an_address(
    folder: StudyFolder, name: str
) -> None:
    path = folder.model(name)
    assert quote(path.name) == path.name
    assert path != folder.model(f"{name}2")


def test_a_study_folder_travels_as_json(folder: StudyFolder) -> None:
    assert StudyFolder.model_validate_json(folder.model_dump_json()) == folder
