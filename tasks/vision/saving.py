"""Trained networks as files: weights as safetensors, all else as JSON, and no pickle."""

from collections.abc import Mapping
from dataclasses import asdict
from numbers import Integral
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.utils.validation import check_is_fitted

from infra.errors import DataError
from tasks.vision.convnet import ConvNetClassifier
from tasks.vision.network import Architecture, trained_network
from tasks.vision.tensor_files import read_arrays, write_arrays

MODEL_FILE, WEIGHTS_FILE = "model.json", "model.safetensors"


def save(model: ConvNetClassifier, folder: str | Path) -> None:
    """Write a fitted model into a folder; engine, callbacks and the folder of checkpoints are left out."""
    check_is_fitted(model, "weights_")
    parameters = model.get_params(deep=False) | {"engine": None, "callbacks": (), "checkpoints": None}
    if not isinstance(model.random_state, Integral | None):
        parameters["random_state"] = None
    description = {
        "parameters": {name: _json_value(value) for name, value in parameters.items()},
        "classes": _labels_to_json(model.classes_),
        "architecture": asdict(model.architecture_),
        "history": model.history_,
        "n_shards": model.n_shards_,
        "device": model.device_,
    }
    write_arrays(Path(folder), MODEL_FILE, WEIGHTS_FILE, model.weights_, description)


def load(folder: str | Path) -> ConvNetClassifier:
    """Read a model that `save` wrote.

    Raises
    ------
    DataError
        If there is no model in the folder, or it is damaged.
    """
    weights, description = read_arrays(Path(folder), MODEL_FILE)
    try:
        model = ConvNetClassifier(**description["parameters"])
        model._validate_params()
        model.architecture_ = Architecture(**description["architecture"])
        model.classes_ = _labels_from_json(description["classes"])
        model.history_, model.n_shards_ = description["history"], description["n_shards"]
        model.device_, model.n_iter_ = description["device"], len(model.history_)
        model.image_shape_ = (model.architecture_.height, model.architecture_.width, 3)
        model.weights_ = weights
        trained_network(model.architecture_, weights)  # raises if the weights do not fit
    except (KeyError, TypeError, ValueError, RuntimeError) as error:
        raise DataError(f"'{folder}' is not a model that classifies images: {error}") from None
    return model


def _json_value(value: Any) -> Any:
    """A parameter as a value that JSON can hold."""
    return value.item() if isinstance(value, np.generic) else value


def _labels_to_json(classes: NDArray[Any]) -> dict[str, Any]:
    return {"dtype": "object" if classes.dtype.hasobject else classes.dtype.str, "labels": classes.tolist()}


def _labels_from_json(content: Mapping[str, Any]) -> NDArray[Any]:
    return np.array(content["labels"], dtype=np.dtype(content["dtype"]))
