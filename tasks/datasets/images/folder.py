"""Folders of image files, with a sub-folder for each class or with the class in the names of the files."""

import os
import stat
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from infra.arithmetic import ceil_div
from infra.errors import DataError
from tasks.datasets.images.source import (
    ImageSource,
    LabelledImage,
    UnusableError,
    checked_content,
    require_length,
)

SUFFIXES = (".jpg", ".jpeg", ".png", ".gif", ".bmp", ".webp", ".tif", ".tiff", ".ppm", ".pgm")
"""Endings of the names of image files, where no sub-folder marks the files of a class."""
FILES_PER_CHUNK = 64


class ImageFolder(ImageSource):
    """A folder of image files.

    Either each class has a sub-folder, and whatever lies deeper belongs to the class of the top sub-folder; or
    all files lie in the folder itself, and their names begin with the class and a dot (`cat.0.jpg`).

    In the sub-folder of a class every file counts as an image, so that a file that is no image is quarantined and
    listed when the files are decoded. In a folder without sub-folders only files with one of the `SUFFIXES` count.
    """

    def list_images(self) -> list[LabelledImage]:
        """List the images and their classes, sorted by file."""
        files = list(files_below(self.path))
        top_files = [file for file in files if "/" not in file]
        self._refuse_linked_folders(top_files)
        flat = [file for file in top_files if file.lower().endswith(SUFFIXES)]
        nested = [LabelledImage(file, file.partition("/")[0]) for file in files if "/" in file]
        if flat and nested:
            raise DataError(
                f"'{self.path}' holds images both in sub-folders and beside them ('{flat[0]}'); "
                "put each image into the sub-folder of its class"
            )
        return sorted(nested or [LabelledImage(file, self._class_in_name(file)) for file in flat])

    def files(self, images: Sequence[LabelledImage]) -> list[str]:
        """Files of the images."""
        return [image.file for image in images]

    def chunk_lengths(self, count: int) -> list[int]:
        """Equal lengths; the last chunk may have fewer images."""
        return [FILES_PER_CHUNK] * ceil_div(count, FILES_PER_CHUNK)

    def reader(self, files: Sequence[str]) -> Callable[[str], bytes]:
        """Return a function that reads one file of this folder."""
        return self._read

    def _refuse_linked_folders(self, top_files: Sequence[str]) -> None:
        linked = next((file for file in top_files if (self.path / file).is_dir()), None)
        if linked is not None:
            raise DataError(
                f"'{self.path / linked}' is a symbolic link to a folder, which is not followed; "
                "put the folder itself there"
            )

    def _class_in_name(self, file: str) -> str:
        label, *others = file.split(".")
        if len(others) < 2 or not label:
            raise DataError(
                f"the name of '{self.path / file}' does not begin with a class; name files like cat.0.jpg, "
                "or put the images of each class into a sub-folder"
            )
        return label

    def _read(self, file: str) -> bytes:
        # path objects and resolved paths of all files would take a tenth of the time of decoding
        path = os.path.join(self.path, file)
        try:
            status = os.lstat(path)
            if stat.S_ISLNK(status.st_mode):  # the folders on the way are no links: those are not walked
                if not Path(path).resolve().is_relative_to(self.path):
                    raise UnusableError("symbolic link out of the folder")
                status = os.stat(path)
            _require_regular(status)
            with open(path, "rb", buffering=0) as stream:
                return checked_content(stream.read())
        except OSError as error:
            raise UnusableError(f"cannot be read: {error.strerror or 'links in a circle'}") from None
        except RuntimeError:  # raised by `resolve`
            raise UnusableError("cannot be read: links in a circle") from None


def _require_regular(status: os.stat_result) -> None:
    if stat.S_ISDIR(status.st_mode):
        raise UnusableError("symbolic link to a folder")
    if not stat.S_ISREG(status.st_mode):
        raise UnusableError("not a regular file")
    require_length(status.st_size)


def files_below(folder: Path) -> Iterator[str]:
    """Yield the files in a folder at any depth, relative to the folder.

    Hidden files and folders are left out. Symbolic links to folders are not followed but yielded as files.
    """
    for place, folders, files in os.walk(folder):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        links = [name for name in folders if os.path.islink(os.path.join(place, name))]
        # a path object for each file would take longer than all else that is done with the list
        inner = Path(place).relative_to(folder).as_posix()
        prefix = "" if inner == "." else f"{inner}/"
        for name in sorted([*files, *links]):
            if not name.startswith("."):
                yield prefix + name
