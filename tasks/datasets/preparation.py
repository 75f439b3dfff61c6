"""A source becomes one Parquet file with its digest: what every engine, fold and trial of a study reads."""

import hashlib
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path
from typing import Any
from uuid import uuid4

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
from pydantic import BaseModel, ConfigDict, Field
from sklearn.compose import ColumnTransformer
from sklearn.impute import SimpleImputer
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from infra.engines import Engine
from infra.errors import DataError
from tasks.datasets.catalogue import Source, Task
from tasks.datasets.cleaning import Cleaned, clean
from tasks.datasets.images import prepare_images
from tasks.datasets.reading import HOLDOUT_PER_CLASS, HOLDOUT_SHARE, check, read, settled

HOLDOUT_SEED = 20260101
ROW_GROUP = 65_536  # rows; the same blocks whoever reads, so engines can take one group at a time
MAX_CATEGORIES = 50  # one-hot columns a text column may become; rarer texts share one

Target = npt.NDArray[Any]
Rows = npt.NDArray[np.intp]
Progress = Callable[[int, int], None]
"""Called with what is done and what there is to do."""


class PreparedDataset(BaseModel):
    """A cleaned table or packed images on disk, known by their digest; small enough to travel to workers."""

    model_config = ConfigDict(frozen=True)

    name: str
    task: Task
    path: str = Field(
        description="Parquet file: features in the order of the source, then the target (classes as codes); or "
        "a folder of packed images."
    )
    sha256: str = Field(description="Digest of the file's bytes.")
    target: str | None
    classes: list[str] = Field(description="Class of each code 0, 1, ...; empty without classes.")
    numeric: list[str] = Field(description="Columns of float64; missing is null.")
    categorical: list[str] = Field(description="Columns of text; missing is null.")
    rows: int
    notes: list[str] = Field(description="What cleaning did, with counts.")
    provenance: str
    caution: str = Field("", description="What to know before the figures, such as that others stand in.")
    epochs: int | None = Field(
        None, description="Epochs that networks train for; None: few and small ones, for a first look."
    )

    @property
    def columns(self) -> list[str]:
        """All feature columns: the numeric ones, then the categories."""
        return [*self.numeric, *self.categorical]

    def load(self) -> tuple[Any, Target | None]:
        """Read features and target, once a process.

        Returns
        -------
        features : pandas.DataFrame of shape (rows, n_features), or numpy.ndarray of shape (rows, size, size, 3)
            float64 (missing: NaN) and category columns; shared within the process, so not to be written into.
            Images are a memory-mapped uint8 array.
        y : numpy.ndarray of shape (rows,), or None
            Codes into `classes` (int64), or the quantity to predict (float64); None for clustering.

        Raises
        ------
        DataError
            If the file is gone or its digest is not the one it was prepared with.
        """
        if self.task == "vision":
            return _load_images(self.path)
        features, y = _load(self.path, self.sha256, self.target)
        return features.copy(deep=False), None if y is None else y.copy()


def prepare(
    source: Source,
    folder: Path,
    *,
    folds: int = 2,
    epochs: int | None = None,
    progress: Progress | None = None,
    engine: Engine | None = None,
) -> PreparedDataset:
    """Read, check and clean a source, and keep it as `<name>-<digest>.parquet` with a `.json` of what it is.

    The same input gives the same bytes; a file that is already there with its right digest is left alone.

    Parameters
    ----------
    source : Source
        What to prepare.
    folder : Path
        Where to keep it; made if it is not there.
    folds : int
        Folds of the cross-validation to come; every class must be large enough for them.
    epochs : int, optional
        Of the training of networks on images. None is a first look: a sample, if there are many images.
    progress : callable, optional
        Called now and then while images are downloaded (with bytes) or decoded (with files).
    engine : Engine, optional
        Whose workers decode images; default: threads on the cores of this machine.

    Raises
    ------
    DataError
        If the source cannot be used as it is, or the folder cannot be written.
    """
    if source.task == "vision":
        return prepare_images(source, folder, epochs, progress, engine)
    frame = read(source)
    source = settled(source, frame)
    check(frame, source, folds)
    cleaned = clean(frame, source)
    name = re.sub(r"[^\w.-]+", "-", source.name).strip("-.")[:60] or "data"
    try:
        path, sha256 = _keep_table(_as_table(cleaned, source.target), folder, name)
        prepared = _described(cleaned, source, path, sha256)
        with _temporary(folder) as unfinished:
            unfinished.write_text(prepared.model_dump_json(indent=2) + "\n", encoding="utf-8")
            unfinished.replace(path.with_suffix(".json"))
    except OSError as error:
        reason = error.strerror or error
        raise DataError(
            f"cannot keep the prepared data in '{folder}': {reason}; free or name a folder"
        ) from None
    return prepared


