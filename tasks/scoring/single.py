"""Predictions for a table or for images that fit into memory: one file, written whole or not at all."""

from collections.abc import Sequence
from pathlib import Path
from uuid import uuid4

import pandas as pd

from infra.errors import DataError
from tasks.datasets.catalogue import Source
from tasks.datasets.kept import collapsed
from tasks.models import Tell, score_images, score_table
from tasks.scoring.loading import LoadedModel

SUFFIXES = (".csv", ".parquet")


def score_file(model: LoadedModel, source: Source, out: Path, keep: Sequence[str], tell: Tell) -> int:
    """Write the predictions for a source to a file, and return their number.

    Parameters
    ----------
    model : LoadedModel
        The model.
    source : Source
        A table, or a folder of images.
    out : Path
        The file, `.csv` or `.parquet`.
    keep : sequence of str
        Columns of the table that are carried along.
    tell : callable
        Function that is called with each sentence that tells how the source was read, and what is new in it.

    Raises
    ------
    DataError
        If the source cannot be used, or the file cannot be written.
    """
    if not model.description.images:
        predictions = score_table(model.pipeline, model.description, source, tell, collapsed(keep))
    elif keep:
        raise DataError(f"--keep {keep[0]}: images have no columns")
    else:
        predictions = score_images(model.pipeline, model.description, source, tell)
    _write(predictions, out)
    return len(predictions)


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
