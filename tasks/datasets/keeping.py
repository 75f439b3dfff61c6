"""Files that are written whole or not at all, in the folder of prepared data."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from uuid import uuid4

from infra.errors import DataError

UNFINISHED = ".unfinished-"
"""Beginning of the names of files that are not whole yet."""


@contextmanager
def temporary(folder: Path) -> Iterator[Path]:
    """Yield the path of a hidden file, and delete the file at the end unless it was renamed."""
    path = folder / f"{UNFINISHED}{uuid4().hex}"
    try:
        yield path
    finally:
        path.unlink(missing_ok=True)


def keep_text(text: str, path: Path) -> None:
    """Write a text and a line end to a file."""
    with temporary(path.parent) as unfinished:
        unfinished.write_text(text + "\n", encoding="utf-8")
        unfinished.replace(path)


def file_name(name: str) -> str:
    """Name of a data set, as the name of a file can begin."""
    return re.sub(r"[^\w.-]+", "-", name).strip("-.")[:60] or "data"


def cannot_write(folder: Path, error: OSError) -> DataError:
    """The error that says why prepared data cannot be written."""
    return DataError(
        f"cannot write the prepared data to '{folder}': {error.strerror or error}; make room, or set TRILLA_HOME to "
        "another folder"
    )
