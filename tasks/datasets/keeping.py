"""Files that are written whole or not at all, in the place of prepared data."""

import re
from pathlib import Path

from infra.errors import DataError
from infra.storage import put, temporary
from infra.store_errors import reason_of


def keep_text(text: str, path: Path) -> None:
    """Write a text and a line end to a file."""
    with temporary(path.parent) as unfinished:
        unfinished.write_text(text + "\n", encoding="utf-8")
        put(unfinished, path)


def file_name(name: str) -> str:
    """Name of a data set, as the name of a file can begin."""
    return re.sub(r"[^\w.-]+", "-", name).strip("-.")[:60] or "data"


def cannot_write(folder: Path, error: OSError) -> DataError:
    """The error that says why prepared data cannot be written."""
    return DataError(
        f"cannot write the prepared data to '{folder}': {reason_of(error)}; remove the cause, or set TRILLA_DATA "
        "to another folder or address"
    )
