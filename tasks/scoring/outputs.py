"""Where predictions go: one file, or a folder of parts."""

from pathlib import Path

from infra.errors import DataError
from tasks.scoring.single import SUFFIXES


def is_folder(out: Path) -> bool:
    """Whether a path means a folder of parts: an existing folder, or a new name without an ending.

    Raises
    ------
    DataError
        If the path means neither a file nor a folder of predictions.
    """
    if out.is_dir():
        return True
    if out.suffix in SUFFIXES:
        return False
    if out.exists() or out.suffix:
        is_there = "; a file of this name exists" if out.exists() else ""
        raise DataError(
            f"--out {out}: give a file that ends in .csv or .parquet, or a folder, which is a name without an ending "
            f"or a folder that exists{is_there}"
        )
    return True
