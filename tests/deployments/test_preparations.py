"""What the terminal says before a study: the notes, and commands that work when they are pasted into a shell."""

import shlex
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from deployments.cli import Look, Study, main
from deployments.preparations import command, print_preparations
from flows.parameters import ReadingParameters
from tasks.datasets.catalogue import resolve
from tasks.datasets.notes import warning
from tasks.report.column_words import MOST_LINES
from tests.tasks.preparing import prepare

READINGS: list[dict[str, Any]] = [
    {},
    {"target": "y"},
    {"target": "-y"},
    {"target": "left or not"},
    {"target": 'it\'s "$HOME" (%)'},
    {"missing": ["-999"]},
    {"missing": ["-999", "n/a", "not known"]},
    {"missing": ["999"]},
    {"missing": ["null", "true", "1.50"]},
    {"missing": ["a,b", "a\\b", "[x]", "{x}", " "]},
    {"keep_column": ["customer id", "-id", "weight, kg", "größe"]},
    {"keep_column": [""]},
    {"no_header": True, "task": "regression", "target": "column 3"},
    {"decimal_mark": "comma", "date_order": "day-first", "rare_classes": "leave-out"},
]
DATA = [
    "diabetes",
    "my table.csv",
    "-table.csv",
    "a,b.csv",
    "[ab]*.csv",
    "2024",
    "null",
    "it's.csv",
    "x;y.csv",
    "a\\b.csv",
]


@pytest.fixture(autouse=True)
def _in_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def pasted(monkeypatch: pytest.MonkeyPatch, line: str) -> Any:
    """The parameters that a command line gives to `trilla look` or `trilla study`."""
    found: list[Any] = []
    for kind in (Look, Study):
        monkeypatch.setattr(kind, "cli_cmd", lambda self: found.append(self))
    name, *arguments = shlex.split(line)
    assert name == "trilla"
    main(arguments)
    return found[0]


@pytest.mark.parametrize("name", ["look", "study"])
@pytest.mark.parametrize("given", READINGS, ids=str)
def test_a_command_that_is_pasted_reads_the_data_in_the_same_way(
    monkeypatch: pytest.MonkeyPatch, name: str, given: dict[str, Any]
) -> None:
    reading = ReadingParameters(**given)
    found = pasted(monkeypatch, command(name, "t.csv", reading))
    assert found.model_dump(include=set(ReadingParameters.model_fields)) == reading.model_dump()


@pytest.mark.parametrize("data", DATA)
def test_a_command_that_is_pasted_names_the_same_data(monkeypatch: pytest.MonkeyPatch, data: str) -> None:
    if data.endswith(".csv") and "*" not in data:
        Path(data).touch()
    path = f"./{data}" if data.startswith("-") else data
    assert pasted(monkeypatch, command("study", data, ReadingParameters())).data == [path]
    assert pasted(monkeypatch, command("look", data, ReadingParameters())).source == path


def test_a_simple_command_is_short() -> None:
    reading = ReadingParameters(target="y", missing=["n/a", "-"], keep_column=["id"])
    assert command("study", "t.csv", reading) == (
        "trilla study --data t.csv --missing n/a,- --keep-column id --target y"
    )
    assert command("look", "t.csv", ReadingParameters(missing=["-999"])) == "trilla look t.csv --missing=-999"


def test_the_notes_before_a_study_are_told_with_the_command_that_tells_more(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    lines = [f"{i % 7},{i % 5},{'pq'[i % 2]}" for i in range(40)]
    Path("my table.csv").write_text("\n".join(["a,b,y", *lines]))
    reading = ReadingParameters(target="y", missing=["-999"])
    dataset = prepare(resolve("my table.csv", "y"), tmp_path / "data")
    notes = [f"sentence {number}" for number in range(MOST_LINES - 1)]
    longer = dataset.model_copy(update={"notes": [*notes, warning("the study takes 90 minutes"), "last"]})
    print_preparations({"my table.csv": longer}, reading, Console(width=40))
    assert capsys.readouterr().out.splitlines() == [
        "my table: 40 rows, 2 columns used, target y: 2 classes, p 20, q 20",
        "  warning: the study takes 90 minutes",
        *(f"  {note}" for note in notes),
        "  ... and 1 more: trilla look 'my table.csv' --missing=-999 --target y",
    ]
