"""Studies of one file with another target or task: what they must not share."""

from pathlib import Path
from typing import Literal

import numpy as np
import pandas as pd
import pytest

from flows.journal import open_journal
from flows.parameters import StudyParameters
from infra.study_folder import StudyFolder
from tasks.algorithms.base import ModelOptions
from tasks.cell_request import CellRequest
from tasks.datasets.catalogue import resolve
from tasks.datasets.prepared import PreparedDataset
from tests.tasks.preparing import prepare

Kind = tuple[str | None, Literal["classification", "regression"] | None]
KINDS: list[Kind] = [
    ("grade", "classification"),
    ("grade", "regression"),
    ("size", "regression"),
    ("kind", "classification"),
    (None, None),
]


@pytest.fixture
def file(tmp_path: Path) -> Path:
    count = np.arange(60)
    frame = pd.DataFrame(
        {
            "kind": np.array(["oats", "rye"])[count % 2],
            "grade": count % 3,
            "size": count / 7,
            "weight": count**2,
        }
    )
    frame.to_csv(tmp_path / "sales.csv", index=False)
    return tmp_path / "sales.csv"


def prepared(file: Path, kind: Kind) -> PreparedDataset:
    return prepare(resolve(str(file), *kind), file.parent / "data")


def test_interrupted_studies_are_resumed_each_by_its_own_target_and_task(file: Path, tmp_path: Path) -> None:
    def opened(kind: Kind) -> tuple[str, bool]:
        target, task = kind
        parameters = StudyParameters(data=[str(file)], target=target, task=task or "auto")
        with open_journal(tmp_path, parameters) as journal:
            return journal.id, journal.resumed

    first = [opened(kind) for kind in KINDS]
    assert len({study for study, _ in first}) == len(KINDS)
    assert [opened(kind) for kind in KINDS] == [(study, True) for study, _ in first]


def test_prepared_files_and_cells_have_keys_of_their_own(file: Path, tmp_path: Path) -> None:
    datasets = [prepared(file, kind) for kind in KINDS]
    assert len({dataset.sha256 for dataset in datasets}) == len(KINDS)
    requests = [
        CellRequest(
            dataset=dataset,
            algorithm="xgboost",
            engine="local",
            search="grid",
            options=ModelOptions(seed=0),
            folds=2,
            candidates=4,
            workers=1,
            folder=StudyFolder(home=tmp_path, id="one"),
        )
        for dataset in datasets
    ]
    assert len({request.key for request in requests}) == len(KINDS)


def test_equal_bytes_of_a_quantity_and_of_no_target_are_read_each_in_its_way(file: Path) -> None:
    """A quantity in the last column is a feature of a clustering: the two prepared files are the same bytes."""
    pd.read_csv(file)[["grade", "size"]].to_csv(file, index=False)
    regression, clustering = prepared(file, ("size", "regression")), prepared(file, (None, None))
    assert regression.path == clustering.path
    for _ in range(2):
        X, y = regression.load()
        assert (list(X), y is None) == (["grade"], False)
        X, y = clustering.load()
        assert (list(X), y) == (["grade", "size"], None)
