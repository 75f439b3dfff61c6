"""Files of tables: from a path to raw columns, whatever the format, the compression and the number of files."""

from pathlib import Path

from infra.errors import DataError
from tasks.datasets.files.base import Content, EmptyTableError, Format, Place, Reading
from tasks.datasets.files.formats import format_of, format_of_parts
from tasks.datasets.files.hive import with_partition_columns
from tasks.datasets.files.opened import Opened, open_file
from tasks.datasets.files.parts import Parts, files_below, files_of_pattern, is_pattern, merged
from tasks.datasets.files.widening import join

__all__ = [
    "Content",
    "EmptyTableError",
    "Format",
    "Parts",
    "Reading",
    "opened_part",
    "parts_of",
    "read_part",
    "read_path",
]


def read_path(path: Path, reading: Reading) -> Content:
    """Read the table at a path.

    Parameters
    ----------
    path : Path
        A file, a folder of parts, or a pattern such as `data/part-*.csv`.
    reading : Reading
        How the user wants the table to be read.

    Returns
    -------
    Content

    Raises
    ------
    DataError
        If the table cannot be read completely; the message names the file, the line and the remedy.
    OSError
        If a file cannot be read.
    """
    if not (path.is_dir() or is_pattern(path)):
        file = open_file(path)
        return format_of(file).read(file, reading)
    chosen, parts = parts_of(path)
    return _read_parts(parts, reading, chosen)


def parts_of(path: Path) -> tuple[Format, Parts]:
    """The files of the table at a path, and their format; a single file is the only part of its table.

    Raises
    ------
    DataError
        If no file of a table is there, or a folder holds several kinds of files.
    OSError
        If a file cannot be read.
    """
    if path.is_dir():
        return _parts_of_folder(path)
    parts = files_of_pattern(path) if is_pattern(path) else Parts(path, (path,))
    return format_of(open_file(parts.paths[0])), parts


def _parts_of_folder(folder: Path) -> tuple[Format, Parts]:
    files = sorted(files_below(folder))
    chosen, paths = format_of_parts(files, folder)
    foreign = [path.relative_to(folder) for path in files if path not in set(paths)]
    notes: tuple[str, ...] = ()
    if foreign:
        verb = "file was" if len(foreign) == 1 else "files were"
        notes = (f"{len(foreign)} other {verb} passed over in the folder ('{foreign[0]}')",)
    return chosen, Parts(folder, tuple(paths), notes)


def _read_parts(parts: Parts, reading: Reading, chosen: Format) -> Content:
    """Read the parts of a table, and join them; a part without rows is passed over."""
    contents: dict[Path, Content] = {}
    empty: list[EmptyTableError] = []
    for path in parts.paths:
        try:
            contents[path] = read_part(path, parts.folder, reading, chosen)
        except EmptyTableError as error:
            empty.append(error)
    if not contents:
        raise empty[0]
    tables = {path: content.table for path, content in contents.items()}
    table, widenings = join(tables, parts.folder, may_lack=chosen.parts_may_lack_columns)
    skipped = [f"{len(empty)} of {len(parts.paths)} parts have no rows"] if empty else []
    told = merged([(path, content.notes) for path, content in contents.items()])
    count = [f"{len(contents)} parts were joined"] if len(contents) > 1 else []
    return Content(
        table,
        _place_in_parts(contents),
        (*count, *parts.notes, *skipped, *widenings, *told),
        any(content.decimal_comma for content in contents.values()),
    )


def read_part(path: Path, folder: Path, reading: Reading, chosen: Format) -> Content:
    """Read a part of a table, with a column for each folder `column=value` that holds the part.

    Parameters
    ----------
    path : Path
        The file of the part.
    folder : Path
        The folder of all parts, as messages name it.
    reading : Reading
        How the user wants the table to be read.
    chosen : Format
        The format that all parts have.

    Raises
    ------
    DataError
        If the part has another format or cannot be read completely.
    """
    file = opened_part(path, folder, chosen)
    content = chosen.read(file, reading)
    table = with_partition_columns(content.table, path, folder)
    table = table.select([index for index, name in enumerate(table.column_names) if reading.is_wanted(name)])
    return Content(table, content.place, content.notes, content.decimal_comma)


def opened_part(path: Path, folder: Path, chosen: Format) -> Opened:
    """Open a part of a table.

    Parameters
    ----------
    path : Path
        The file of the part.
    folder : Path
        The folder of all parts, as messages name it.
    chosen : Format
        The format that all parts have.

    Raises
    ------
    DataError
        If the part has another format.
    """
    file = open_file(path)
    if format_of(file) is not chosen:
        raise DataError(
            f"'{path}' in '{folder}' is {format_of(file).name} and the other parts are {chosen.name}"
        )
    return file


def _place_in_parts(contents: dict[Path, Content]) -> Place:
    def place(row: int) -> str:
        for path, content in contents.items():
            if row < len(content.table):
                return f"{content.place(row)} of '{path.name}'"
            row -= len(content.table)
        raise IndexError(row)

    return place
