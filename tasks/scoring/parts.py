"""A part of a folder of predictions: a Parquet file that is there as a whole or not at all, and describes itself."""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from uuid import uuid4

import pyarrow as pa
import pyarrow.parquet as pq
from pydantic import BaseModel, ConfigDict, ValidationError

from infra.errors import DataError
from tasks.datasets.findings import Findings
from tasks.datasets.prepared import file_digest

KEY = b"trilla"
"""Key of the description among the metadata of a part's schema."""
UNFINISHED = ".unfinished-"
"""Beginning of the name of a part that is being written; readers of folders pass over such names."""
ROW_GROUP = 131_072


class PartDescription(BaseModel):
    """What a part says about itself.

    Parameters
    ----------
    run : str
        Digest of the run that the part belongs to.
    number : int
        Number of the piece of the table, from 0.
    piece : str
        Name of the piece.
    findings : Findings
        What is to be told about the rows.
    """

    model_config = ConfigDict(frozen=True)

    run: str
    number: int
    piece: str
    findings: Findings


@dataclass(frozen=True)
class Part:
    """A part that is there.

    Parameters
    ----------
    description : PartDescription
        What the part says about itself.
    sha256 : str
        Digest of the file's bytes.
    """

    description: PartDescription
    sha256: str

    @property
    def file(self) -> str:
        """Name of the file."""
        return part_name(self.description.number)

    @property
    def rows(self) -> int:
        """Number of rows."""
        return self.description.findings.rows


def part_name(number: int) -> str:
    """Name of the file of a part."""
    return f"part-{number:05}.parquet"


def write_part(columns: pa.Table, description: PartDescription, folder: Path) -> Part:
    """Write a part under a temporary name, and give it its name when all of its bytes are on the disk.

    Parameters
    ----------
    columns : pyarrow.Table
        The columns.
    description : PartDescription
        What the part says about itself.
    folder : Path
        The folder of the predictions.

    Raises
    ------
    DataError
        If the folder cannot be written.
    """
    unfinished = folder / f"{UNFINISHED}{uuid4().hex}"
    told = {KEY: description.model_dump_json().encode()}
    try:
        with unfinished.open("wb") as file:
            pq.write_table(columns.replace_schema_metadata(told), file, row_group_size=ROW_GROUP)
            file.flush()
            os.fsync(file.fileno())
        part = Part(description, file_digest(unfinished))
        unfinished.replace(folder / part.file)
        sync(folder)
    except OSError as error:
        raise DataError(
            f"a part of the predictions cannot be written to '{folder}': {error.strerror or error}"
        ) from None
    finally:
        unfinished.unlink(missing_ok=True)
    return part


def read_part(file: Path) -> Part | None:
    """Read what a part says about itself; None if the file is no part that this version of trilla wrote."""
    try:
        told = (pq.read_schema(file).metadata or {}).get(KEY)
        description = None if told is None else PartDescription.model_validate_json(told)
    except (pa.ArrowException, ValidationError, OSError):
        return None
    return None if description is None else Part(description, file_digest(file))


def sync(folder: Path) -> None:
    """Have the disk keep the names of a folder's files."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def joined(tables: Sequence[pa.Table]) -> pa.Table:
    """Tables one below the other, in one chunk, so that equal values give equal files."""
    return pa.concat_tables(tables).combine_chunks()
