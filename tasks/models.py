"""Fitted models as files without pickle; a file is loaded only if every type in it is on a list of trusted types."""

import json
import sys
from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any, NoReturn

import pandas as pd
from pydantic import BaseModel, ConfigDict, ValidationError
from sklearn.pipeline import Pipeline

from infra.errors import DataError, ParameterError
from infra.extras import VISION
from tasks.datasets.catalogue import Source, Task
from tasks.datasets.findings import find
from tasks.datasets.images.deep import FULL_RANGE, ValueRange
from tasks.datasets.kept import kept_columns, require_free, require_kept
from tasks.datasets.reading import read
from tasks.datasets.recipe import Recipe
from tasks.datasets.targets import TargetColumn

MODEL_FILE, DESCRIPTION_FILE = "model.skops", "model.json"
NETWORK_FOLDER = "network"
TRUSTED = (
    "lightgbm.basic.Booster",
    "numpy.dtype",
    "sklearn.model_selection._split.KFold",
    "sklearn.tree._tree.Tree",
    "tasks.datasets.encoding.ngrams.NGramEncoder",
    "tasks.datasets.encoding.strongest_columns.StrongestColumns",
    "tasks.datasets.preprocessing.category_name",
    "tasks.datasets.preprocessing.plain_name",
    "tasks.ensembles.",
    "tasks.linear.",
    "tasks.ways.",
    "xgboost.core.Booster",
)
"""Types that a model may hold besides the types that skops trusts; a name that ends in a dot is a package."""


FORMAT = 2
"""Version of the description's format; models of format 1, whose description names no format, have no recipe."""


class Description(BaseModel):
    """Description of a model file, which is enough to use the model on new rows."""

    model_config = ConfigDict(frozen=True)

    format: int = FORMAT
    dataset: str
    sha256: str
    """Digest of the prepared data; the model was fitted on all of their rows, of a large table on the training rows."""
    task: Task
    algorithm: str
    search: str
    params: dict[str, Any]
    recipe: Recipe
    """Steps that prepared the columns of the training table, and that prepare every table to predict."""
    images: bool = False
    """Whether the rows are images and not rows of a table."""
    value_range: ValueRange = FULL_RANGE
    """Values of images with more than 8 bits a pixel that become black and white."""
    versions: dict[str, str]

    @property
    def classes(self) -> list[str]:
        """Name of the class of each code 0, 1, ...; empty without classes."""
        return self.recipe.classes


def save(model: Pipeline, description: Description, folder: Path) -> None:
    """Write a fitted pipeline and its description into a folder.

    Parameters
    ----------
    model : Pipeline
        The fitted pipeline; this function sets the engine of the pipeline's model to None.
    description : Description
        The description of the model, with the recipe of its columns.
    folder : Path
        Folder of the model's files; a missing folder is made.
    """
    folder.mkdir(parents=True, exist_ok=True)
    if description.images:
        from tasks.vision import saving

        saving.save(model[-1], folder / NETWORK_FOLDER)
    else:
        if "model__engine" in model.get_params():  # an engine cannot be used in another process
            model.set_params(model__engine=None)
        _skops().dump(model, folder / MODEL_FILE)
    (folder / DESCRIPTION_FILE).write_text(description.model_dump_json(indent=2) + "\n", encoding="utf-8")


def _skops() -> Any:
    """Import `skops.io` without torch, and return it.

    skops imports all packages of scikit-learn. One of these packages supports torch arrays and imports torch, which
    takes 3 seconds and is not needed here.
    """
    unneeded = "sklearn.externals.array_api_compat.torch"
    if unneeded in sys.modules:
        import skops.io
    else:
        sys.modules[unneeded] = None  # type: ignore[assignment]  # skops skips modules that cannot be imported
        try:
            import skops.io
        finally:
            del sys.modules[unneeded]
    return skops.io


def load(folder: Path) -> tuple[Pipeline, Description]:
    """Read a model and its description from a folder that `save` wrote.

    Raises
    ------
    DataError
        If there is no model, the model has another format, or the model holds a type that is not trusted; nothing
        of the model is loaded then.
    """
    skops = _skops()
    try:
        description = _read_description(folder / DESCRIPTION_FILE)
        if description.images:
            VISION.require()
            from tasks.vision import saving

            return Pipeline([("model", saving.load(folder / NETWORK_FOLDER))]), description
        unknown = skops.get_untrusted_types(file=folder / MODEL_FILE)
        strange = sorted(name for name in unknown if not _is_trusted(name))
        if strange:
            raise DataError(f"model '{folder}' holds {strange[0]}, which is not trusted: it is not loaded")
        return skops.load(folder / MODEL_FILE, trusted=unknown), description
    except (DataError, ParameterError):
        raise
    except (OSError, ValueError, KeyError) as error:
        raise DataError(f"'{folder}' is no model of trilla: {_in_one_line(error)}") from None


