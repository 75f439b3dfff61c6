"""What images a source holds, of which classes, and the bytes of each."""

import os
import stat
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple, Self

from infra.errors import DataError
from tasks.datasets.images import parquet

SUFFIXES = (".jpg", ".jpeg", ".png", ".gif", ".bmp", ".webp", ".tif", ".tiff", ".ppm", ".pgm")
"""Endings that tell images from what else lies beside them, where no folder does."""
MOST_BYTES = 64 * 2**20
LEAST_IMAGES = 2
FILES_A_CHUNK = 64


class LabelledImage(NamedTuple):
    """One image of a source."""

    file: str
    """Path relative to the source, with `/` between its parts; in Parquet `part.parquet#row`, from 0."""
    label: str


class UnusableError(Exception):
    """Why an image cannot be used, in words."""


def find_images(path: str | Path) -> list[LabelledImage]:
    """List the images of a source and their classes, without opening any image.

    Parameters
    ----------
    path : str or Path
        A folder with a sub-folder a class (what lies deeper belongs to the class of the top sub-folder), a
        folder of files whose names begin with the class and a dot (`cat.0.jpg`), or Parquet (a file, or a
        folder of them) with a column of image bytes and a column of labels; see `tasks.datasets.images.parquet`.
        Hidden files and folders are ignored. Symbolic links to folders are not followed.

    Returns
    -------
    list of LabelledImage
        In the order of their files (rows, in Parquet). In the folder of a class every file counts, so that
        what is no image is quarantined and listed when it is decoded; in a flat folder only names with the
        ending of an image do.

    Raises
    ------
    DataError
        If there is no such source, it holds no image or fewer than two classes, a class has fewer than two
        images, or the layout is not one of the three.
    """
    return ImageSource.at(path).images()


