"""Prepared columns."""

import numpy as np
import pandas as pd
import pytest

from tasks.datasets.frames import selected


@pytest.mark.parametrize("names", [["c", "a"], [], ["a"]])
def test_selected_columns_are_those_of_pandas_without_a_copy(names: list[str]) -> None:
    frame = pd.DataFrame({"a": [1.0, np.nan], "b": [2.0, 3.0], "c": pd.Categorical(["x", None])})
    found = selected(frame, names)
    pd.testing.assert_frame_equal(found, frame[names], check_column_type=False)
    assert all(
        np.shares_memory(found[name].to_numpy(), frame[name].to_numpy()) for name in names if name == "a"
    )