def _read_description(file: Path) -> Description:
    found = json.loads(file.read_text("utf-8"))
    if isinstance(found, dict) and "algorithm" in found and found.get("format") != FORMAT:
        _refuse_format(found)
    return Description.model_validate(found)


def _refuse_format(found: Mapping[str, Any]) -> NoReturn:
    model = f"the {found['algorithm']} model of data set '{found.get('dataset')}'"
    if "recipe" not in found:
        raise DataError(
            f"{model} was saved by an earlier version of trilla, without the recipe by which its columns were "
            "prepared; run the study again to register a model with its recipe"
        )
    raise DataError(
        f"{model} has format {found.get('format')}, and this version of trilla reads format {FORMAT}; "
        "run the study again with this version"
    )


def _in_one_line(error: Exception) -> str:
    if isinstance(error, ValidationError):
        first = error.errors()[0]
        return f"{'.'.join(map(str, first['loc']))}: {first['msg']}"
    return " ".join(str(error).split())


def _is_trusted(name: str) -> bool:
    return any(name.startswith(known) if known.endswith(".") else name == known for known in TRUSTED)


Tell = Callable[[str], None]
"""Function that is called with each sentence about the reading of new rows."""


def in_silence(_sentence: str) -> None:
    """Tell nobody."""


def score_table(
    model: Pipeline,
    description: Description,
    source: Source,
    tell: Tell = in_silence,
    keep: Sequence[str] = (),
) -> pd.DataFrame:
    """Predictions for the rows of a table.

    Parameters
    ----------
    model : Pipeline
        The fitted model.
    description : Description
        The description of the model; its recipe prepares the rows.
    source : Source
        The table; the order of its columns is free, and columns that the model does not use are ignored.
    tell : callable
        Function that is called with each sentence that tells how the table was read, and what is new in it.
    keep : sequence of str
        Names of columns of the table that are carried along, as they stand in the table.

    Returns
    -------
    pandas.DataFrame
        The columns that are carried along, `prediction` (class names or the quantity) and, for classes, `probability
        of NAME` of each class.

    Raises
    ------
    DataError
        If the table cannot be read or has no rows, or a column that is needed is missing or holds a value
        that the column cannot hold; the message names the file, the column and the line.
    """
    recipe = description.recipe
    require_free(keep, target_of(description))
    table = recipe.read(source, keep)
    require_kept(keep, table.names, table.path, lambda: read(recipe.as_in_training(source)).names)
    X = recipe.apply(table)
    if not table.rows:
        raise DataError(f"'{source.path}' has no rows to predict")
    for sentence in find(recipe, model["prepare"], table, X).sentences(recipe, model["prepare"]):
        tell(sentence)
    predictions = target_of(description).predictions(model, X)
    if not keep:
        return predictions
    kept: pd.DataFrame = kept_columns(table, keep).to_pandas(types_mapper=pd.ArrowDtype)
    return pd.concat([kept, predictions], axis=1)


def score_images(
    model: Pipeline, description: Description, source: Source, tell: Tell = in_silence
) -> pd.DataFrame:
    """Predictions for all images of a folder and of the folders in it.

    Parameters
    ----------
    model : Pipeline
        The fitted model.
    description : Description
        The description of the model.
    source : Source
        The folder of images.
    tell : callable
        Function that is called with each sentence that tells which files are passed over.

    Returns
    -------
    pandas.DataFrame
        Columns `file`, `prediction`, `probability of NAME` of each class, and `error`, the reason why a file has no
        prediction.

    Raises
    ------
    DataError
        If there is no image.
    """
    from tasks.datasets.images.unlabelled import decode_folder

    files, images, errors, notes = decode_folder(
        source.path, model[-1].image_shape_[0], description.value_range
    )
    for sentence in notes:
        tell(sentence)
    found = target_of(description).predictions(model, images)
    found.insert(0, "file", [file for file, error in zip(files, errors, strict=True) if error is None])
    every = pd.DataFrame({"file": files, "error": errors})
    return every.merge(found, on="file", how="left")[[*found.columns, "error"]]


def target_of(description: Description) -> TargetColumn:
    """The target of a model.

    Raises
    ------
    DataError
        If the model predicts nothing, as a clustering.
    """
    target = description.recipe.target
    if target is None:
        raise DataError(
            f"the {description.algorithm} model of data set '{description.dataset}' has no target to predict"
        )
    return target


@lru_cache(maxsize=1)
def library_versions() -> dict[str, str]:
    """Versions of the packages that a model's file depends on."""
    from importlib.metadata import version

    return {name: version(name) for name in ("trilla", "scikit-learn", "skops", "xgboost", "lightgbm")}
