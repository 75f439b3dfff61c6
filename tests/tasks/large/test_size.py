"""The size from which models are trained from blocks of rows."""

import re
from pathlib import Path

import pytest

from flows.checking import as_trained
from flows.parameters import StudyParameters
from tasks.large.size import CELLS, CLUSTER_CELLS, ROWS
from tests.tasks.large.tables import prepared


@pytest.mark.parametrize(
    ("rows", "is_large"), [(CELLS // 3 + 1, True), (CELLS // 3 - 1, False), (ROWS - 1, False)]
)
def test_a_large_table_is_marked_and_told_unless_the_user_wants_all_folds(
    tmp_path: Path, rows: int, is_large: bool
) -> None:
    dataset = prepared(tmp_path).model_copy(update={"rows": rows})
    found = as_trained(dataset, StudyParameters(data=["table.parquet"], target="y"))
    assert found.by_blocks == is_large
    assert found.notes[: len(dataset.notes)] == dataset.notes
    assert [
        "held-out rows instead of by cross-validation" in note for note in found.notes[len(dataset.notes) :]
    ] == ([True] * is_large)
    exhaustive = StudyParameters(data=["table.parquet"], target="y", exhaustive=True)
    assert as_trained(dataset, exhaustive) is dataset


def test_a_clustering_of_a_large_table_is_told_what_is_done_on_a_sample(tmp_path: Path) -> None:
    dataset = prepared(tmp_path)
    clustering = dataset.model_copy(
        update={
            "rows": CLUSTER_CELLS,
            "task": "clustering",
            "recipe": dataset.recipe.model_copy(update={"target": None}),
        }
    )
    found = as_trained(clustering, StudyParameters(data=["table.parquet"]))
    assert found.by_blocks
    assert re.search(r"candidates on a sample of 2,66\d,\d{3} rows.* fitted on all rows", found.notes[-1])
    assert "held-out" not in found.notes[-1]
    images = clustering.model_copy(update={"images": True})
    assert as_trained(images, StudyParameters(data=["table.parquet"])) is images
