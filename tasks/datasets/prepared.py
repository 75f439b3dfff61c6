"""A prepared data set: a cleaned table or packed images on disk, with the reader and the split of its rows."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
from pydantic import BaseModel, ConfigDict, Field

from infra.errors import DataError
from infra.storage import arrow_location, path_of
from infra.store_errors import reason_of
from tasks.datasets.catalogue import Task
from tasks.datasets.frames import is_category
from tasks.datasets.images.deep import FULL_RANGE, ValueRange
from tasks.datasets.images.packed import PackedImages
from tasks.datasets.recipe import Recipe
from tasks.datasets.survey import TableSurvey

Target = npt.NDArray[Any]
RowNumbers = npt.NDArray[np.intp]
SURVEY = "_columns.json"
"""Name of the survey in a folder of parts; readers of Parquet folders pass over names that begin with `_`."""
PART_SUFFIX = ".parquet"


class PreparedDataset(BaseModel):
    """A cleaned table or packed images on disk, identified by a digest; small enough to be sent to workers."""

    model_config = ConfigDict(frozen=True)

    name: str
    task: Task
    path: str = Field(
        description="Parquet file: features in the order of the source, then the target (classes as codes); a folder "
        "of such files, which are the parts of a large table; or a folder of packed images."
    )
    sha256: str = Field(description="Digest of the file's bytes, or of the digests of the parts.")
    recipe: Recipe = Field(description="Steps that prepared the columns of the table, and the target.")
    rows: int
    notes: list[str] = Field(description="Changes that cleaning made, with counts.")
    provenance: str
    caution: str = Field("", description="Warning about the data, for example that other images were used.")
    images: bool = Field(False, description="Whether the rows are images in a packed folder, not a table.")
    own: bool = Field(True, description="Whether the data are the user's own, and not of the catalogue.")
    by_blocks: bool = Field(
        False, description="Whether the table is so large that models are trained from blocks of its rows."
    )
    value_range: ValueRange = Field(
        FULL_RANGE, description="Values of images with more than 8 bits a pixel that became black and white."
    )

    part_rows: tuple[int, ...] = Field(
        (), description="Number of rows of each part of a large table; empty for a single file."
    )

    @property
    def is_large(self) -> bool:
        """Whether the table is a folder of parts, which no process should hold at once."""
        return bool(self.part_rows)

    @property
    def target(self) -> str | None:
        """Name of the column to predict; None without a column to predict."""
        return self.recipe.target.name if self.recipe.target else None

    @property
    def classes(self) -> list[str]:
        """Name of the class of each code 0, 1, ...; empty without classes."""
        return self.recipe.classes

    @property
    def numeric(self) -> list[str]:
        """Names of the float64 columns, in which a missing value is null."""
        return self.recipe.numeric

    @property
    def categorical(self) -> list[str]:
        """Names of the columns of a few different texts, in which a missing value is null."""
        return self.recipe.categorical

    @property
    def many_valued(self) -> list[str]:
        """Names of the columns of many different texts that repeat, in which a missing value is null."""
        return self.recipe.many_valued

    @property
    def texts(self) -> list[str]:
        """Names of the columns of texts that hardly repeat, in which a missing value is null."""
        return self.recipe.texts

    @property
    def columns(self) -> list[str]:
        """All feature columns: first the numeric columns, then the columns of texts."""
        return [*self.numeric, *self.categorical, *self.many_valued, *self.texts]

    @property
    def survey_path(self) -> Path:
        """File with the table's survey, which is not sent to workers, because tables may be wide."""
        if self.is_large:
            return path_of(self.path) / SURVEY
        return path_of(self.path).with_suffix(".columns.json")

    def survey(self) -> TableSurvey | None:
        """Read what was done to each column of the table; None for images.

        Raises
        ------
        DataError
            If the file does not exist any more.
        """
        if self.images:
            return None
        try:
            return TableSurvey.model_validate_json(self.survey_path.read_bytes())
        except OSError as error:
            raise DataError(
                f"the survey '{self.survey_path}' cannot be read: {reason_of(error)}; prepare the data again"
            ) from None

    def load(self) -> tuple[Any, Target | None]:
        """Read features and target; each process reads the file once.

        Returns
        -------
        features : pandas.DataFrame of shape (rows, n_features), or numpy.ndarray of shape (rows, size, size, 3)
            float64 columns (missing: NaN) and category columns; do not write into them, because all callers in the
            process share them. Images are a memory-mapped uint8 array.
        y : numpy.ndarray of shape (rows,), or None
            Codes into `classes` (int64), or the quantity to predict (float64); None for clustering.

        Raises
        ------
        DataError
            If the file does not exist any more, or its digest differs from the digest at preparation.
        """
        if self.images:
            return _load_images(self.path)
        load = _load_parts if self.is_large else _load
        features, y = load(self.path, self.sha256, self.target)
        return features.copy(deep=False), None if y is None else y.copy()


