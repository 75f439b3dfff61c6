"""Rows that stand twice in a table."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tasks.datasets.suspects import RepeatedRows, repeated_rows
from tasks.datasets.suspects import rows as rows_module

NUMBERS, KINDS = st.sampled_from([0.0, -0.0, 1.0, np.nan]), st.sampled_from(["a", "b", None])
ROWS = st.lists(st.tuples(NUMBERS, KINDS, st.integers(0, 1), st.booleans()), max_size=12)


@given(ROWS)
def test_the_counts_are_those_of_pandas(rows: list[tuple[float, str | None, int, bool]]) -> None:
    table = pd.DataFrame(rows, columns=["x", "kind", "y", "out"]).astype(
        {"x": float, "y": np.int64, "out": bool}
    )
    features = table[["x"]].assign(kind=pd.Categorical(table["kind"], ["a", "b"]))
    found = repeated_rows(features, table["y"].to_numpy(), table["out"].to_numpy())
    whole = table[["x", "kind", "y"]]
    keys = [
        tuple("missing" if pd.isna(cell) else cell for cell in row) for row in whole.itertuples(index=False)
    ]
    outside = {key for key, out in zip(keys, table["out"], strict=True) if not out}
    assert found == RepeatedRows(
        rows=int(whole.duplicated(keep=False).sum()),
        copies=int(whole.duplicated().sum()),
        held_out=sum(out and key in outside for key, out in zip(keys, table["out"], strict=True)),
    )


def test_rows_that_differ_in_the_target_only_are_no_copies() -> None:
    frame = pd.DataFrame({"x": [1.0, 1.0, 2.0]})
    assert repeated_rows(frame, np.array([0, 1, 0])).rows == 0
    assert repeated_rows(frame).rows == 2


def test_rows_that_differ_are_told_apart_although_their_digests_are_equal(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(
        rows_module.pd.util, "hash_array", lambda values: np.zeros(len(values), dtype=np.uint64)
    )
    frame = pd.DataFrame({"x": [1.0, 1.0, 2.0, 3.0]})
    assert repeated_rows(frame) == RepeatedRows(rows=2, copies=1, held_out=0)


def test_the_finding_is_told_in_one_sentence() -> None:
    assert RepeatedRows(0, 0, 0).note == ""
    assert RepeatedRows(1_200, 600, 0).note == "1,200 rows are equal to another row in all columns"
    assert RepeatedRows(20, 10, 3).note == (
        "20 rows are equal to another row in all columns; 3 held-out rows have a copy among the training rows"
    )
