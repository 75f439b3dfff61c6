"""The formats of files that trilla reads; a new format is one module and one line here."""

from collections.abc import Sequence
from pathlib import Path

from infra.errors import DataError
from tasks.datasets.files.base import Format
from tasks.datasets.files.columnar import ArrowFile, Orc
from tasks.datasets.files.excel import Spreadsheet
from tasks.datasets.files.json_records import JsonRecords
from tasks.datasets.files.opened import Opened, plain_name
from tasks.datasets.files.parquet import Parquet
from tasks.datasets.files.text.reader import DelimitedText

FORMATS: tuple[Format, ...] = (Parquet(), Orc(), ArrowFile(), Spreadsheet(), JsonRecords(), DelimitedText())
"""The formats in the order in which a file is compared with them; the last one takes what no other one takes."""


def format_of(file: Opened) -> Format:
    """The format of a file, which its first bytes or its name show."""
    return next(one for one in FORMATS if one.fits(file))


def format_of_parts(paths: Sequence[Path], folder: Path) -> tuple[Format, list[Path]]:
    """The one format of the parts in a folder, by their names, and the parts.

    Parameters
    ----------
    paths : sequence of Path
        All files below the folder.
    folder : Path
        The folder, as messages name it.

    Returns
    -------
    Format
        The format.
    list of Path
        The files of this format; the others are foreign.

    Raises
    ------
    DataError
        If there are files of several formats or of none.
    """
    found = [(one, [path for path in paths if _suffix(path) in one.part_suffixes]) for one in FORMATS]
    found = [(one, files) for one, files in found if files]
    if not found:
        known = ", ".join(suffix for one in FORMATS for suffix in one.part_suffixes)
        others = f"; '{paths[0].relative_to(folder)}' is none" if paths else ""
        raise DataError(f"folder '{folder}' holds no file of a table ({known}){others}")
    if len(found) > 1:
        kinds = " and ".join(f"{one.name} ('{files[0].relative_to(folder)}')" for one, files in found)
        raise DataError(f"folder '{folder}' holds both {kinds}; keep one kind of files in a folder")
    return found[0]


def _suffix(path: Path) -> str:
    return Path(plain_name(path.name)).suffix.lower()
