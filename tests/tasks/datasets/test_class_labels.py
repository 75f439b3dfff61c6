"""Classes keep the names that the file gives them, and what is decided about a name is told."""

from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from infra.errors import DataError
from tasks.datasets.catalogue import resolve
from tasks.datasets.class_labels import Labels, class_labels, left_out, merged, rank
from tasks.datasets.cleaning import Cleaned
from tasks.datasets.options import ReadingOptions
from tasks.datasets.raw import RawColumn
from tests.tasks.datasets.tables import cleaned


def labels(values: Any, **options: Any) -> Labels:
    array = values if isinstance(values, pa.Array) else pa.array(values, pa.string())
    raw = RawColumn("y", pa.chunked_array([array]), Path("t.csv"), lambda row: f"line {row + 2}")
    return class_labels(raw, **options)


def names(found: Labels) -> list[str]:
    return [found.names[code] if code >= 0 else "" for code in found.codes]


@pytest.mark.parametrize(
    "values",
    [
        ["007", "042", "007"],
        ["1234567890123456789", "1234567890123457777"],
        ["9007199254740992", "9007199254740993"],
        ["yes", "no", "Not"],
        ["1", "2", "10"],
        ["1e3", "2"],
        ["True", "False"],
        ["None", "Insomnia", "Apnea"],
    ],
)
def test_classes_are_called_as_they_are_written(values: list[str]) -> None:
    assert names(labels(values)) == values
    assert labels(values).notes == ()


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        (pa.array([2**53, 2**53 + 1]), ["9007199254740992", "9007199254740993"]),
        (pa.array([1.0, 2.0, None, np.nan, np.inf]), ["1", "2", "", "", ""]),
        (pa.array([0.5, 1.0]), ["0.5", "1.0"]),
        (pa.array([True, False, None]), ["True", "False", ""]),
        (pa.array([" a ", "a", ""]), ["a", "a", ""]),
        (pa.array(["1.0", "2.0"]), ["1", "2"]),
        (pa.array(["1.0", "2.5"]), ["1.0", "2.5"]),
        (pa.array(["00.0", "2.0"]), ["00.0", "2.0"]),
    ],
)
def test_typed_classes_have_the_names_that_a_text_file_would_give(
    values: pa.Array, expected: list[str]
) -> None:
    assert names(labels(values)) == expected


def test_one_number_in_two_spellings_is_one_class_and_told() -> None:
    found = labels(["1", "1.0", "1", "2"])
    assert names(found) == ["1", "1", "1", "2"]
    assert found.notes == ("'y': the classes '1', '1.0' are one number, and are called '1'",)
    assert names(labels(["7", "007"])) == ["7", "007"]


@pytest.mark.parametrize(
    ("values", "twins"),
    [
        (["Yes", "YES", "yes", "no"], "'Yes' (1 rows), 'YES' (1 rows) and 'yes' (1 rows)"),
        (
            ["New York", "New  York", "new york", "Rome"],
            "'New York' (1 rows), 'New  York' (1 rows) and 'new york'",
        ),
        (["<=50K", "<= 50K", "> 50K", "<=50K"], "'<=50K' (2 rows) and '<= 50K' (1 rows)"),
        (["ÜBER", "über", "b"], "'ÜBER' (1 rows) and 'über' (1 rows)"),
    ],
)
def test_classes_that_differ_only_in_capital_letters_or_blanks_are_kept_with_a_warning(
    values: list[str], twins: str
) -> None:
    found = labels(values)
    assert names(found) == values
    [note] = found.notes
    assert note.startswith(f"y: warning: the classes {twins}")
    assert "differ only in capital letters or blanks" in note


def test_na_among_other_words_is_the_name_of_a_class_and_told() -> None:
    found = labels(["EU", "NA", "APAC", "NA"] * 10)
    assert found.counts == {"NA": 20, "EU": 10, "APAC": 10}
    [note] = found.notes
    assert note.startswith("20 of 40 rows have the class 'NA' in 'y'")
    assert "--missing NA" in note


