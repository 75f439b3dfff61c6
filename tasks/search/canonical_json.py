"""Canonical JSON of parameter values: equal values give the same text in every process."""

import inspect
import json
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
    """What JSON writes in place of a value that it cannot express."""
    if isinstance(value, BaseEstimator):
        parameters = value.get_params(deep=False)
        return [_qualified_name(type(value)), {k: v for k, v in parameters.items() if k != "engine"}]
    if isinstance(value, np.generic):
        return value.item()
    if inspect.isclass(value) or inspect.isbuiltin(value):
        return _qualified_name(value)
    if inspect.isfunction(value):
        # two lambdas may have the same name: the bytecode tells them apart
        return [_qualified_name(value), value.__code__.co_code.hex(), repr(value.__defaults__)]
    return joblib.hash(value)


def _qualified_name(value: Any) -> str:
    return f"{value.__module__}.{value.__qualname__}"
