"""Spark reads the table that the others read, or says where it does not."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest

from infra.engines.spark import SparkEngine
from infra.errors import DataError
from tasks.datasets import spark_profile
from tasks.datasets.catalogue import resolve
from tasks.datasets.columns import NumberColumn
from tasks.datasets.prepared import PreparedDataset, file_digest
from tasks.datasets.recipe import Recipe
from tasks.datasets.spark_profile import profile_with_spark
from tests.infra.engines.starting import started
from tests.tasks.datasets.large.large_tables import as_arrow, prepared_on, small_bounds
from tests.tasks.datasets.large.large_tables import frame as large_frame
from tests.tasks.preparing import prepare


@pytest.fixture(scope="module")
def spark(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SparkEngine]:
    with started("spark", 2, tmp_path_factory.mktemp("home")) as engine:
        assert isinstance(engine, SparkEngine)
        yield engine


@pytest.fixture
def dataset(tmp_path: Path) -> PreparedDataset:
    rng = np.random.default_rng(0)
    frame = pd.DataFrame(
        {
            "a.b`c": rng.normal(size=200),
            "Größe": rng.integers(0, 100, 200),
            "größe": rng.normal(size=200),
            "a[0], b/c": rng.normal(size=200),
            "kind": np.array(["oats", "rye"])[rng.integers(0, 2, 200)],
            "class": np.array(["no", "yes"])[np.arange(200) % 2],
        }
    )
    frame.loc[::5, "a.b`c"] = np.nan
    frame.to_csv(tmp_path / "table.csv", index=False)
    return prepare(resolve(str(tmp_path / "table.csv"), "class"), tmp_path)


def test_every_column_is_profiled_whatever_its_name(dataset: PreparedDataset, spark: SparkEngine) -> None:
    profile = profile_with_spark(dataset, spark.session)
    frame, _ = dataset.load()
    assert set(profile) == {"a.b`c", "Größe", "größe", "a[0], b/c", "kind"}
    assert profile["kind"] == {"count": 200}
    assert profile["a.b`c"]["count"] == 160
    for name in ("a.b`c", "Größe", "größe", "a[0], b/c"):
        column = frame[name].astype(float)
        assert profile[name] == pytest.approx({"count": column.count(), "mean": column.mean()}, rel=1e-12)


def test_a_table_that_spark_reads_differently_is_refused(
    dataset: PreparedDataset, spark: SparkEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    features, classes = dataset.load()
    for change, message in (
        (features.iloc[:-1], "Spark reads 200 rows, the other engines 199"),
        (features.assign(kind=None), "column 'kind': Spark reads 200 values, others 0"),
        (features.assign(Größe=features["Größe"] + 1e-3), "column 'Größe': Spark's mean is .*, others' "),
    ):
        monkeypatch.setattr(PreparedDataset, "load", lambda _, frame=change: (frame, classes))
        with pytest.raises(DataError, match=message):
            profile_with_spark(dataset, spark.session)


def test_the_last_digits_of_a_mean_may_differ(
    dataset: PreparedDataset, spark: SparkEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    features, classes = dataset.load()
    nudged = features.assign(Größe=features["Größe"] * (1 + 8 * np.finfo(float).eps))
    monkeypatch.setattr(PreparedDataset, "load", lambda _: (nudged, classes))
    assert profile_with_spark(dataset, spark.session)["Größe"]["count"] == 200


def test_columns_of_a_wide_table_are_compared_from_its_begin_to_its_end(
    tmp_path: Path, spark: SparkEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(spark_profile, "MOST_COLUMNS", 4)
    frame = pd.DataFrame(np.random.default_rng(0).normal(size=(30, 10))).add_prefix("g")
    assert list(profile_with_spark(written(frame, tmp_path), spark.session)) == ["g0", "g3", "g6", "g9"]


def written(frame: pd.DataFrame, folder: Path) -> PreparedDataset:
    path = folder / "t.parquet"
    frame.to_parquet(path, index=False)
    return PreparedDataset(
        name="t", task="clustering", path=str(path), sha256=file_digest(path), rows=len(frame), notes=[],
        recipe=Recipe(columns=tuple(NumberColumn(name=name) for name in frame)), provenance="",
    )  # fmt: skip


def test_large_values_with_a_mean_near_zero_are_the_same_table(tmp_path: Path, spark: SparkEngine) -> None:
    """The sums differ by the rounding of values of 1e6, which is large beside a mean of 1e-11."""
    values = np.random.default_rng(0).normal(size=200_000) * 1e6
    dataset = written(pd.DataFrame({"balance": values - values.mean()}), tmp_path)
    frame, _ = dataset.load()
    found = profile_with_spark(dataset, spark.session)["balance"]
    assert found["count"] == 200_000
    assert abs(found["mean"] - frame["balance"].mean()) > 1e-12


def test_one_changed_value_among_large_ones_is_found(
    tmp_path: Path, spark: SparkEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    values = np.random.default_rng(0).normal(size=1_000) * 1e6
    frame = pd.DataFrame({"balance": values - values.mean()})
    dataset = written(frame, tmp_path)
    frame.loc[7, "balance"] += 1.0
    monkeypatch.setattr(PreparedDataset, "load", lambda _: (frame, None))
    with pytest.raises(DataError, match="column 'balance': Spark's mean is"):
        profile_with_spark(dataset, spark.session)


def test_an_empty_column_has_a_count_and_no_mean(tmp_path: Path, spark: SparkEngine) -> None:
    table = pa.table({"x": [1.0, 2.0], "gaps": pa.array([None, None], pa.float64())})
    pq.write_table(table, tmp_path / "t.parquet")

    dataset = PreparedDataset(
        name="t", task="clustering", path=str(tmp_path / "t.parquet"), sha256=file_digest(tmp_path / "t.parquet"),
        recipe=Recipe(columns=tuple(NumberColumn(name=name) for name in ("x", "gaps"))), rows=2, notes=[],
        provenance="",
    )  # fmt: skip
    profile = profile_with_spark(dataset, spark.session)
    assert profile["gaps"] == {"count": 0}
    assert profile["x"]["mean"] == 1.5


def test_a_large_table_is_compared_without_loading_its_rows(
    tmp_path: Path, spark: SparkEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    small_bounds(monkeypatch)
    pq.write_table(as_arrow(large_frame()), tmp_path / "t.parquet", row_group_size=300)
    dataset = prepared_on(spark, resolve(str(tmp_path / "t.parquet"), "class"), tmp_path / "large")
    frame, _ = dataset.load()
    monkeypatch.setattr(PreparedDataset, "load", None)
    profile = profile_with_spark(dataset, spark.session)
    assert {name: int(found["count"]) for name, found in profile.items()} == frame.count().to_dict()
    part = sorted(Path(dataset.path).glob("*.parquet"))[2]
    table = pq.read_table(part)
    changed = table.set_column(
        table.column_names.index("size"), "size", pc.add(table["size"].combine_chunks(), 0.001)
    )
    pq.write_table(changed, part)
    with pytest.raises(DataError, match="column 'size': Spark's mean is"):
        profile_with_spark(dataset, spark.session)


def test_a_table_that_spark_wrote_as_orc_is_read(spark: SparkEngine, tmp_path: Path) -> None:
    large_frame().to_parquet(tmp_path / "t.parquet")
    parquet = str(tmp_path / "t.parquet")
    spark.session.read.parquet(parquet).coalesce(1).write.partitionBy("class").orc(str(tmp_path / "orc"))
    ours, theirs = (
        prepare(resolve(place, "class"), tmp_path / "data") for place in (str(tmp_path / "orc"), parquet)
    )
    assert ours.recipe.classes == theirs.recipe.classes
    assert (ours.rows, ours.columns) == (theirs.rows, theirs.columns)
