"""The words of flags that take several: they may hold commas, brackets and digits, and begin with a dash."""

from pathlib import Path
from typing import Any

import pytest

from deployments.cli import Study, main
from deployments.data_words import split_words, with_quoted_words


@pytest.fixture(autouse=True)
def _in_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def given(monkeypatch: pytest.MonkeyPatch, *arguments: str) -> Any:
    """The parameters that the command `trilla study` gets."""
    found = []
    monkeypatch.setattr(Study, "cli_cmd", lambda self: found.append(self))
    main(["study", *arguments])
    return found[0]


@pytest.mark.parametrize("name", ["a,b.csv", "a, b.csv", "[cm].csv", "2024", "null", "ä,ö.csv"])
@pytest.mark.parametrize("form", [["--data={}"], ["--data", "{}"]])
def test_a_path_is_one_word_whatever_it_holds(
    monkeypatch: pytest.MonkeyPatch, name: str, form: list[str]
) -> None:
    Path(name).touch()
    assert given(monkeypatch, *(word.format(name) for word in form)).data == [name]


def test_several_words_are_separated_by_commas(monkeypatch: pytest.MonkeyPatch) -> None:
    Path("a,b.csv").touch()
    assert given(monkeypatch, "--data", "diabetes,a,b.csv,burger-king").data == [
        "diabetes",
        "a,b.csv",
        "burger-king",
    ]
    assert given(monkeypatch, "--data", '["diabetes","x.csv"]').data == ["diabetes", "x.csv"]


def test_a_path_that_does_not_exist_is_split() -> None:
    assert split_words("a,b.csv") == ["a", "b.csv"]


def test_other_flags_are_left_alone() -> None:
    assert with_quoted_words(["study", "--target", "a,b", "--data"]) == ["study", "--target", "a,b", "--data"]


def test_a_table_without_a_header_is_a_flag(monkeypatch: pytest.MonkeyPatch) -> None:
    assert given(monkeypatch, "--no-header").no_header is True
    assert given(monkeypatch).no_header is False


@pytest.mark.parametrize("flag", ["--missing", "--keep-column"])
@pytest.mark.parametrize(
    ("values", "expected"),
    [
        (["null"], ["null"]),
        (["true, 1.50 ,n/a"], ["true", "1.50", "n/a"]),
        (["-", "-999"], ["-", "-999"]),
        (["-9 km"], ["-9 km"]),
        (["[x]"], ["[x]"]),
        (['["weight, kg"]', "id"], ["weight, kg", "id"]),
    ],
)
def test_words_are_texts_whatever_they_look_like(
    monkeypatch: pytest.MonkeyPatch, flag: str, values: list[str], expected: list[str]
) -> None:
    name = flag.removeprefix("--").replace("-", "_")
    apart = [word for value in values for word in (flag, value)]
    assert getattr(given(monkeypatch, *apart), name) == expected
    assert getattr(given(monkeypatch, *(f"{flag}={value}" for value in values)), name) == expected


def test_a_pattern_with_brackets_is_one_word(monkeypatch: pytest.MonkeyPatch) -> None:
    assert given(monkeypatch, "--data", "[ab]*.csv").data == ["[ab]*.csv"]
