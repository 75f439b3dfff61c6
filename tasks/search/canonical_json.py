"""Canonical JSON of parameter values: equal values give the same text in every process."""

import inspect
import json
from types import CodeType, FunctionType
from typing import Any

import joblib
import numpy as np
from sklearn.base import BaseEstimator


def canonical_json(value: Any) -> str:
    """Return JSON of a parameter value, with sorted keys.

    A value that JSON cannot express is written by its contents, never by its memory address. The engine of an
    estimator is left out: engines do not change results.
    """
    return json.dumps(value, sort_keys=True, default=_replacement)


def _replacement(value: Any) -> Any:
    """Replacement in JSON for a value that JSON cannot express."""
    if isinstance(value, BaseEstimator):
        parameters = value.get_params(deep=False)
        return [_qualified_name(type(value)), {k: v for k, v in parameters.items() if k != "engine"}]
    if isinstance(value, np.generic):
        return value.item()
    if inspect.isclass(value) or inspect.isbuiltin(value):
        return _qualified_name(value)
    if inspect.isfunction(value):
        variables = inspect.getclosurevars(value).nonlocals
        # functions may refer to themselves and to each other: a function in a closure is written without its own
        closure = {k: _definition(v) if inspect.isfunction(v) else v for k, v in variables.items()}
        return [*_definition(value), closure]
    return joblib.hash(value)


def _definition(function: FunctionType) -> list[Any]:
    """Name, code and defaults of a function: two lambdas may have the same name, and differ in a constant only."""
    return [
        _qualified_name(function),
        _code(function.__code__),
        function.__defaults__,
        function.__kwdefaults__,
    ]


def _code(code: CodeType) -> list[Any]:
    return [code.co_code.hex(), code.co_names, [_constant(constant) for constant in code.co_consts]]


def _constant(constant: Any) -> Any:
    if inspect.iscode(constant):
        return _code(constant)
    if isinstance(constant, frozenset):  # its order differs between processes
        return sorted(map(canonical_json, constant))
    return constant


def _qualified_name(value: Any) -> str:
    return f"{value.__module__}.{value.__qualname__}"
