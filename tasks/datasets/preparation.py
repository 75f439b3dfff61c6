"""Preparation of a table: one Parquet file with its digest, which every engine, fold and trial of a study reads."""

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from infra.storage import put, temporary
from tasks.datasets.catalogue import Source, Task
from tasks.datasets.checking import check_size
from tasks.datasets.cleaning import Cleaned, clean
from tasks.datasets.keeping import cannot_write, file_name, keep_text
from tasks.datasets.missing import MISSING_WORDS
from tasks.datasets.prepared import PreparedDataset, file_digest
from tasks.datasets.raw import RawTable
from tasks.datasets.reading import read
from tasks.datasets.survey import survey
from tasks.datasets.table_marks import with_hints
from tasks.datasets.table_rules import TableRules

ROW_GROUP = (
    65_536  # rows of a block; all readers see the same blocks, so engines can read one block at a time
)


def prepare_table(source: Source, folder: Path, rules: TableRules, *, folds: int = 2) -> PreparedDataset:
    """Read, check and clean a table, and write `<name>-<digest>.parquet` with a description and a survey beside it.

    The same input gives the same bytes; an existing file with the right digest is not written again.

    Parameters
    ----------
    source : Source
        The table.
    folder : Path
        The folder where prepared data are kept; a missing folder is made.
    rules : TableRules
        The demands of the problem that the table poses.
    folds : int
        Number of folds of the cross-validation to come; every class must be large enough for them.

    Returns
    -------
    PreparedDataset

    Raises
    ------
    DataError
        If the table cannot be used as it is, or the folder cannot be written.
    """
    table = read_training_table(source)
    cleaned, task = checked_and_cleaned(table, source, rules, folds)
    return keep(table, cleaned, task, source, folder)


def keep(table: RawTable, cleaned: Cleaned, task: Task, source: Source, folder: Path) -> PreparedDataset:
    """Write a cleaned table with a description and a survey beside it.

    Parameters
    ----------
    table : RawTable
        The table as it was read.
    cleaned : Cleaned
        The table after cleaning.
    task : {"classification", "regression", "clustering"}
        The task of the table.
    source : Source
        The source of the table.
    folder : Path
        The folder where prepared data are kept; a missing folder is made.

    Raises
    ------
    DataError
        If the folder cannot be written.
    """
    name = file_name(source.name)
    try:
        path, sha256 = _keep_table(_as_table(cleaned, source.target), folder, name)
        prepared = _described(cleaned, table.notes, source, task, path, sha256)
        keep_text(prepared.model_dump_json(indent=2), path.with_suffix(".json"))
        keep_text(survey(table, cleaned).model_dump_json(indent=1), prepared.survey_path)
    except OSError as error:
        raise cannot_write(folder, error) from None
    return prepared


def read_training_table(source: Source) -> RawTable:
    """Read all columns of a source's table.

    Raises
    ------
    DataError
        If the table cannot be read completely.
    """
    words = (*MISSING_WORDS, *source.options.missing)
    return with_hints(read(source, missing_words=words), source.options.decimal_mark)


def checked_and_cleaned(
    table: RawTable, source: Source, rules: TableRules, folds: int
) -> tuple[Cleaned, Task]:
    """Check and clean a table, and tell the task, which the values of the target may decide.

    Parameters
    ----------
    table : RawTable
        The table.
    source : Source
        The source of the table, with its target.
    rules : TableRules
        The demands of the problem that the table poses.
    folds : int
        Number of folds of the cross-validation to come.

    Raises
    ------
    DataError
        If the table cannot be used as it is.
    """
    check_size(table)
    settled = rules.settled(table, source)
    return clean(table, source, settled, folds), settled.task


def _as_table(cleaned: Cleaned, target: str | None) -> pa.Table:
    columns = {
        name: pa.array(column.array if column.dtype == "category" else column.to_numpy(), from_pandas=True)
        for name, column in cleaned.features.items()
    }
    if target is not None:
        columns[target] = pa.array(cleaned.target)
    return pa.table(columns)


def _keep_table(table: pa.Table, folder: Path, name: str) -> tuple[Path, str]:
    folder.mkdir(parents=True, exist_ok=True)
    with temporary(folder) as unfinished:
        pq.write_table(table, unfinished, row_group_size=ROW_GROUP)
        sha256 = file_digest(unfinished)
        path = folder.absolute() / f"{name}-{sha256[:12]}.parquet"
        if not (path.is_file() and file_digest(path) == sha256):
            put(unfinished, path)
    return path, sha256


def _described(
    cleaned: Cleaned, notes: tuple[str, ...], source: Source, task: Task, path: Path, sha256: str
) -> PreparedDataset:
    return PreparedDataset(
        name=source.name,
        task=task,
        path=str(path),
        sha256=sha256,
        recipe=cleaned.recipe,
        rows=len(cleaned.features),
        notes=[*notes, *cleaned.notes],
        provenance=source.provenance,
        own=source.own,
    )
