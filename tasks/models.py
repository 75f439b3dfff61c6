"""Fitted models as files: without pickle, and read only if every type in them is one of ours or a library's."""

import json
import sys
from functools import lru_cache
from pathlib import Path
from typing import Any

import pandas as pd
from pydantic import BaseModel, ConfigDict
from sklearn.pipeline import Pipeline

from infra.errors import DataError, ParameterError
from infra.extras import VISION
from tasks.datasets.catalogue import Task

MODEL_FILE, DESCRIPTION_FILE = "model.skops", "model.json"
NETWORK_FOLDER = "network"
TRUSTED = (
    "lightgbm.basic.Booster",
    "sklearn.tree._tree.Tree",
    "tasks.datasets.preprocessing.category_name",
    "tasks.datasets.preprocessing.plain_name",
    "tasks.ensembles.",
    "xgboost.core.Booster",
)
"""Types that a model may hold beyond those that skops trusts; a name that ends in a dot is a package."""


class Description(BaseModel):
    """What a model file is: enough to use it on new rows."""

    model_config = ConfigDict(frozen=True)

    dataset: str
    sha256: str
    """Digest of the prepared table that it was fitted on, all rows of it."""
    task: Task
    algorithm: str
    search: str
    params: dict[str, Any]
    classes: list[str]
    numeric: list[str]
    categorical: list[str]
    versions: dict[str, str]


def save(model: Pipeline, description: Description, folder: Path) -> None:
    """Write a fitted pipeline and what it is into a folder."""
    folder.mkdir(parents=True, exist_ok=True)
    if description.task == "vision":
        from tasks.vision import saving

        saving.save(model[-1], folder / NETWORK_FOLDER)
    else:
        if "model__engine" in model.get_params():  # an engine ends with its process
            model.set_params(model__engine=None)
        _skops().dump(model, folder / MODEL_FILE)
    (folder / DESCRIPTION_FILE).write_text(description.model_dump_json(indent=2) + "\n", encoding="utf-8")


def _skops() -> Any:
    """Give `skops.io`, imported without torch.

    At its import it walks through all packages of scikit-learn, and one of them, made for arrays of torch,
    imports torch: 3 seconds for nothing.
    """
    unneeded = "sklearn.externals.array_api_compat.torch"
    if unneeded in sys.modules:
        import skops.io
    else:
        sys.modules[unneeded] = None  # type: ignore[assignment]  # the walk passes by what cannot be imported
        try:
            import skops.io
        finally:
            del sys.modules[unneeded]
    return skops.io


def load(folder: Path) -> tuple[Pipeline, Description]:
    """Read what `save` wrote.

    Raises
    ------
    DataError
        If there is no model, or it holds a type that is not trusted: nothing of it is loaded then.
    """
    skops = _skops()
    try:
        description = Description.model_validate_json((folder / DESCRIPTION_FILE).read_text("utf-8"))
        if description.task == "vision":
            VISION.require()
            from tasks.vision import saving

            return Pipeline([("model", saving.load(folder / NETWORK_FOLDER))]), description
        unknown = skops.get_untrusted_types(file=folder / MODEL_FILE)
        strange = sorted(name for name in unknown if not _trusted(name))
        if strange:
            raise DataError(f"model '{folder}' holds {strange[0]}, which is not trusted: it is not loaded")
        return skops.load(folder / MODEL_FILE, trusted=unknown), description
    except (DataError, ParameterError):
        raise
    except (OSError, ValueError, KeyError, json.JSONDecodeError) as error:
        raise DataError(f"'{folder}' is no model of trilla: {error}") from None


def _trusted(name: str) -> bool:
    return any(name.startswith(known) if known.endswith(".") else name == known for known in TRUSTED)


def score_table(model: Pipeline, description: Description, frame: pd.DataFrame) -> pd.DataFrame:
    """Predictions for the rows of a table.

    Parameters
    ----------
    frame : pandas.DataFrame
        As `tasks.datasets.reading.read` gives it; columns that the model does not know are left out.

    Returns
    -------
    pandas.DataFrame
        `prediction` (class names or the quantity) and, for classes, `probability of NAME` of each.

    Raises
    ------
    DataError
        If a column that the model was fitted on is missing, or holds text where numbers belong.
    """
    X = _features(description, frame)
    if description.task == "regression":
        return pd.DataFrame({"prediction": model.predict(X)})
    return _classes_of(model, description, X)


def score_images(model: Pipeline, description: Description, folder: Path) -> pd.DataFrame:
    """Predictions for all images below a folder.

    Returns
    -------
    pandas.DataFrame
        `file`, `prediction`, `probability of NAME` of each class, and `error`: why a file has no prediction.

    Raises
    ------
    DataError
        If there is no image.
    """
    from tasks.datasets.images.unlabelled import decode_folder

    files, images, errors = decode_folder(folder, model[-1].image_shape_[0])
    found = _classes_of(model, description, images)
    found.insert(0, "file", [file for file, error in zip(files, errors, strict=True) if error is None])
    every = pd.DataFrame({"file": files, "error": errors})
    return every.merge(found, on="file", how="left")[[*found.columns, "error"]]


def _classes_of(model: Pipeline, description: Description, X: Any) -> pd.DataFrame:
    shares = model.predict_proba(X)
    names = [description.classes[code] for code in model.classes_]
    found = {f"probability of {name}": column for name, column in zip(names, shares.T, strict=True)}
    return pd.DataFrame({"prediction": [names[i] for i in shares.argmax(axis=1)], **found})


def _features(description: Description, frame: pd.DataFrame) -> pd.DataFrame:
    wanted = [*description.numeric, *description.categorical]
    missing = [name for name in wanted if name not in frame]
    if missing:
        raise DataError(f"column '{missing[0]}' is missing; the model needs: {', '.join(wanted)}")
    for name in description.numeric:
        if not pd.api.types.is_numeric_dtype(frame[name]):
            raise DataError(f"column '{name}' holds texts; the model was fitted on numbers")
    numbers = frame[description.numeric].astype("float64")
    texts = frame[description.categorical].astype("string").astype("category")
    return pd.concat([numbers, texts], axis=1)


@lru_cache(maxsize=1)
def library_versions() -> dict[str, str]:
    """Versions that a model's file depends on."""
    from importlib.metadata import version

    return {name: version(name) for name in ("trilla", "scikit-learn", "skops", "xgboost", "lightgbm")}
