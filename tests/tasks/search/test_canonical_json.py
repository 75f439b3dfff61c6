"""Canonical JSON of parameter values: equal values have the same text, different values do not."""

import numpy as np
from sklearn.preprocessing import FunctionTransformer, StandardScaler

from tasks.search.canonical_json import canonical_json


def test_arrays_that_differ_in_one_element_are_told_apart() -> None:
    a, b = np.zeros((600, 4)), np.zeros((600, 4))
    b[300, 2] = 1.0
    assert repr(a) == repr(b)
    assert canonical_json({"init": a}) != canonical_json({"init": b})
    assert canonical_json({"init": a}) == canonical_json({"init": a.copy()})


def test_functions_are_told_apart_by_their_code() -> None:
    one, same, other = (FunctionTransformer(f) for f in (lambda x: x + 1, lambda x: x + 1, lambda x: x * x))
    assert canonical_json(one) == canonical_json(same) != canonical_json(other)
    assert canonical_json(FunctionTransformer(np.log1p)) != canonical_json(FunctionTransformer(np.log))
    assert "0x" not in canonical_json(
        [test_arrays_that_differ_in_one_element_are_told_apart, StandardScaler, len, np.log]
    )


def test_numbers_are_told_apart_by_value_not_by_type() -> None:
    assert canonical_json(np.float64(0.1)) == canonical_json(0.1)
    assert canonical_json(np.int64(3)) == canonical_json(3) != canonical_json(3.0)
    assert canonical_json(True) != canonical_json(1)
