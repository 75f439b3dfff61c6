"""Tables from which nothing honest can be learned are refused with the reason."""

from pathlib import Path

import pandas as pd
import pytest

from tasks.datasets.catalogue import resolve
from tests.tasks.datasets.tables import ROWS, cleaned, refusal, written


def test_a_missing_target_lists_the_columns(tmp_path: Path) -> None:
    message = refusal(written(tmp_path, "a,b,y\n" + ROWS, "outcome"))
    assert "has no column 'outcome' for the target; columns: a, b, y" in message


def test_an_empty_target_is_refused(tmp_path: Path) -> None:
    assert "target 'y' of" in (message := refusal(written(tmp_path, "a,y\n" + "1,\n" * 12)))
    assert "is empty in all 12 rows" in message


def test_a_single_class_is_refused(tmp_path: Path) -> None:
    assert "has one value only, 'no'" in refusal(written(tmp_path, "a,y\n" + "1,no\n" * 12 + "1,\n"))


LONG = "x" * 100_000


@pytest.mark.parametrize(
    "content",
    [
        "a,y\n" + f"1,{LONG}\n" * 12,
        "a,y\n" + "1,no\n2,yes\n" * 20 + f"3,{LONG}\n",
        "a,y\n" + f"{LONG},no\n{LONG},yes\n" * 10,
        "a,y\n"
        + "".join(f"{i},{'no' if i % 2 else 'yes'}\n" for i in range(90))
        + f"{LONG},no\nb,no\nc,no\n",
        f"{LONG},{LONG},y\n" + "1,2,no\n" * 12,
        ",".join(f"{LONG}{i}" for i in range(30)) + "\n" + ",".join("1" * 30) + "\n",
    ],
    ids=["the class", "a rare class", "a constant", "a mistake", "a repeated name", "all names"],
)
def test_a_refusal_of_very_long_cells_is_readable(tmp_path: Path, content: str) -> None:
    source = written(tmp_path, content)
    assert len(refusal(source)) - len(str(source.path)) < 1_500


@pytest.mark.parametrize(("folds", "needed"), [(2, 4), (5, 7), (10, 13)])
def test_a_small_class_is_refused_until_the_folds_are_served(tmp_path: Path, folds: int, needed: int) -> None:
    common = "a,y\n" + "1,no\n2,no\n" * 20
    message = refusal(written(tmp_path, common + "1,yes\n" * (needed - 1)), folds)
    assert "class 'yes' of target 'y'" in message
    assert f"has {needed - 1} rows; at least {needed} a class are needed for {folds} folds" in message
    source = written(tmp_path, common + "1,yes\n" * needed)
    cleaned(source, folds)


@pytest.mark.parametrize(
    ("rare", "told"),
    [
        ("1,yes\n", "has 1 row; at"),
        ("1,maybe\n2,maybe\n3,yes\n", "has 1 row (and 1 other class has too few); at"),
        ("1,yes\n2,maybe\n3,never\n", "has 1 row (and 2 other classes have too few); at"),
    ],
)
def test_rare_classes_are_counted(tmp_path: Path, rare: str, told: str) -> None:
    assert told in refusal(written(tmp_path, "a,y\n" + "1,no\n" * 40 + rare), 5)


def test_counts_with_rare_values_are_refused_with_the_task_that_takes_them(tmp_path: Path) -> None:
    counts = "a,y\n" + "".join(f"{i},{i % 3}\n" for i in range(60)) + "1,17\n"
    source = written(tmp_path, counts)
    message = refusal(source)
    assert "class '17' of target 'y'" in message
    assert "if 'y' is a quantity, name --task regression; else name --rare-classes merge" in message
    cleaned(resolve(str(source.path), "y", "regression"))
    words = written(tmp_path, "a,y\n" + "1,no\n" * 40 + "1,yes\n")
    assert "--task" not in refusal(words)


def test_a_measured_target_is_a_regression_unless_it_is_said_to_be_classes(tmp_path: Path) -> None:
    source = written(tmp_path, "a,b,y\n" + ROWS, "b")
    told = cleaned(resolve(str(source.path), "b")).recipe.target
    assert told is not None
    assert told.kind == "quantity"
    assert "class '" in refusal(resolve(str(source.path), "b", "classification"))


def test_texts_are_no_quantity(tmp_path: Path) -> None:
    source = written(tmp_path, "a,y\n" + "1,no\n" * 12 + "1,yes\n" * 12)
    assert "holds texts, and regression needs numbers" in refusal(
        resolve(str(source.path), "y", "regression")
    )


@pytest.mark.parametrize(("folds", "needed"), [(2, 20), (5, 20), (10, 25)])
def test_a_quantity_of_too_few_rows_is_refused_because_a_fold_of_one_row_has_no_score(
    tmp_path: Path, folds: int, needed: int
) -> None:
    rows = [f"{i % 5},{i * 1.5}\n" for i in range(needed)]
    message = refusal(written(tmp_path, "a,y\n" + "".join(rows[1:]) + "1,\n" * 9), folds)
    assert (
        f"has {needed - 1} rows with a target; regression with {folds} folds needs at least {needed}"
        in message
    )
    cleaned(written(tmp_path, "a,y\n" + "".join(rows)), folds)


def test_class_numbers_are_no_regression(tmp_path: Path) -> None:
    source = written(tmp_path, "a,y\n" + "".join(f"{i * 0.1},{i % 10}\n" for i in range(60)))
    cleaned(source)


def test_a_column_without_name_is_called_by_its_place_unless_it_counts_the_rows(tmp_path: Path) -> None:
    found = cleaned(written(tmp_path, "a,,y\n" + ROWS)).recipe
    assert found.inputs == ["a", "column 2"]
    source = written(
        tmp_path, ",a,y\n" + "".join(f"{i},{i % 5},{'no' if i % 2 else 'yes'}\n" for i in range(12))
    )
    assert cleaned(source).recipe.inputs == ["a"]


def test_a_column_of_parquet_without_name_is_refused(tmp_path: Path) -> None:
    frame = pd.DataFrame(
        {"a": [i % 7 for i in range(30)], "": [i * 0.37 % 5 for i in range(30)], "y": ["no", "yes"] * 15}
    )
    frame.to_parquet(tmp_path / "t.parquet", index=False)
    assert "column 2 of" in refusal(resolve(str(tmp_path / "t.parquet"), "y"))


def test_clustering_needs_a_number(tmp_path: Path) -> None:
    message = refusal(written(tmp_path, "a,b\n" + "x,y\n" * 12, None))
    assert "has no numeric column, and clustering needs at least one; columns: a, b" in message


def test_too_few_rows_are_refused(tmp_path: Path) -> None:
    assert "has 9 rows; at least 10 are needed" in refusal(written(tmp_path, "a,y\n" + "1,no\n" * 9))
