"""`trilla score`: predictions of a registered model for the rows of a table or the images of a folder."""

import os
from pathlib import Path
from tempfile import TemporaryDirectory
from uuid import uuid4

import pandas as pd
from rich.console import Console

from deployments.stack import bring_up
from infra.errors import DataError
from infra.model_registry import ModelRegistry
from tasks.datasets.catalogue import resolve
from tasks.models import load, score_images, score_table
from tasks.problems import problem_of


def score(model: str, data: str, out: Path) -> None:
    """Write a table of predictions, one row for each row of the data.

    Parameters
    ----------
    model : str
        Name of the model: `NAME@ALIAS`, `NAME/VERSION`, or `NAME` for the champion. NAME is the name of a registered
        model, or of a data set that has one registered model.
    data : str
        Path or address of a table, a folder of a table's parts, or a folder of images; or a name of the catalogue.
    out : Path
        File of the predictions, `.csv` or `.parquet`; the file is written whole or not at all.

    Raises
    ------
    DataError
        If there is no such model or more than one, the data lack a column, a cell cannot be read, or `out` cannot be
        written.
    """
    if out.suffix not in (".csv", ".parquet"):
        raise DataError(f"--out {out}: give a file that ends in .csv or .parquet")
    source = resolve(data)
    bring_up()
    with TemporaryDirectory() as folder:
        registry = ModelRegistry(os.environ["MLFLOW_TRACKING_URI"])
        pipeline, description = load(registry.download(model, Path(folder)))
    if problem_of(source.task).is_table == description.images:
        needs = "a folder of images" if description.images else "a table"
        raise DataError(f"'{data}': model '{model}' needs {needs}")
    predict = score_images if description.images else score_table
    console = Console()

    def tell(sentence: str) -> None:
        console.print(sentence, style="yellow", soft_wrap=True, markup=False, highlight=False)

    predictions = predict(pipeline, description, source, tell)
    _write(predictions, out)
    console.print(f"{len(predictions):,} predictions of {description.algorithm} in {out}", soft_wrap=True)


def _write(predictions: pd.DataFrame, out: Path) -> None:
    unfinished = out.with_name(f".unfinished-{uuid4().hex}{out.suffix}")
    try:
        if out.suffix == ".csv":
            predictions.to_csv(unfinished, index=False)
        else:
            predictions.to_parquet(unfinished, index=False)
        unfinished.replace(out)
    except OSError as error:
        raise DataError(f"--out {out}: {error.strerror or error}") from None
    finally:
        unfinished.unlink(missing_ok=True)
