"""A check that Spark reads the same prepared table as the other engines: rows, missing values and means."""

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from infra.arithmetic import ceil_div
from infra.errors import DataError
from infra.storage import path_of
from infra.stored_path import is_stored
from tasks.datasets.frames import is_numeric
from tasks.datasets.large.manifest import read_manifest
from tasks.datasets.prepared import PreparedDataset

MOST_COLUMNS = 200
"""Largest number of columns that are compared: Spark takes minutes to plan a query of thousands of columns."""


def profile_with_spark(dataset: PreparedDataset, session: Any) -> dict[str, dict[str, float]]:
    """Profile the prepared Parquet file with Spark, and compare the profile with the table of the other engines.

    Of a table with more than `MOST_COLUMNS` columns, so many columns are compared, which lie evenly in the table. The
    rows of a large table are not loaded: Spark's figures are compared with those of its manifest.

    Parameters
    ----------
    dataset : PreparedDataset
        The data set; the executors must be able to read its path.
    session : SparkSession
        The Spark session.

    Returns
    -------
    dict
        For each column that is compared `count` (number of values) and, for numbers, `mean`.

    Raises
    ------
    DataError
        If Spark reads another number of rows, or a column's count or mean differs.
    """
    rows, profile = _profile(dataset, session)
    others, known = _of_manifest(dataset) if dataset.is_large else _of_rows(dataset, profile)
    if rows != others:
        raise DataError(f"'{dataset.path}': Spark reads {rows} rows, the other engines {others}")
    for name, found in profile.items():
        count = known[name].count
        if found["count"] != count:
            raise DataError(
                f"'{dataset.path}', column {name!r}: Spark reads {found['count']:.0f} values, others {count}"
            )
        if "mean" in found and count:
            mean = known[name].total / count
            if not math.isclose(found["mean"], mean, rel_tol=0.0, abs_tol=known[name].rounding_of_means):
                raise DataError(
                    f"'{dataset.path}', column {name!r}: Spark's mean is {found['mean']}, others' {mean}"
                )
    return profile


@dataclass(frozen=True)
class _Figures:
    """What the other engines know of a column.

    Parameters
    ----------
    count : int
        Number of values.
    total, size : float
        Sum of the numbers, and of the numbers without their signs; 0 for a column of texts.
    """

    count: int
    total: float = 0.0
    size: float = 0.0

    @property
    def rounding_of_means(self) -> float:
        """Largest difference that rounding can make between two means of the same float64 values.

        Two programs add the values in different orders. In any order, the rounded sum of n values x is off by at most
        n u sum(|x|), with u = 2^-53 (Higham, Accuracy and Stability of Numerical Algorithms, section 4.2). Divided by
        n, this is n u mean(|x|) for one mean, and twice as much for the difference of two; 2 u is the machine epsilon.
        The bound grows with the size of the values and not with their mean, which may be near zero.
        """
        return float(np.finfo(np.float64).eps * self.size)


def _of_rows(dataset: PreparedDataset, names: Iterable[str]) -> tuple[int, dict[str, _Figures]]:
    frame, _ = dataset.load()
    return len(frame), {name: _figures(frame[name]) for name in names}


def _figures(column: pd.Series) -> _Figures:
    count = int(column.notna().sum())
    if not is_numeric(column):
        return _Figures(count)
    return _Figures(count, float(column.sum()), float(column.abs().sum()))


def _of_manifest(dataset: PreparedDataset) -> tuple[int, dict[str, _Figures]]:
    manifest = read_manifest(path_of(dataset.path))
    if manifest is None:
        raise DataError(f"prepared data '{dataset.path}' have no manifest any more; prepare them again")
    sums = manifest.sums
    return dataset.rows, {
        name: _Figures(count, sums[name].total, sums[name].size) if name in sums else _Figures(count)
        for name, count in manifest.values.items()
    }


def why_not_profiled(dataset: PreparedDataset) -> str:
    """Sentence that tells why Spark's reader does not check a prepared table; empty if it does."""
    if not is_stored(dataset.path):
        return ""
    return (
        "the check that Spark's own reader finds the same prepared table was left out, because the table is in an "
        "object store, which Spark reads with further packages only; Spark's Python workers read the table as the "
        "workers of the other engines do"
    )


def told_columns(dataset: PreparedDataset) -> str:
    """Clause that tells how many columns are compared; empty if all are."""
    names = _compared(dataset)
    if len(names) == len(dataset.columns):
        return ""
    return f", and {len(names):,} of its {len(dataset.columns):,} columns are compared"


def _compared(dataset: PreparedDataset) -> list[str]:
    return dataset.columns[:: ceil_div(len(dataset.columns), MOST_COLUMNS)]


def _profile(dataset: PreparedDataset, session: Any) -> tuple[int, dict[str, dict[str, float]]]:
    from pyspark.sql import functions as F  # noqa: N812 (its customary name)
    from pyspark.sql.types import StructType

    names = _compared(dataset)
    fields = {field.name: field for field in session.read.parquet(dataset.path).schema.fields}
    table = session.read.schema(StructType([fields[name] for name in names])).parquet(dataset.path)
    # columns are addressed by number, because dots and backticks in a name have a meaning in Spark
    table = table.toDF(*map(str, range(len(names))))
    numeric = set(dataset.numeric)
    counts = [F.count(str(at)).alias(f"{at}.count") for at in range(len(names))]
    means = [F.avg(str(at)).alias(f"{at}.mean") for at, name in enumerate(names) if name in numeric]
    row = table.agg(F.count(F.lit(1)).alias("rows"), *counts, *means).first().asDict()
    profile: dict[str, dict[str, float]] = {name: {} for name in names}
    for key, value in row.items():
        place, _, label = key.partition(".")
        if label and value is not None:
            profile[names[int(place)]][label] = float(value)
    return int(row["rows"]), profile
