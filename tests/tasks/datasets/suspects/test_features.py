"""Columns that say nothing: constants, and copies of other columns."""

import numpy as np
import pandas as pd
from hypothesis import given
from hypothesis import strategies as st

from tasks.datasets.suspects import Suspect, constant_columns, copied_features
from tasks.datasets.suspects.finding import HEAD

CELLS = st.sampled_from([0.0, -0.0, 1.0, np.nan])


def test_a_constant_is_named_with_its_value() -> None:
    frame = pd.DataFrame({"a": [5.0] * 9, "b": pd.Categorical(["x"] * 9, ["w", "x"]), "c": [1.0, *[2.0] * 8]})
    assert constant_columns(frame) == [
        Suspect("a", "it holds the same value in every row, 5"),
        Suspect("b", "it holds the same value in every row, 'x'"),
    ]


def test_a_missing_value_is_another_value() -> None:
    gap = [1.0] * 8 + [np.nan]
    frame = pd.DataFrame({"a": gap, "b": gap[::-1], "c": pd.Categorical([None, *"xxxxxxxx"])})
    assert constant_columns(frame) == []


def test_a_copy_names_its_original() -> None:
    frame = pd.DataFrame({"len": [1.0, np.nan, 3.0], "wid": [1.0, 2.0, 3.0], "dup": [1.0, np.nan, 3.0]})
    frame["again"] = frame["dup"]
    assert copied_features(frame) == [
        Suspect("dup", "it is a copy of column 'len'"),
        Suspect("again", "it is a copy of column 'len'"),
    ]


def test_texts_are_compared_by_their_values_and_not_by_their_codes() -> None:
    frame = pd.DataFrame(
        {
            "one": pd.Categorical(["a", "b", None], ["a", "b"]),
            "same": pd.Categorical(["a", "b", None], ["b", "c", "a"]),
            "other": pd.Categorical(["b", "a", None], ["b", "a"]),
            "number": [0.0, 1.0, np.nan],
            "unknown": pd.Categorical(["a", "b", "z"]),
        }
    )
    assert [suspect.name for suspect in copied_features(frame)] == ["same"]


def test_what_differs_only_behind_the_first_rows_is_seen() -> None:
    column = np.zeros(HEAD + 10)
    other = column.copy()
    other[-1] = 1.0
    frame = pd.DataFrame({"a": column, "b": other})
    assert [suspect.name for suspect in constant_columns(frame)] == ["a"]
    assert copied_features(frame) == []


@given(st.lists(st.tuples(CELLS, CELLS, CELLS), min_size=1, max_size=4))
def test_constants_and_copies_are_those_of_pandas(rows: list[tuple[float, float, float]]) -> None:
    frame = pd.DataFrame(rows, columns=["a", "b", "c"])
    constant = [name for name in frame if frame[name].notna().all() and frame[name].nunique() == 1]
    copied = [
        name
        for i, name in enumerate(frame)
        if any(frame[name].equals(frame[one]) for one in frame.columns[:i])
    ]
    assert [suspect.name for suspect in constant_columns(frame)] == constant
    assert [suspect.name for suspect in copied_features(frame)] == copied