@dataclass(frozen=True)
class ImageSource:
    """Where images lie, as files of a folder or as rows of Parquet."""

    path: Path
    is_parquet: bool

    @classmethod
    def at(cls, path: str | Path) -> Self:
        """Tell what lies at a path.

        Raises
        ------
        DataError
            If there is nothing, or it is a file that is not Parquet.
        """
        place, wanted = Path(path).expanduser().resolve(), "give a folder of images, or Parquet of them"
        if not place.exists():
            raise DataError(f"no folder '{path}'; {wanted}")
        if not place.is_dir():
            if not parquet.is_parquet(place.name):
                raise DataError(f"'{path}' is a file that is not Parquet; {wanted}")
            return cls(place, True)
        names = [file.lower() for file in files_below(place)]
        # a folder of images may have a table beside them
        rows = any(map(parquet.is_parquet, names)) and not any(name.endswith(SUFFIXES) for name in names)
        return cls(place, rows)

    def images(self) -> list[LabelledImage]:
        """All images, as `find_images` lists them."""
        if self.is_parquet:
            images = [LabelledImage(*row) for row in parquet.labelled_rows(self.path)]
        else:
            images = sorted(_in_folder(self.path))
        require_classes(self.path, Counter(image.label for image in images), "images")
        return images

    def files(self, images: Sequence[LabelledImage]) -> list[str]:
        """Files on disk that hold the images, relative to the source."""
        if self.is_parquet:
            return [parquet.relative(self.path, part) for part in parquet.parts(self.path)]
        return [image.file for image in images]

    def chunks(self, images: Sequence[LabelledImage]) -> list[tuple[int, tuple[str, ...]]]:
        """Consecutive images that are decoded together: the number of the first, and their files."""
        lengths: Iterable[int] = [FILES_A_CHUNK] * -(-len(images) // FILES_A_CHUNK)
        if self.is_parquet:
            lengths = parquet.chunk_lengths(self.path)
        found, start = [], 0
        for length in lengths:
            found.append((start, tuple(image.file for image in images[start : start + length])))
            start += length
        return found

    def reader(self, files: Sequence[str]) -> Callable[[str], bytes]:
        """Return what gives the bytes of each of `files`, or raises `UnusableError`."""
        if self.is_parquet:
            rows = parquet.read(self.path, files)
            return lambda file: _checked(rows[file])
        return lambda file: _read(self.path, file)


def files_below(folder: Path) -> Iterator[str]:
    """Files in a folder at any depth that are not hidden, relative to it; links to folders count as files."""
    for place, folders, files in os.walk(folder):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        links = [name for name in folders if os.path.islink(os.path.join(place, name))]
        # a path object for each file would take longer than all else that is done with the list
        inner = Path(place).relative_to(folder).as_posix()
        prefix = "" if inner == "." else f"{inner}/"
        for name in sorted([*files, *links]):
            if not name.startswith("."):
                yield prefix + name


def holds_images(folder: Path) -> bool:
    """Whether a folder is one of images: it holds some, by their names, and no Parquet."""
    names = [name.lower() for name in files_below(folder)]
    return any(name.endswith(SUFFIXES) for name in names) and not any(map(parquet.is_parquet, names))


def require_classes(source: Path, counts: Mapping[str, int], what: str) -> None:
    """Refuse a source from whose images nothing can be learned.

    Raises
    ------
    DataError
        If there are fewer than two classes, or one of them has fewer than two images.
    """
    if not counts:
        raise DataError(
            f"'{source}' holds no {what}; give a folder with a sub-folder of images for each class"
        )
    if len(counts) < 2:
        only = next(iter(counts))
        inner = f"; is '{source / only}' meant?" if (source / only).is_dir() else ""
        raise DataError(f"'{source}' has one class only, '{only}'; at least two are needed{inner}")
    small, count = min(counts.items(), key=lambda item: (item[1], item[0]))
    if count < LEAST_IMAGES:
        raise DataError(
            f"class '{small}' in '{source}' has {count} {what}; at least {LEAST_IMAGES} a class are needed"
        )


def _in_folder(source: Path) -> list[LabelledImage]:
    files = list(files_below(source))
    loose = [file for file in files if "/" not in file]
    linked = next((file for file in loose if (source / file).is_dir()), None)
    if linked is not None:
        raise DataError(
            f"'{source / linked}' is a symbolic link to a folder; give the folder of a class itself"
        )
    flat = [file for file in loose if file.lower().endswith(SUFFIXES)]
    nested = [LabelledImage(file, file.partition("/")[0]) for file in files if "/" in file]
    if flat and nested:
        raise DataError(
            f"'{source}' holds images both in sub-folders and beside them ('{flat[0]}'); "
            "put each into the sub-folder of its class"
        )
    return nested or [LabelledImage(file, _prefix(source, file)) for file in flat]


def _prefix(source: Path, file: str) -> str:
    label, *others = file.split(".")
    if len(others) < 2 or not label:
        raise DataError(
            f"'{source / file}' names no class; call files like cat.0.jpg, or give each class a sub-folder"
        )
    return label


def _read(source: Path, file: str) -> bytes:
    # path objects and resolved paths of all files would take a tenth of the decoding
    path = os.path.join(source, file)
    try:
        status = os.lstat(path)
        if stat.S_ISLNK(status.st_mode):  # no folder on the way is one: they are not walked
            if not Path(path).resolve().is_relative_to(source):
                raise UnusableError("symbolic link out of the folder")
            status = os.stat(path)
        if stat.S_ISDIR(status.st_mode):
            raise UnusableError("symbolic link to a folder")
        if not stat.S_ISREG(status.st_mode):
            raise UnusableError("not a regular file")
        if status.st_size > MOST_BYTES:
            raise UnusableError(_too_many(status.st_size))
        with open(path, "rb", buffering=0) as stream:
            return _checked(stream.read())
    except (OSError, RuntimeError) as error:  # RuntimeError: links in a circle
        raise UnusableError(
            f"cannot be read: {getattr(error, 'strerror', None) or 'links in a circle'}"
        ) from None


def _checked(data: bytes | None) -> bytes:
    if not data:
        raise UnusableError("empty: 0 bytes")
    if len(data) > MOST_BYTES:
        raise UnusableError(_too_many(len(data)))
    return data


def _too_many(count: int) -> str:
    return f"oversized: {count:,} bytes, at most {MOST_BYTES:,} are read"
