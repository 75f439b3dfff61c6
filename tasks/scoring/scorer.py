"""The work of one worker: a piece of a table is read, prepared, predicted and written as one part."""

from dataclasses import dataclass
from pathlib import Path

import pandas as pd
import pyarrow as pa
from sklearn.pipeline import Pipeline

from infra.errors import TrillaError
from tasks.datasets.files import EmptyTableError
from tasks.datasets.findings import find
from tasks.datasets.kept import kept_columns, require_kept
from tasks.datasets.pieces import Piece
from tasks.datasets.raw import RawTable
from tasks.models import Description, target_of
from tasks.scoring.parts import Part, PartDescription, joined, write_part

BATCH_ROWS = 65_536
"""Rows that are predicted at a time; copies that a model makes of the rows need no more memory than for these."""


@dataclass(frozen=True)
class Job:
    """What all pieces of a run have in common, sent once to each worker.

    Parameters
    ----------
    model : Pipeline
        The fitted model.
    description : Description
        The description of the model.
    keep : tuple of str
        Columns of the table that are carried along.
    folder : Path
        The folder of the predictions.
    run : str
        Digest of the run.
    """

    model: Pipeline
    description: Description
    keep: tuple[str, ...]
    folder: Path
    run: str


@dataclass(frozen=True)
class NumberedPiece:
    """A piece of a table with its number, from 0."""

    number: int
    piece: Piece


@dataclass(frozen=True)
class Empty:
    """The outcome of a piece that has no rows, and therefore no part."""

    reason: str


@dataclass(frozen=True)
class Refused:
    """The outcome of a piece that cannot be used; a value and no exception, which not every engine hands over."""

    reason: str


Outcome = Part | Empty | Refused


def score_piece(item: NumberedPiece, job: Job) -> Outcome:
    """Read, prepare and predict a piece, and write its part.

    Parameters
    ----------
    item : NumberedPiece
        The piece.
    job : Job
        What all pieces have in common.
    """
    try:
        table = job.description.recipe.read_piece(item.piece, job.keep)
        require_kept(job.keep, table.names, table.path, lambda: item.piece.read().names)
        return _scored(item, job, table) if table.rows else Empty(f"{item.piece.name} has no rows to predict")
    except EmptyTableError as error:
        return Empty(str(error))
    except TrillaError as error:
        return Refused(str(error))


def _scored(item: NumberedPiece, job: Job, table: RawTable) -> Part:
    recipe, fitted = job.description.recipe, job.model["prepare"]
    X = recipe.apply(table)
    findings = find(recipe, fitted, table, X, item.piece.name).cut()
    columns = _predicted(job, X)
    for place, name in enumerate(job.keep):
        columns = columns.add_column(place, name, kept_columns(table, [name])[name].combine_chunks())
    described = PartDescription(run=job.run, number=item.number, piece=item.piece.name, findings=findings)
    return write_part(columns, described, job.folder)


def _predicted(job: Job, X: pd.DataFrame) -> pa.Table:
    target = target_of(job.description)
    batches = (X.iloc[start : start + BATCH_ROWS] for start in range(0, len(X), BATCH_ROWS))
    return joined(
        [
            pa.Table.from_pandas(target.predictions(job.model, batch), preserve_index=False)
            for batch in batches
        ]
    )
