from datetime import UTC, datetime

import pytest

from tasks.results import Cell, Dataset, StudyResult
from tests.tasks.report.synthetic import make_study, xgboost_cell

START = datetime(2026, 3, 2, 9, 30, tzinfo=UTC)
DATA = Dataset(name="d", task="classification", target="y", rows=0, columns=[], sha256="", path="")
BARE_CELL = Cell(dataset="d", algorithm="xgboost", engine="local", search="baseline")
MINIMAL = {
    "nothing": StudyResult(name="s", started=START),
    "a data set without cells": StudyResult(
        name="s",
        started=START,
        datasets=[Dataset(name="d", task="clustering", target=None, rows=0, columns=[], sha256="", path="")],
    ),
    "one bare cell": StudyResult(name="s", started=START, datasets=[DATA], cells=[BARE_CELL]),
    "one failed cell": StudyResult(
        name="s", started=START, datasets=[DATA], cells=[BARE_CELL.model_copy(update={"status": "failed"})]
    ),
    "one cell without trials": StudyResult(
        name="s",
        started=START,
        datasets=[DATA],
        cells=[xgboost_cell("local", "baseline").model_copy(update={"trials": [], "dataset": "d"})],
    ),
    "figures that are not finite": StudyResult(
        name="s",
        started=START,
        datasets=[DATA],
        cells=[
            BARE_CELL.model_copy(
                update={"metrics": {"holdout_accuracy": float("nan")}, "cv_score": float("nan")}
            )
        ],
    ),
}


@pytest.fixture
def study() -> StudyResult:
    return make_study()


@pytest.fixture(params=list(MINIMAL.values()), ids=list(MINIMAL))
def minimal(request: pytest.FixtureRequest) -> StudyResult:
    found: StudyResult = request.param
    return found
