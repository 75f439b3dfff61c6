"""The files of a folder of images: which of them are images, and which are passed over and counted."""

import os
import stat
from collections import Counter
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import NamedTuple

from infra.errors import DataError
from tasks.datasets.images.decoding import is_image

SUFFIXES = (
    ".jpg", ".jpeg", ".jpe", ".jfif", ".png", ".apng", ".gif", ".bmp", ".webp", ".tif", ".tiff", ".ppm", ".pgm",
    ".pbm", ".pnm", ".avif",
)  # fmt: skip
"""Endings of the names of image files that can be decoded."""
UNREADABLE_SUFFIXES = (
    ".heic", ".heif", ".jp2", ".j2k", ".jxl", ".psd", ".svg", ".tga", ".ico", ".dcm", ".dng", ".nef", ".cr2",
    ".cr3", ".arw", ".exr", ".hdr",
)  # fmt: skip
"""Endings of the names of image files that cannot be decoded; such files are unusable images, not other files."""
SYSTEM_FILES = ("thumbs.db", "ehthumbs.db", "desktop.ini")
RESOURCE_FOLDER = "__MACOSX"
SHOWN_KINDS = 6
"""Number of kinds of files that a note names."""


class FolderFiles(NamedTuple):
    """Files of a folder at any depth."""

    images: list[str]
    """Image files, relative to the folder, with `/` as separator; whether they can be decoded is not known yet."""
    passed_over: Counter[str]
    """Number of the other files, by kind."""


def image_files(folder: Path) -> FolderFiles:
    """Sort the files of a folder into images and others.

    A file is an image if its name ends like that of an image, or if its first bytes are those of an image that can be
    decoded. Hidden files and folders, and the folders `__MACOSX` of unzipped archives, are passed over. Symbolic links
    count as images, so that a link that cannot be used is listed among the unusable images.

    Parameters
    ----------
    folder : Path
        Folder of images.

    Raises
    ------
    DataError
        If a folder cannot be read.
    """
    images, passed_over = [], Counter[str]()
    for file in files_below(folder):
        if is_hidden(file):
            passed_over[_hidden_kind(file)] += 1
        elif named_like_an_image(file) or _is_link_or_image(os.path.join(folder, file)):
            images.append(file)
        else:
            passed_over[_kind(file)] += 1
    return FolderFiles(images, passed_over)


def files_below(folder: Path) -> Iterator[str]:
    """Yield the files in a folder at any depth, relative to the folder; hidden files are among them.

    Symbolic links to folders are not followed but yielded as files.
    """
    for place, folders, files in os.walk(folder, onerror=_refuse_unreadable):
        folders.sort()
        links = [name for name in folders if os.path.islink(os.path.join(place, name))]
        # a path object for each file would take longer than all else that is done with the list
        inner = Path(place).relative_to(folder).as_posix()
        prefix = "" if inner == "." else f"{inner}/"
        for name in sorted([*files, *links]):
            yield prefix + name


def named_like_an_image(file: str) -> bool:
    """Whether a file's name ends like that of an image."""
    return file.lower().endswith(SUFFIXES + UNREADABLE_SUFFIXES)


def is_hidden(file: str) -> bool:
    """Whether a file, or a folder on the way to it, is hidden or holds the resource forks of an archive."""
    return "/." in f"/{file}" or f"/{RESOURCE_FOLDER}/" in f"/{file}"


def passed_over_words(passed_over: Counter[str]) -> list[str]:
    """Sentence about the files that are passed over; no sentence without such files."""
    total = passed_over.total()
    if not total:
        return []
    ranked = sorted(passed_over.items(), key=lambda item: (-item[1], item[0]))
    words = [f"{count:,} {kind}" for kind, count in ranked[:SHOWN_KINDS]]
    others = total - sum(count for _, count in ranked[:SHOWN_KINDS])
    words += [f"{others:,} others"] if others else []
    return [f"files that are no images are passed over ({total:,}): {', '.join(words)}"]


def _refuse_unreadable(error: OSError) -> None:
    raise DataError(f"folder '{error.filename}' cannot be read: {error.strerror}") from error


def _is_link_or_image(path: str) -> bool:
    mode = os.lstat(path).st_mode
    return stat.S_ISLNK(mode) or (stat.S_ISREG(mode) and is_image(path))


def _hidden_kind(file: str) -> str:
    hidden = next(part for part in file.split("/") if part.startswith(".") or part == RESOURCE_FOLDER)
    if hidden.startswith("._"):
        return "._*"
    if hidden == file.rpartition("/")[2] and hidden != ".DS_Store":
        return "hidden"
    return hidden


def _kind(file: str) -> str:
    path = PurePosixPath(file)
    if path.name.lower() in SYSTEM_FILES:
        return path.name
    return path.suffix.lower() or "without an ending"