@pytest.mark.parametrize(
    ("values", "options"),
    [
        (["EU"] * 60 + ["APAC"] * 38 + ["NA"] * 2, {}),  # rare
        (["1", "2", "NA", "NA"], {}),  # among numbers
        (["EU", "NA", "nan", "APAC"], {}),  # beside another word for missing
        (["EU", "NA", "APAC", "NA"], {"missing": ("NA",)}),  # as the user says
    ],
)
def test_na_is_a_missing_class_otherwise_and_told(values: list[str], options: dict[str, Any]) -> None:
    found = labels(values, **options)
    assert "NA" not in found.counts
    assert f"'NA' in 'y' means that the class is missing ({values.count('NA')} rows)" in found.notes


def test_a_date_is_no_class() -> None:
    with pytest.raises(DataError, match="Turn the target into a column of classes"):
        labels(pa.array([1, 2], pa.timestamp("us")))


def test_classes_are_sorted_as_numbers_and_then_as_texts() -> None:
    assert sorted(["b", "10", "9", "-1", "a", "1.5", "nan"], key=rank) == [
        "-1",
        "1.5",
        "9",
        "10",
        "a",
        "b",
        "nan",
    ]


def test_rare_classes_are_merged_or_left_out() -> None:
    found = labels(["a"] * 20 + ["b"] * 3 + ["other"] * 20 + ["c"])
    rare = {"c": 1, "b": 3}
    joined = merged(found, rare, "y")
    assert joined.counts == Counter({"a": 20, "other": 20, "other classes": 4})
    assert joined.notes == (
        "'y': 2 rare classes 'c' (1 rows), 'b' (3 rows) merged into the class 'other classes'",
    )
    without = left_out(found, rare, "y")
    assert without.counts == Counter({"a": 20, "other": 20})
    assert names(without)[20:23] == ["", "", ""]


def prepared(tmp_path: Path, target: list[str], **options: Any) -> Cleaned:
    frame = pd.DataFrame({"a": np.arange(len(target)) * 0.5 % 7, "y": target})
    frame.to_csv(tmp_path / "t.csv", index=False)
    return cleaned(resolve(str(tmp_path / "t.csv"), "y", options=ReadingOptions(**options)), folds=5)


def test_the_user_decides_about_rare_classes(tmp_path: Path) -> None:
    target = ["a"] * 40 + ["b"] * 30 + ["c"] * 4 + ["d"] * 5
    with pytest.raises(DataError, match=r"--rare-classes merge or --rare-classes leave-out"):
        prepared(tmp_path, target)
    merged_table = prepared(tmp_path, target, rare_classes="merge")
    assert merged_table.recipe.classes == ["a", "b", "other"]
    assert merged_table.target is not None
    assert list(np.bincount(merged_table.target)) == [40, 30, 9]
    shorter = prepared(tmp_path, target, rare_classes="leave-out")
    assert shorter.recipe.classes == ["a", "b"]
    assert len(shorter.features) == 70
    assert "9 of 79 rows left out: 'y' is empty there" not in shorter.notes
    assert "'y': 9 rows of 2 rare classes 'c' (4 rows), 'd' (5 rows) left out" in shorter.notes


def test_merged_classes_that_are_still_too_few_are_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"class 'other' of target 'y' .* has 2 rows; .* leave-out"):
        prepared(tmp_path, ["a"] * 40 + ["b"] * 30 + ["c", "d"], rare_classes="merge")


def test_the_refusal_of_a_rare_class_names_classes_that_differ_only_in_capital_letters(
    tmp_path: Path,
) -> None:
    with pytest.raises(DataError) as caught:
        prepared(tmp_path, ["yes"] * 40 + ["no"] * 30 + ["YES"] * 2)
    assert "the classes 'yes' (40 rows) and 'YES' (2 rows) differ only in capital letters or blanks" in str(
        caught.value
    )
    assert "write a class in one way; else name --rare-classes merge" in str(caught.value)
