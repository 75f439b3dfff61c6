"""A check that Spark reads the same prepared table as the other engines: rows, missing values and means."""

import math
from typing import Any

import numpy as np
import pandas as pd

from infra.errors import DataError
from tasks.datasets.prepared import PreparedDataset


def profile_with_spark(dataset: PreparedDataset, session: Any) -> dict[str, dict[str, float]]:
    """Profile the prepared Parquet file with Spark, and compare the profile with the table of the other engines.

    Parameters
    ----------
    dataset : PreparedDataset
        The data set; the executors must be able to read its path.
    session : SparkSession
        The Spark session.

    Returns
    -------
    dict
        For each column `count` (number of values) and, for numbers, `mean`, `stddev`, `min` and `max`.

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

    table = session.read.parquet(dataset.path)
    names = table.columns
    # columns are addressed by number, because dots and backticks in a name have a meaning in Spark
    table = table.toDF(*(f"c{i}" for i in range(len(names))))
    wanted = {name: f"c{names.index(name)}" for name in dataset.columns}
    figures = [F.count(F.lit(1)).alias("rows")]
    for name, column in wanted.items():
        measures = {"count": F.count}
        if name in dataset.numeric:
            measures |= {"mean": F.avg, "stddev": F.stddev, "min": F.min, "max": F.max}
        figures += [measure(column).alias(f"{column}.{label}") for label, measure in measures.items()]
    row = table.agg(*figures).first().asDict()
    profile: dict[str, dict[str, float]] = {name: {} for name in wanted}
    by_column = {column: name for name, column in wanted.items()}
    for key, value in row.items():
        column, _, label = key.partition(".")
        if label and value is not None:
            profile[by_column[column]][label] = float(value)
    return int(row["rows"]), profile