def holdout(prepared: PreparedDataset, y: Target, rows: int | None = None) -> tuple[Rows, Rows]:
    """Set rows aside that no search sees, by a fixed seed: of each class its share, and at least two.

    Parameters
    ----------
    prepared : PreparedDataset
        What the rows belong to.
    y : numpy.ndarray of shape (rows,)
        The target.
    rows : int, optional
        How many to hold out. None takes 19.4 %: on the diabetes table 149 of 768, as published work does.

    Returns
    -------
    train, test : numpy.ndarray of intp
        Row numbers, in ascending order.

    Raises
    ------
    DataError
        If a class has no row left for training.
    """
    total = round(len(y) * HOLDOUT_SHARE) if rows is None else rows
    generator = np.random.default_rng(HOLDOUT_SEED)
    if prepared.task == "regression":
        test = np.sort(generator.permutation(len(y))[:total])
        return np.setdiff1d(np.arange(len(y)), test), test
    counts = np.bincount(y, minlength=len(prepared.classes))
    takes = _shares(counts, total)
    for name, count, take in zip(prepared.classes, counts, takes, strict=True):
        if take >= count:
            raise DataError(
                f"class '{name}' of data set '{prepared.name}' has {count} rows, and holding out {take} "
                f"(rows={total} in all, at least {HOLDOUT_PER_CLASS} a class) leaves none to train on"
            )
    chosen = [generator.permutation(np.flatnonzero(y == code))[:take] for code, take in enumerate(takes)]
    test = np.sort(np.concatenate(chosen))
    return np.setdiff1d(np.arange(len(y)), test), test


def taken(X: Any, index: Rows) -> Any:
    """Rows of a table or of an array of images."""
    return X.iloc[index] if hasattr(X, "iloc") else X[index]


def preprocessor(prepared: PreparedDataset, *, scale: bool, impute: bool) -> ColumnTransformer:
    """Make the unfitted step from a table to numbers; fit it on the training rows of a fold only.

    Parameters
    ----------
    prepared : PreparedDataset
        Whose columns it takes.
    scale : bool
        Bring numeric columns to mean 0 and standard deviation 1.
    impute : bool
        Fill missing numbers with the column's median. Without it they pass through as NaN.

    Returns
    -------
    sklearn.compose.ColumnTransformer
        Numeric columns first, then one column a category. Missing is a category of its own, an unknown one
        counts as rare, and the names it gives hold no `[`, `]` or `<`, which XGBoost refuses.
    """
    steps = [SimpleImputer(strategy="median", keep_empty_features=True)] * impute + [StandardScaler()] * scale
    encoder = OneHotEncoder(
        handle_unknown="infrequent_if_exist",
        max_categories=MAX_CATEGORIES,
        sparse_output=False,
        feature_name_combiner=category_name,
    )
    return ColumnTransformer(
        [
            ("numeric", make_pipeline(*steps) if steps else "passthrough", prepared.numeric),
            ("categories", encoder, prepared.categorical),
        ],
        verbose_feature_names_out=plain_name,
    )


def category_name(column: str, category: object) -> str:
    """Name of a one-hot column, for example `colour=red`."""
    return f"{column}={category}"


def plain_name(_step: str, column: str) -> str:
    """Write a column's name in look-alikes of the three characters that XGBoost refuses."""
    return column.translate(str.maketrans("[]<", "⁅⁆‹"))


def _shares(counts: Rows, total: int) -> list[int]:
    """Rows to take of each class: proportional, the largest remainders rounded up, and never below two."""
    exact = counts * total / counts.sum()
    takes = np.floor(exact).astype(int)
    takes[np.argsort(takes - exact, kind="stable")[: total - takes.sum()]] += 1
    return [max(HOLDOUT_PER_CLASS, int(take)) for take in takes]


def _as_table(cleaned: Cleaned, target: str | None) -> pa.Table:
    columns = {
        name: pa.array(column.array if column.dtype == "category" else column.to_numpy(), from_pandas=True)
        for name, column in cleaned.features.items()
    }
    if target is not None:
        columns[target] = pa.array(cleaned.target)
    return pa.table(columns)


def _keep_table(table: pa.Table, folder: Path, name: str) -> tuple[Path, str]:
    folder.mkdir(parents=True, exist_ok=True)
    with _temporary(folder) as unfinished:
        pq.write_table(table, unfinished, row_group_size=ROW_GROUP)
        sha256 = _digest(unfinished)
        path = folder.absolute() / f"{name}-{sha256[:12]}.parquet"
        if not (path.is_file() and _digest(path) == sha256):
            unfinished.replace(path)
    return path, sha256


@contextmanager
def _temporary(folder: Path) -> Iterator[Path]:
    """Name a hidden file that is gone at the end unless it was renamed."""
    path = folder / f".unfinished-{uuid4().hex}"
    try:
        yield path
    finally:
        path.unlink(missing_ok=True)


def _described(cleaned: Cleaned, source: Source, path: Path, sha256: str) -> PreparedDataset:
    features = cleaned.features
    return PreparedDataset(
        name=source.name,
        task=source.task,
        path=str(path),
        sha256=sha256,
        target=source.target,
        classes=cleaned.classes,
        numeric=[name for name in features if features[name].dtype != "category"],
        categorical=[name for name in features if features[name].dtype == "category"],
        rows=len(features),
        notes=cleaned.notes,
        provenance=source.provenance,
    )


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


@lru_cache(maxsize=4)
def _load_images(path: str) -> tuple[Any, Target]:
    from tasks.vision.packed import PackedImages

    return PackedImages.open(path).load()


@lru_cache(maxsize=4)
def _load(path: str, sha256: str, target: str | None) -> tuple[pd.DataFrame, Target | None]:
    try:
        found = _digest(Path(path))
    except OSError as error:
        raise DataError(
            f"prepared data '{path}' cannot be read: {error.strerror}; prepare it again"
        ) from None
    if found != sha256:
        raise DataError(
            f"prepared data '{path}' changed during the run: sha256 {sha256[:12]} became {found[:12]}; "
            "prepare it again"
        )
    frame = pq.read_table(path).to_pandas()
    return frame.drop(columns=[target], errors="ignore"), None if target is None else frame[target].to_numpy()
