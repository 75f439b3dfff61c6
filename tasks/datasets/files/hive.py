"""Folders that hold the values of a column in their names, as Hive and Spark write them: `year=2024/part-0.parquet`."""

from pathlib import Path
from urllib.parse import unquote

import pyarrow as pa

MISSING_PARTITION = "__HIVE_DEFAULT_PARTITION__"


def with_partition_columns(table: pa.Table, path: Path, folder: Path) -> pa.Table:
    """Add a column of text for each folder `column=value` between a folder and the file of a part.

    Parameters
    ----------
    table : pyarrow.Table
        The columns of the part.
    path : Path
        The file of the part.
    folder : Path
        The folder of all parts.

    Returns
    -------
    pyarrow.Table
    """
    folders = path.relative_to(folder).parts[:-1] if path.is_relative_to(folder) else ()
    for name, mark, value in (one.partition("=") for one in folders):
        if mark:
            text = None if value == MISSING_PARTITION else unquote(value)
            table = table.append_column(unquote(name), pa.array([text] * len(table), pa.string()))
    return table