@dataclass(frozen=True)
class Split:
    """Rows that models are trained on, and held-out rows that no search sees.

    Parameters
    ----------
    X : pandas.DataFrame or numpy.ndarray
        Features of the training rows.
    y : numpy.ndarray of shape (rows,), or None
        Target of the training rows; None without a target.
    X_test, y_test : as X and y
        Features and target of the held-out rows; None if no rows are held out.
    """

    X: Any
    y: Any = None
    X_test: Any = None
    y_test: Any = None


def taken(X: Any, index: RowNumbers) -> Any:
    """Rows of a table or of an array of images."""
    return X.iloc[index] if hasattr(X, "iloc") else X[index]


def file_digest(path: Path) -> str:
    """SHA-256 of a file's bytes, in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def read_parquet(path: Path) -> pa.Table:
    """The table in a Parquet file."""
    place, filesystem = arrow_location(path)
    return pq.read_table(place, filesystem=filesystem)


def digest_of_parts(digests: Sequence[str]) -> str:
    """Digest of a folder of parts, in hexadecimal: of the digests of its files, in their order."""
    return hashlib.sha256("\n".join(digests).encode()).hexdigest()


@lru_cache(maxsize=4)
def _load_images(path: str) -> tuple[Any, Target]:
    return PackedImages.open(path).load()


@lru_cache(maxsize=4)
def _load(path: str, sha256: str, target: str | None) -> tuple[pd.DataFrame, Target | None]:
    try:
        found = file_digest(path_of(path))
    except OSError as error:
        raise DataError(
            f"prepared data '{path}' cannot be read: {reason_of(error)}; prepare it again"
        ) from None
    if found != sha256:
        raise DataError(
            f"prepared data '{path}' changed during the run: sha256 {sha256[:12]} became {found[:12]}; "
            "prepare it again"
        )
    return _split_off(read_parquet(path_of(path)).to_pandas(), target)


@lru_cache(maxsize=4)
def _load_parts(path: str, sha256: str, target: str | None) -> tuple[pd.DataFrame, Target | None]:
    parts = sorted(path_of(path).glob(f"*{PART_SUFFIX}"))
    found = digest_of_parts([file_digest(part) for part in parts])
    if found != sha256:
        raise DataError(
            f"prepared data '{path}' are not there any more or changed: sha256 {sha256[:12]} became {found[:12]}; "
            "prepare them again"
        )
    frame = pa.concat_tables([read_parquet(part) for part in parts]).unify_dictionaries().to_pandas()
    for name, column in frame.items():
        if is_category(column):
            frame[name] = column.cat.set_categories(sorted(column.cat.categories))
    return _split_off(frame, target)


def _split_off(frame: pd.DataFrame, target: str | None) -> tuple[pd.DataFrame, Target | None]:
    return frame.drop(columns=[target], errors="ignore"), None if target is None else frame[target].to_numpy()
