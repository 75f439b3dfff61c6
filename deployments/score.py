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
from tasks.datasets.reading import read
from tasks.models import load, score_images, score_table


def score(model: str, data: str, out: Path) -> None:
    """Write a table of predictions, a row for each row of the data.

    Parameters
    ----------
    model : str
        `NAME@ALIAS`, `NAME/VERSION`, or `NAME`, which is its champion.
    data : str
        CSV or Parquet file or folder, or a folder of images.
    out : Path
        `.csv` or `.parquet`; written whole or not at all.

    Raises
    ------
    DataError
        If there is no such model, the data lacks a column, or `out` cannot be written.
    """
    if out.suffix not in (".csv", ".parquet"):
        raise DataError(f"--out {out}: give a file that ends in .csv or .parquet")
    source = resolve(data)
    frame = None if source.task == "vision" else read(source)
    bring_up()
    with TemporaryDirectory() as folder:
        pipeline, description = load(
            ModelRegistry(os.environ["MLFLOW_TRACKING_URI"]).download(model, Path(folder))
        )
    if (frame is None) != (description.task == "vision"):
        needs = "a folder of images" if frame is not None else "a table"
        raise DataError(f"'{data}': model '{model}' needs {needs}")
    predictions = (
        score_images(pipeline, description, source.path)
        if frame is None
        else score_table(pipeline, description, frame)
    )
    _write(predictions, out)
    Console().print(f"{len(predictions):,} predictions of {description.algorithm} in {out}", soft_wrap=True)


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
