"""The place of a user's data: on the disk, or in a store where workers read the pieces of a large table."""

from dataclasses import dataclass
from pathlib import Path

from infra.storage import matching, path_of
from infra.stored_path import StoredPath, is_stored
from tasks.datasets.files.parts import is_pattern
from tasks.datasets.files.remote import fetched, refuse
from tasks.datasets.large.sizes import is_large

FETCHED_BYTES = 1 << 24
"""Number of bytes up to which files are fetched, because so few are fetched sooner than they are looked at."""


@dataclass(frozen=True)
class Located:
    """Where data are read.

    Parameters
    ----------
    path : Path
        A file, a folder or a pattern, on the disk or in a store.
    is_table : bool
        Whether the files are known to be those of a table.
    notes : tuple of str
        Sentences on how the data came to this place.
    """

    path: Path
    is_table: bool = False
    notes: tuple[str, ...] = ()


def located(address: str) -> Located:
    """The place of the data at an address: a large table stays in its store, other files are fetched to the disk.

    Parameters
    ----------
    address : str
        Address of a file, of a folder of parts, or a pattern such as `s3://bucket/part-*.csv`.

    Raises
    ------
    DataError
        If there is nothing at the address, a package or credentials are missing, or the connection breaks.
    """
    if is_stored(address):
        path = path_of(address)
        if _size(address, path) > FETCHED_BYTES and is_large(path):
            return Located(path, is_table=True)
    path = fetched(address)
    if path.is_dir() or not is_large(path):
        return Located(path)
    note = (
        f"'{address}' was fetched whole before it was read; only Parquet and CSV at a plain address of s3://, gs:// or "
        "hdfs:// are read piece by piece at their place"
    )
    return Located(path, notes=(note,))


def _size(address: str, path: Path) -> int:
    """Number of bytes of the files at a place in a store."""
    try:
        found = matching(path) if is_pattern(path) else [path]
        return sum(one.size() for one in found if isinstance(one, StoredPath))
    except OSError as error:
        refuse(address, error)
