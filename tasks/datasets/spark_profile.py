"""A check that Spark reads the same prepared table as the other engines: rows, missing values and means."""

import math
from typing import Any

import numpy as np
import pandas as pd

from infra.arithmetic import ceil_div
from infra.errors import DataError
from tasks.datasets.prepared import PreparedDataset

MOST_COLUMNS = 200
"""Largest number of columns that are compared: Spark takes minutes to plan a query of thousands of columns."""


def profile_with_spark(dataset: PreparedDataset, session: Any) -> dict[str, dict[str, float]]:
    """Profile the prepared Parquet file with Spark, and compare the profile with the table of the other engines.

    Of a table with more than `MOST_COLUMNS` columns, so many columns are compared, which lie evenly in the table.

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
    frame, _ = dataset.load()
    if rows != len(frame):
        raise DataError(f"'{dataset.path}': Spark reads {rows} rows, the other engines {len(frame)}")
    for name, found in profile.items():
        count = int(frame[name].notna().sum())
        if found["count"] != count:
            raise DataError(
                f"'{dataset.path}', column {name!r}: Spark reads {found['count']:.0f} values, others {count}"
            )
        if "mean" in found and count:
            mean = float(frame[name].mean())
            if not math.isclose(found["mean"], mean, rel_tol=0.0, abs_tol=_rounding_of_means(frame[name])):
                raise DataError(
                    f"'{dataset.path}', column {name!r}: Spark's mean is {found['mean']}, others' {mean}"
                )
    return profile


def _rounding_of_means(column: pd.Series) -> float:
    """Largest difference that rounding can make between two means of the same float64 values.

    Two programs add the values in different orders. In any order, the rounded sum of n values x is off by at most
    n u sum(|x|), with u = 2^-53 (Higham, Accuracy and Stability of Numerical Algorithms, section 4.2). Divided by n,
    this is n u mean(|x|) for one mean, and twice as much for the difference of two; 2 u is the machine epsilon. The
    bound grows with the size of the values and not with their mean, which may be near zero.
    """
    return float(column.count() * np.finfo(np.float64).eps * column.abs().mean())


def _profile(dataset: PreparedDataset, session: Any) -> tuple[int, dict[str, dict[str, float]]]:
    from pyspark.sql import functions as F  # noqa: N812 (its customary name)
    from pyspark.sql.types import StructType

    names = dataset.columns[:: ceil_div(len(dataset.columns), MOST_COLUMNS)]
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
