"""Files that a command writes beside its output: checked before the work, and written whole or not at all."""

import os
from pathlib import Path

from infra.errors import ParameterError


def check_result_file(flag: str, path: Path | None) -> None:
    """Refuse a file that cannot be written, before the work begins.

    Raises
    ------
    ParameterError
        If the file is a folder, or lies in a folder that does not exist or cannot be written.
    """
    if path and path.is_dir():
        raise ParameterError(f"{flag} {path}: it is a folder; name a file in it")
    if path and not os.access(path.absolute().parent, os.W_OK):
        raise ParameterError(f"{flag} {path}: its folder does not exist or cannot be written")


def write_whole(path: Path, text: str) -> None:
    """Write a text file whole or not at all."""
    unfinished = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        unfinished.write_text(text, encoding="utf-8")
        unfinished.replace(path)
    finally:
        unfinished.unlink(missing_ok=True)
