"""The source of labelled images that lies at a path: a folder of image files, or Parquet."""

from pathlib import Path

from infra.errors import DataError
from tasks.datasets.images.folder import ImageFolder
from tasks.datasets.images.parquet import ParquetImages, is_parquet
from tasks.datasets.images.source import ImageSource
from tasks.datasets.images.walking import files_below, is_hidden, named_like_an_image

ALLOWED = "give a folder of images, or Parquet with a column of images"


def image_source(path: str | Path) -> ImageSource:
    """Find out how the images at a path are stored.

    Parameters
    ----------
    path : str or Path
        A folder of image files (see `ImageFolder`), a Parquet file, or a folder of Parquet files (see
        `ParquetImages`). A folder that holds both is a folder of image files with a table beside them.

    Returns
    -------
    ImageSource

    Raises
    ------
    DataError
        If there is nothing at the path, or a file that is not Parquet.
    """
    place = Path(path).expanduser().resolve()
    if not place.exists():
        raise DataError(f"no folder '{path}'; {ALLOWED}")
    if place.is_dir():
        return ParquetImages(place) if _holds_only_parquet(place) else ImageFolder(place)
    if not is_parquet(place.name):
        raise DataError(f"'{path}' is a file that is not Parquet; {ALLOWED}")
    return ParquetImages(place)


def holds_images(folder: Path) -> bool:
    """Whether a folder, judged by the names of its files, holds images and no Parquet."""
    names = _visible_files(folder)
    return any(map(named_like_an_image, names)) and not any(map(is_parquet, names))


def _holds_only_parquet(folder: Path) -> bool:
    names = _visible_files(folder)
    return any(map(is_parquet, names)) and not any(map(named_like_an_image, names))


def _visible_files(folder: Path) -> list[str]:
    return [name for name in files_below(folder) if not is_hidden(name)]
