"""The selection of the columns of a very wide table is told in a sentence, everywhere."""

import io
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from rich.console import Console

from deployments import look, preparations
from flows.parameters import ReadingParameters
from tasks.datasets.catalogue import Source, resolve
from tasks.report import artifacts, column_words
from tasks.results import Dataset
from tests.tasks.datasets.tables import cleaned
from tests.tasks.preparing import prepare

TOLD = (
    "each model uses only 1,000 of the 1,100 columns of numbers, those that are most strongly associated with the "
    "target in its training rows, because the table has only 60 rows"
)


def table(folder: Path, columns: int, rows: int, target: Sequence[object] | None) -> Source:
    frame = pd.DataFrame(np.random.default_rng(0).normal(size=(rows, columns)).round(3)).add_prefix("g")
    if target is not None:
        frame["y"] = target
    frame.to_csv(folder / "wide.csv", index=False)
    return resolve(str(folder / "wide.csv"), None if target is None else "y")


@pytest.fixture
def wide(tmp_path: Path) -> Source:
    return table(tmp_path, 1_100, 60, ["no", "yes"] * 30)


def test_it_is_a_note_of_classes_and_of_a_quantity(wide: Source, tmp_path: Path) -> None:
    assert cleaned(wide).notes == [TOLD]
    assert cleaned(table(tmp_path, 1_100, 60, list(np.arange(60) * 1.5))).notes == [TOLD]


def test_narrow_tables_long_tables_and_clusterings_use_all_columns(tmp_path: Path) -> None:
    assert cleaned(table(tmp_path, 990, 60, ["no", "yes"] * 30)).notes == []
    assert cleaned(table(tmp_path, 1_010, 1_010, ["no", "yes"] * 505)).notes == []
    assert cleaned(table(tmp_path, 1_100, 60, None)).notes == []


def test_it_is_told_before_training_in_the_report_and_on_prefects_page(wide: Source, tmp_path: Path) -> None:
    prepared = prepare(wide, tmp_path)
    console = Console(file=io.StringIO(), width=80)
    preparations.print_preparations({"wide.csv": prepared}, ReadingParameters(target="y"), console)
    assert isinstance(console.file, io.StringIO)
    assert f"  {TOLD}\n" in console.file.getvalue()
    shown = {"name", "task", "rows", "sha256", "path", "notes", "provenance"}
    described = Dataset(columns=prepared.columns, target="y", **prepared.model_dump(include=shown))
    assert column_words.changes(described) == [TOLD]
    assert TOLD in artifacts.columns_description(described)


def test_it_is_told_by_a_look(wide: Source, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    page = tmp_path / "look.html"
    look.look(str(wide.path), ReadingParameters(target="y"), page, None)
    assert TOLD in capsys.readouterr().out
    assert TOLD in page.read_text()
