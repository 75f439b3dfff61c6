"""A clustering study by blocks of rows, from a table that the bounds of this test make large."""

import sys
from pathlib import Path
from typing import Any

import pytest

from infra.servers import Stack
from tests.flows.studying import Study, environments_in, found_in
from tests.tasks.large.tables import write_groups

ROWS = 6_000
PROGRAM = (
    sys.executable,
    "-c",
    "import tasks.large.size as size; size.ROWS = size.CLUSTER_CELLS = 1; "
    "from deployments.cli import main; raise SystemExit(main())",
)


@pytest.fixture(scope="module")
def study(stack: Stack, tmp_path_factory: pytest.TempPathFactory) -> Study:
    folder = tmp_path_factory.mktemp("clusters")
    arguments = (
        *(
            "--data",
            str(write_groups(folder, ROWS)),
            "--engines",
            "dask,spark",
            "--algorithms",
            "kmeans,dbscan",
        ),
        *("--candidates", "2", "--workers", "2"),
    )
    study = Study(environments_in(folder, stack)("home"), arguments, program=PROGRAM)
    assert study.end() == 0, study.output + study.errors
    return study


def test_the_study_tells_what_was_done_on_a_sample_and_what_on_all_rows(study: Study) -> None:
    told = " ".join(study.output.split())
    assert f"the table has {ROWS:,} rows x 2 columns, so the searches of K-means compare" in told
    rows = {cell["algorithm"]: cell["implementation"].rpartition(", ")[2] for cell in study.result["cells"]}
    assert "from the result on a sample of" in rows["kmeans"]
    assert rows["dbscan"] == f"all {ROWS:,} rows in memory"
    assert "rows are drawn" in Path(study.result["links"]["report"]).read_text()


def test_dask_and_spark_find_the_same_to_the_last_bit(study: Study) -> None:
    found: dict[tuple[str, str], list[Any]] = {}
    for cell in study.result["cells"]:
        found.setdefault((cell["algorithm"], cell["search"]), []).append(found_in(cell))
    assert len(found) == 6
    for dask, spark in found.values():
        assert dask == spark


def test_the_four_groups_are_found(study: Study) -> None:
    best = max(study.result["cells"], key=lambda cell: cell["metrics"]["silhouette"])
    assert best["metrics"]["clusters"] == 4
    [recommendation] = study.result["recommendations"]
    assert recommendation["score"] == pytest.approx(best["metrics"]["silhouette"], abs=0.01)
