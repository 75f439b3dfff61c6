"""Columns that are the target, or that tell the target."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from tasks.datasets.suspects import Suspect, target_copies, target_tellers, threshold_tellers
from tasks.datasets.suspects.finding import HEAD

RNG = np.random.default_rng(0)
CLASSES = RNG.integers(0, 3, 300)
BINARY = RNG.integers(0, 2, 300)
QUANTITY = RNG.gamma(2.0, 1e4, 300)
FINDERS = (target_copies, target_tellers, threshold_tellers)


def names(found: list[Suspect]) -> list[str]:
    return [suspect.name for suspect in found]


def test_other_names_of_the_classes_are_a_copy() -> None:
    frame = pd.DataFrame(
        {
            "words": pd.Categorical(np.array(["low", "high", "mid"])[CLASSES]),
            "numbers": np.array([7.0, -1.0, 3.5])[CLASSES],
            "with gaps": np.array([np.nan, -1.0, 3.5])[CLASSES],
            "noise": RNG.normal(size=300),
            "kind": pd.Categorical(np.array(["a", "b", "c"])[RNG.integers(0, 3, 300)]),
        }
    )
    found = target_copies(frame, CLASSES)
    assert names(found) == ["words", "numbers", "with gaps"]
    assert found[0].reason == (
        "it is the target under other names: its values and those of the target correspond one to one"
    )
    assert target_tellers(frame, CLASSES) == []


def test_a_linear_function_of_a_quantity_is_a_copy_though_its_digits_are_rounded() -> None:
    frame = pd.DataFrame(
        {
            "same": QUANTITY,
            "euros": (QUANTITY * 0.92).round(2),
            "falling": 5.0 - QUANTITY,
            "with gaps": np.where(np.arange(300) % 5, QUANTITY * 2, np.nan),
            "close": QUANTITY * (1 + 1e-3 * RNG.normal(size=300)),
            "log": np.log(QUANTITY),
            "constant": 1.0,
            "empty": np.nan,
        }
    )
    found = {suspect.name: suspect.reason for suspect in target_copies(frame, QUANTITY)}
    assert found == {
        "same": "it is the target",
        "euros": "it is a linear function of the target",
        "falling": "it is a linear function of the target",
        "with gaps": "it is a linear function of the target",
    }


def test_the_values_of_counts_under_other_names_are_a_copy() -> None:
    counts = RNG.poisson(2.0, 300).astype(float)
    frame = pd.DataFrame(
        {"squared": counts**2, "words": pd.Categorical([f"{count:g} eggs" for count in counts])}
    )
    assert names(target_copies(frame, counts)) == ["squared", "words"]


def test_many_values_that_stand_for_one_class_each_tell_the_target() -> None:
    part = CLASSES * 4 + RNG.integers(0, 4, 300)
    frame = pd.DataFrame({"city": pd.Categorical([f"c{i}" for i in part]), "code": part * 1.5})
    found = target_tellers(frame, CLASSES)
    assert names(found) == ["city", "code"]
    assert found[0].reason == "it tells the target: each of its 12 values stands in rows of one class only"
    assert target_copies(frame, CLASSES) == []
    part[7] = (part[7] + 4) % 12  # one row of another class
    assert target_tellers(pd.DataFrame({"code": part * 1.5}), CLASSES) == []


def test_a_column_that_is_missing_in_one_class_only_tells_the_target() -> None:
    boat = np.where(BINARY == 1, RNG.normal(size=300), np.nan)
    [found] = target_tellers(pd.DataFrame({"boat": boat}), BINARY)
    assert found.reason == "it tells the target: it is missing in all rows of one class, and in no other row"
    boat[np.flatnonzero(BINARY == 0)[0]] = 1.0
    assert target_tellers(pd.DataFrame({"boat": boat}), BINARY) == []


def test_values_that_are_all_different_tell_nothing() -> None:
    frame = pd.DataFrame(
        {"key": pd.Categorical([f"k{i}" for i in range(300)]), "number": RNG.permutation(300) * 1.0}
    )
    assert target_tellers(frame, CLASSES) == target_copies(frame, CLASSES) == []


@pytest.mark.parametrize(("rows", "is_found"), [(12, False), (60, True)])
def test_chance_is_excluded_in_a_small_table(rows: int, is_found: bool) -> None:
    """12 rows of two classes have 924 distributions over the rows, of which two make a copy of a given column."""
    y = np.arange(rows) % 2
    table = pd.DataFrame(
        {"copy": y * 1.0, "part": y * 2.0 + (np.arange(rows) // 2 % 2), "size": y + np.arange(rows) / 99}
    )
    assert [names(find(table, y)) for find in FINDERS] == (
        [["copy"], ["part"], ["size"]] if is_found else [[], [], []]
    )


def test_thresholds_that_separate_the_classes_are_told() -> None:
    apart = CLASSES * 2.0 + RNG.random(300)
    overlap, gap = apart.copy(), apart.copy()
    overlap[7] = apart[np.argmax(CLASSES[7] != CLASSES)]
    gap[7] = np.nan
    frame = pd.DataFrame({"apart": apart, "overlap": overlap, "gap": gap})
    assert threshold_tellers(frame, CLASSES) == [
        Suspect("apart", "it separates the classes by thresholds, without an error in 300 rows")
    ]
    assert threshold_tellers(frame, CLASSES.astype(float)) == []


def test_what_differs_only_behind_the_first_rows_is_seen() -> None:
    y = np.arange(HEAD + 100) % 2
    frame = pd.DataFrame(
        {"copy": y * 1.0, "part": y * 2.0 + (np.arange(len(y)) // 2 % 2), "size": y + np.arange(len(y)) / 1e6}
    )
    assert [names(find(frame, y)) for find in FINDERS] == [["copy"], ["part"], ["size"]]
    frame.iloc[-1] = frame.iloc[-2]
    assert [names(find(frame, y)) for find in FINDERS] == [[], [], []]


def test_classes_that_the_file_has_in_blocks_are_looked_at_to_the_end() -> None:
    y = np.repeat([0, 1, 2], HEAD)
    assert names(target_copies(pd.DataFrame({"copy": y * 1.0, "constant": 1.0}), y)) == ["copy"]
    assert names(target_copies(pd.DataFrame({"euros": y * 3.0}), y.astype(float))) == ["euros"]


@given(st.integers(0, 2**32 - 1), st.integers(10, 60), st.integers(2, 4))
def test_independent_columns_of_small_tables_are_not_accused(seed: int, rows: int, kinds: int) -> None:
    rng = np.random.default_rng(seed)
    y = rng.integers(0, kinds, rows)
    frame = pd.DataFrame({f"k{i}": rng.integers(0, 2 + i, rows) * 1.0 for i in range(5)})
    frame["measure"] = rng.normal(size=rows)
    for find in FINDERS:
        assert find(frame, y) == []
        assert find(frame, y.astype(float)) == []


@given(
    arrays.arrays(np.int64, (40, 2), elements=st.integers(0, 3)),
    st.lists(st.integers(0, 2), min_size=4, max_size=4),
)
def test_what_is_found_determines_the_target_in_a_cross_table(table: np.ndarray, class_of: list[int]) -> None:
    """The first column determines the target, the second may do so by chance."""
    y = np.array(class_of)[table[:, 0]]
    frame = pd.DataFrame(table.astype(float), columns=["a", "b"])
    for column in names(target_copies(frame, y)) + names(target_tellers(frame, y)):
        assert ((pd.crosstab(frame[column], y) > 0).sum(axis=1) == 1).all()
    found = names(target_copies(frame, y)) + names(target_tellers(frame, y))
    shares = np.unique(y, return_counts=True)[1]
    if len(shares) > 1 and shares.min() >= 15 and frame["a"].nunique() <= 4:
        assert "a" in found
