"""Canonical JSON of parameter values: equal values have the same text, different values do not."""

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sklearn.preprocessing import FunctionTransformer, StandardScaler

from tasks.search.canonical_json import canonical_json

ROOT = Path(__file__).parents[3]


def is_grain(name: str) -> bool:
    return name in {"oats", "rye", "wheat", "barley"}


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


def test_functions_are_told_apart_by_the_constants_names_and_variables_of_their_code() -> None:
    def multiplied(factor: int) -> Callable[[int], int]:
        return lambda x: x * factor

    pairs: list[tuple[Any, Any]] = [
        (lambda x: x + 1, lambda x: x + 2),
        (lambda x: np.log(x), lambda x: np.exp(x)),
        (lambda x: [y + 1 for y in x], lambda x: [y + 2 for y in x]),
        (lambda x, *, a=1: x + a, lambda x, *, a=2: x + a),
        (multiplied(2), multiplied(3)),
    ]
    for one, other in pairs:
        assert canonical_json(one) != canonical_json(other)
    assert canonical_json(multiplied(2)) == canonical_json(multiplied(2))


def test_a_function_that_calls_itself_has_a_text() -> None:
    def factorial(n: int) -> int:
        return n * factorial(n - 1) if n else 1

    assert "factorial" in canonical_json(factorial)


@pytest.mark.parametrize("hash_seed", ["1", "2"])
def test_the_text_of_a_function_is_the_same_in_another_process(hash_seed: str) -> None:
    code = (
        "from tests.tasks.search.test_canonical_json import is_grain; "
        "from tasks.search.canonical_json import canonical_json; print(canonical_json(is_grain))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, "PYTHONHASHSEED": hash_seed},
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.strip() == canonical_json(is_grain)


def test_numbers_are_told_apart_by_value_not_by_type() -> None:
    assert canonical_json(np.float64(0.1)) == canonical_json(0.1)
    assert canonical_json(np.int64(3)) == canonical_json(3) != canonical_json(3.0)
    assert canonical_json(True) != canonical_json(1)
