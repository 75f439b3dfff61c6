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
    found = repeated_rows(features, table["y"].to_numpy(), np.flatnonzero(table["out"]))
    whole = table[["x", "kind", "y"]]
    keys = [
        tuple("missing" if pd.isna(cell) else cell for cell in row) for row in whole.itertuples(index=False)
    ]
    outside = {key for key, out in zip(keys, table["out"], strict=True) if not out}
    targets: dict[object, set[object]] = {}
    for key in keys:
        targets.setdefault(key[:2], set()).add(key[2])
    assert found == RepeatedRows(
        rows=int(whole.duplicated(keep=False).sum()),
        kinds=int((whole.duplicated(keep=False) & ~whole.duplicated()).sum()),
        disputed=sum(len(targets[key[:2]]) > 1 for key in keys),
        leaked=sum(out and key in outside for key, out in zip(keys, table["out"], strict=True)),
        held_out=int(table["out"].sum()),
        has_target=True,
    )


def test_rows_that_differ_in_the_target_only_are_no_copies() -> None:
    frame = pd.DataFrame({"x": [1.0, 1.0, 2.0]})
    found = repeated_rows(frame, np.array([0, 1, 0]))
    assert (found.rows, found.disputed) == (0, 2)
    assert repeated_rows(frame).rows == 2


def test_quantities_are_compared_as_they_are() -> None:
    found = repeated_rows(pd.DataFrame({"x": [1.0] * 5}), np.array([0.5, 0.5, 0.0, -0.0, 0.7]))
    assert (found.rows, found.kinds, found.disputed) == (4, 2, 5)


def test_rows_that_differ_are_told_apart_although_their_digests_are_equal(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(
        rows_module.pd.util, "hash_array", lambda values: np.zeros(len(values), dtype=np.uint64)
    )
    found = repeated_rows(pd.DataFrame({"x": [1.0, 1.0, 2.0, 3.0]}))
    assert (found.rows, found.kinds) == (2, 1)


def told(**counts: int | bool) -> list[str]:
    nothing = {"rows": 0, "kinds": 0, "disputed": 0, "leaked": 0, "held_out": 149, "has_target": True}
    return RepeatedRows(**{**nothing, **counts}).notes


def test_the_finding_is_told_with_its_meaning_for_scores() -> None:
    assert told() == []
    assert told(rows=1_200, kinds=600, has_target=False) == [
        "1,200 rows are equal to another row in all columns that models use (600 different rows); all are kept, and "
        "each of them counts"
    ]
    assert "in the target (1 different row); all are kept" in told(rows=2, kinds=1)[0]
    assert told(rows=20, kinds=8) == [
        "20 rows are equal to another row in all columns that models use and in the target (8 different rows); all are "
        "kept, and no held-out row stands among the training rows, but the folds of the cross-validation can share "
        "such rows"
    ]
    assert told(rows=20, kinds=8, leaked=3) == [
        "warning: 20 rows are equal to another row in all columns that models use and in the target (8 different "
        "rows); all are kept, and 3 of 149 held-out rows stand among the training rows too, so scores can be better "
        "than on new rows; delete the copies from the file if one case was recorded twice"
    ]
    assert told(disputed=6) == [
        "6 rows are equal to another row in all columns that models use, but have another target; all are kept, and no "
        "model can predict all of them right"
    ]
