"""Parameters as text: the same text for equal values, in any process."""

import inspect
import json
from typing import Any

import joblib
import numpy as np
from sklearn.base import BaseEstimator


def text(value: Any) -> str:
    """Return JSON of a parameter's value; what JSON lacks stands there by its contents, never by its address.

    Engines are left out of estimators: they do not change results.
    """
    return json.dumps(value, sort_keys=True, default=_other)


def _other(value: Any) -> Any:
    if isinstance(value, BaseEstimator):
        parameters = value.get_params(deep=False)
        return [_name(type(value)), {k: v for k, v in parameters.items() if k != "engine"}]
    if isinstance(value, np.generic):
        return value.item()
    if inspect.isclass(value) or inspect.isbuiltin(value):
        return _name(value)
    if inspect.isfunction(value):
        # the code too: two lambdas may share a name
        return [_name(value), value.__code__.co_code.hex(), repr(value.__defaults__)]
    return joblib.hash(value)


def _name(value: Any) -> str:
    return f"{value.__module__}.{value.__qualname__}"
