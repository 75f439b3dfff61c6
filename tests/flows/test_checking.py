"""The checks before a study: what they tell reaches terminal, report, Prefect and JSON."""

import re
from pathlib import Path

import pytest
from rich.console import Console

from deployments.preparations import print_preparations
from flows.checking import prepare_in_advance
from flows.parameters import StudyParameters
from flows.study import described
from infra.errors import ParameterError
from infra.settings import Settings
from tasks import cost_estimate
from tasks.datasets.large.plan import Plan
from tasks.datasets.planning import carried_out
from tasks.report.artifacts import columns_description
from tasks.report.column_words import changes, preparation_words, warnings
from tests.tasks.datasets.large.large_tables import ROWS, frame, small_bounds


@pytest.fixture
def parameters(tmp_path: Path) -> StudyParameters:
    """A study of a small table on one engine."""
    rows = "".join(f"{i % 7},{i % 5},{i * i % 11},{'pq'[i % 2]}\n" for i in range(40))
    (tmp_path / "t.csv").write_text(f"a,b,c,y\n{rows}")
    return StudyParameters(
        data=[str(tmp_path / "t.csv")], target="y", algorithms=["linear_model"], engines=["local"], folds=2
    )


def test_the_time_of_a_long_study_is_told_everywhere(
    parameters: StudyParameters, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cost_estimate, "WIDE", 3)
    monkeypatch.setattr(cost_estimate, "TOLD_S", 0.0)
    (dataset,) = prepare_in_advance(parameters, Settings(home=tmp_path)).values()
    (note,) = [one for one in dataset.notes if "3 columns x 40 rows" in one]
    assert note.startswith("warning: ")
    result = described(dataset, epochs=None)
    assert preparation_words(dataset).lines[0] == note
    assert changes(result)[0] == note
    assert warnings(result) == [note]
    assert "3 columns x 40 rows" in columns_description(result)
    assert note in result.model_dump(mode="json")["notes"]


def test_a_short_study_is_not_timed(parameters: StudyParameters, tmp_path: Path) -> None:
    (dataset,) = prepare_in_advance(parameters, Settings(home=tmp_path)).values()
    assert not [note for note in dataset.notes if "minutes" in note]


def test_two_data_sets_of_one_name_are_refused(parameters: StudyParameters, tmp_path: Path) -> None:
    twin = tmp_path / "twin" / "t.csv"
    twin.parent.mkdir()
    twin.write_text((tmp_path / "t.csv").read_text())
    both = parameters.model_copy(update={"data": [*parameters.data, str(twin)]})
    with pytest.raises(ParameterError, match="another data set is called 't' already"):
        prepare_in_advance(both, Settings(home=tmp_path))


def test_of_a_large_table_only_the_plan_is_made(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    small_bounds(monkeypatch)
    frame().to_csv(tmp_path / "t.csv", index=False)
    parameters = StudyParameters(data=[str(tmp_path / "t.csv")], target="class", engines=["local"])
    looked: list[tuple[str, int, int]] = []
    prepared = prepare_in_advance(parameters, Settings(home=tmp_path), look=lambda *one: looked.append(one))
    (plan,) = prepared.values()
    assert isinstance(plan, Plan)
    assert looked[-1] == (str(tmp_path / "t.csv"), len(plan.pieces), len(plan.pieces))
    assert not list((tmp_path / "data").rglob("*.parquet"))
    print_preparations(prepared, parameters, Console(width=200))
    told = capsys.readouterr().out
    assert f"t: {ROWS:,} rows, 4 columns used, target class: 3 classes" in told
    assert re.search(rf"was decided on [\d,]+ of {ROWS:,} rows", told)
    assert plan.told_progress() == ""
    dataset = carried_out(plan)
    assert dataset.is_large
    assert carried_out(dataset) is dataset
    assert described(dataset, epochs=None).rows == ROWS
