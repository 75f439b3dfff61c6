"""Fitted networks as files, without pickle."""

from dataclasses import asdict
from numbers import Integral
from pathlib import Path
from typing import Any

import numpy as np
from sklearn.utils.validation import check_is_fitted

from infra.errors import DataError
from tasks.vision import checkpoints as files
from tasks.vision.convnet import ConvNetClassifier
from tasks.vision.network import Architecture, loaded

MODEL_FILE, WEIGHTS_FILE = "model.json", "model.safetensors"


def save(model: ConvNetClassifier, folder: str | Path) -> None:
    """Write a fitted model into a folder: the weights as safetensors, all else as JSON.

    Engine, callbacks and the folder of checkpoints are left out.
    """
    check_is_fitted(model, "weights_")
    parameters = model.get_params(deep=False) | {"engine": None, "callbacks": (), "checkpoints": None}
    if not isinstance(model.random_state, Integral | None):
        parameters["random_state"] = None
    about = {
        "parameters": {name: _plain(value) for name, value in parameters.items()},
        "classes": files.labels_to_json(model.classes_),
        "architecture": asdict(model.architecture_),
        "history": model.history_,
        "n_shards": model.n_shards_,
        "device": model.device_,
    }
    files.write(Path(folder), MODEL_FILE, WEIGHTS_FILE, model.weights_, about)


def load(folder: str | Path) -> ConvNetClassifier:
    """Read a model that `save` wrote.

    Raises
    ------
    DataError
        If there is none, or it is damaged.
    """
    weights, about = files.read(Path(folder), MODEL_FILE)
    try:
        model = ConvNetClassifier(**about["parameters"])
        model._validate_params()
        model.architecture_ = Architecture(**about["architecture"])
        model.classes_ = files.labels_from_json(about["classes"])
        model.history_, model.n_shards_ = about["history"], about["n_shards"]
        model.device_, model.n_iter_ = about["device"], len(model.history_)
        model.image_shape_ = (model.architecture_.height, model.architecture_.width, 3)
        model.weights_ = weights
        loaded(model.architecture_, weights)
    except (KeyError, TypeError, ValueError, RuntimeError) as error:
        raise DataError(f"'{folder}' is no model of pictures: {error}") from None
    return model


def _plain(value: Any) -> Any:
    """A parameter as JSON has it."""
    return value.item() if isinstance(value, np.generic) else value
