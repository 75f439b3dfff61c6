"""A name or a path becomes a source, or one sentence that says what is allowed."""

import os
from pathlib import Path
from typing import Any

import pytest

from infra.errors import DataError
from tasks.datasets.catalogue import CATALOGUE, resolve


def test_names_give_the_bundled_tables() -> None:
    assert resolve("diabetes").target == "diabetes"
    assert resolve("diabetes", "diabetes") is CATALOGUE["diabetes"]
    assert resolve("burger-king").task == "clustering"
    assert resolve("cats-dogs").task == "vision"
    assert all(source.path.is_file() for source in CATALOGUE.values() if source.task != "vision")


def test_an_unknown_name_is_told_what_is_allowed() -> None:
    with pytest.raises(DataError) as caught:
        resolve("nosuch.csv")
    assert str(caught.value) == (
        "no file 'nosuch.csv'; give a CSV, Parquet, JSON or Excel file, a folder of images, or one of: "
        "diabetes, burger-king, cats-dogs"
    )


@pytest.mark.parametrize("blank", ["", "  "])
def test_a_blank_name_is_not_taken_for_the_current_folder(blank: str) -> None:
    with pytest.raises(DataError, match="no file"):
        resolve(blank)


def test_a_named_data_set_takes_no_other_target() -> None:
    with pytest.raises(
        DataError, match=r"'diabetes' is for classification with target 'diabetes', not 'age'"
    ):
        resolve("diabetes", "age")


def test_a_pipe_is_no_table(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.csv")
    with pytest.raises(DataError, match="neither a file nor a folder"):
        resolve(str(tmp_path / "pipe.csv"))


@pytest.mark.parametrize(
    "name", ["a.csv", "a.TSV", "a.data", "a.Parquet", "a.csv.gz", "a.zip", "a.jsonl.zst"]
)
def test_the_name_follows_from_the_file(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_text("x\n1\n")
    source = resolve(str(tmp_path / name), "x")
    assert (source.task, source.name) == ("classification", "a")
    assert resolve(str(tmp_path / name)).task == "clustering"


def test_a_pattern_is_named_by_what_its_files_have_in_common(tmp_path: Path) -> None:
    assert resolve(str(tmp_path / "sales-*.csv")).name == "sales"
    assert resolve(str(tmp_path / "shop" / "*.csv")).name == "shop"


def test_a_link_to_a_table_is_followed(tmp_path: Path) -> None:
    (tmp_path / "real.csv").write_text("x\n1\n")
    (tmp_path / "link.csv").symlink_to(tmp_path / "real.csv")
    assert resolve(str(tmp_path / "link.csv")).name == "link"


@pytest.mark.parametrize(
    ("data", "target", "task", "message"),
    [
        ("diabetes", None, "regression", "is for classification, not regression"),
        ("own.csv", None, "regression", "task regression needs a target"),
    ],
)
def test_a_task_that_does_not_go_with_the_target_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, data: str, target: Any, task: Any, message: str
) -> None:
    (tmp_path / "own.csv").write_text("a,y\n1,2\n")
    monkeypatch.chdir(tmp_path)
    with pytest.raises(DataError, match=message):
        resolve(data, target, task)
