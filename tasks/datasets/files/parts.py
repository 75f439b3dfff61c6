"""Tables in several files: the parts in a folder, as Dask, Spark and Hive write them, or the files of a pattern."""

import glob
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePath

from infra.errors import DataError
from infra.storage import matching, walk


@dataclass(frozen=True)
class Parts:
    """The files that together are one table.

    Parameters
    ----------
    folder : Path
        The folder or the pattern that names the files.
    paths : tuple of Path
        The files, in the order of their names.
    notes : tuple of str
        Sentences on files that were passed over.
    """

    folder: Path
    paths: tuple[Path, ...]
    notes: tuple[str, ...] = ()


def is_pattern(path: Path) -> bool:
    """Whether a path that does not exist is a pattern such as `data/part-*.csv`."""
    return glob.has_magic(str(path)) and not path.exists()


def pattern_name(pattern: PurePath) -> str:
    """Name of a table whose files match a pattern: the last name without stars and endings, or else the folder's."""
    stem = re.split(r"[*?\[]", pattern.name)[0].strip("-_. ")
    return stem or pattern.parent.name or "data"


def files_of_pattern(pattern: Path) -> Parts:
    """Every file whose path matches a pattern; `**` stands for any number of folders.

    Raises
    ------
    DataError
        If no file matches.
    """
    paths = tuple(path for path in sorted(matching(pattern)) if path.is_file() and not is_hidden(path.name))
    if not paths:
        raise DataError(f"no file matches '{pattern}'")
    return Parts(pattern, paths)


def files_below(folder: Path) -> Iterator[Path]:
    """Every file below a folder; hidden names (`.x`, `_x`) are ignored.

    Raises
    ------
    DataError
        If a link leads out of the folder.
    """
    root = folder.resolve()
    for place, folders, files in walk(folder):
        folders[:] = sorted(name for name in folders if not is_hidden(name))
        for name in (*folders, *(name for name in files if not is_hidden(name))):
            entry = place / name
            if entry.is_symlink() and not entry.resolve().is_relative_to(root):
                raise DataError(
                    f"'{entry.relative_to(folder)}' in '{folder}' is a link out of that folder; put the file itself "
                    "there"
                )
            if name not in folders:
                yield entry


def is_hidden(name: str) -> bool:
    """Whether programs hide a file of this name, or mark with it that they are done (`_SUCCESS`)."""
    return name.startswith(".") or (name.startswith("_") and "=" not in name)


def merged(notes: Sequence[tuple[Path, Sequence[str]]]) -> list[str]:
    """Notes on the parts: one that holds for several parts is given once, with the number of parts."""
    counts = Counter(note for _, found in notes for note in found)
    places = {note: path for path, found in reversed(notes) for note in found}
    return [
        f"in '{places[note].name}': {note}" if count == 1 else f"in {count} of {len(notes)} parts: {note}"
        for note, count in counts.items()
    ]
