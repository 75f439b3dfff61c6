"""What a comparison does with the recommended way."""

from types import SimpleNamespace
from typing import Any

import pytest

from flows import comparison
from tasks.results import Cell, Evaluation, Search, StudyResult


def cell(search: Search, status: Any = "completed", **params: Any) -> Cell:
    return Cell(dataset="d", algorithm="xgboost", engine="spark", search=search, status=status, params=params)


def evaluation(search: Search) -> Evaluation:
    return Evaluation(
        dataset="d", algorithm="xgboost", search=search, metric="accuracy", folds=2, repeats=1, scores=[0.8, 0.8],
        mean=0.8, low=0.7, high=0.9,
    )  # fmt: skip


def fitted(monkeypatch: pytest.MonkeyPatch, search: Search, cells: list[Cell]) -> list[Any]:
    """Parameters of the models that are fitted on all rows, where this search is recommended."""
    found: list[Any] = []
    monkeypatch.setattr(comparison, "complete", lambda *arguments: found.append(arguments[3]))
    monkeypatch.setattr(comparison.registering, "register", lambda *_: None)
    session: Any = SimpleNamespace(
        result=StudyResult(name="study", started="2026-01-01T00:00:00", cells=cells),
        parameters=SimpleNamespace(margin=0.01, seed=0, epochs=None),
        journal=SimpleNamespace(folder=SimpleNamespace(model=lambda name: name)),
    )
    dataset: Any = SimpleNamespace(name="d", task="classification")
    assert comparison.answer(session, dataset, [evaluation(search)], []).search == search
    return found


def test_the_recommended_model_has_the_parameters_that_its_search_found(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    cells = [cell("grid", "failed"), cell("grid", max_depth=2), cell("baseline", max_depth=6)]
    assert fitted(monkeypatch, "grid", cells) == [{"max_depth": 2}]


def test_a_searched_way_whose_cells_all_failed_is_not_fitted_with_default_parameters(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert fitted(monkeypatch, "grid", [cell("grid", "failed"), cell("baseline", max_depth=6)]) == []


def test_a_baseline_without_a_completed_cell_is_fitted_with_default_parameters(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert fitted(monkeypatch, "baseline", [cell("baseline", "failed")]) == [{}]


def test_a_cell_that_is_too_large_does_not_fail_the_study_and_a_failed_cell_does() -> None:
    large = cell("grid", "too_large").model_copy(update={"error": "Ward of 9 rows needs more"})
    state = comparison.outcome([large, cell("baseline")])
    assert state.is_completed()
    assert state.message == (
        "2 cells; Not run, because the table is too large (xgboost grid on spark): Ward of 9 rows needs more."
    )
    assert comparison.outcome([large, cell("baseline", "failed")]).is_failed()
