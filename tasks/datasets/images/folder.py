"""Folders of image files: their images are listed and read."""

import os
import stat
from collections.abc import Callable, Sequence
from pathlib import Path

from infra.arithmetic import ceil_div
from tasks.datasets.images.layout import read_layout
from tasks.datasets.images.source import (
    ImageSource,
    LabelledImage,
    Listing,
    UnusableError,
    checked_content,
    require_length,
)
from tasks.datasets.images.walking import image_files, passed_over_words

FILES_PER_CHUNK = 64


class ImageFolder(ImageSource):
    """A folder of image files, as `tasks.datasets.images.layout.read_layout` describes it."""

    def list_images(self) -> Listing:
        """List the images and their classes, sorted by file."""
        files = image_files(self.path)
        layout = read_layout(self.path, files.images)
        return Listing(layout.images, layout.split, [*layout.notes, *passed_over_words(files.passed_over)])

    def files(self, images: Sequence[LabelledImage]) -> list[str]:
        """Files of the images."""
        return [image.file for image in images]

    def chunk_lengths(self, count: int) -> list[int]:
        """Equal lengths; the last chunk may have fewer images."""
        return [FILES_PER_CHUNK] * ceil_div(count, FILES_PER_CHUNK)

    def reader(self, files: Sequence[str]) -> Callable[[str], bytes]:
        """Return a function that reads one file of this folder."""
        return self._read

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
