"""A table for the tests of large tables, and its preparation with bounds that make it large."""

from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from infra.engines import Engine
from infra.progress import Progress
from tasks.datasets.catalogue import Source
from tasks.datasets.large import sampling, sizes
from tasks.datasets.large.plan import Plan
from tasks.datasets.pieces import csv_cutting, parquet
from tasks.datasets.planning import begin_table
from tasks.datasets.prepared import PreparedDataset
from tasks.problems import problem_of

ROWS = 5_000


def small_bounds(monkeypatch: pytest.MonkeyPatch) -> None:
    """Make tables of a few thousand rows large."""
    monkeypatch.setattr(sizes, "LARGE_CELLS", 1_000)
    monkeypatch.setattr(sizes, "LARGE_BYTES", 1_000)
    monkeypatch.setattr(sizes, "LEAST_ROWS", 100)
    monkeypatch.setattr(sampling, "SAMPLE_ROWS", 1_000)
    monkeypatch.setattr(parquet, "MOST_ROWS", 700)
    monkeypatch.setattr(csv_cutting, "RANGE_BYTES", 20_000)


def frame(rows: int = ROWS, seed: int = 3) -> pd.DataFrame:
    """Numbers with gaps, texts, dates, a counter, and a target of three classes."""
    random = np.random.default_rng(seed)
    size = random.normal(size=rows).round(3)
    return pd.DataFrame(
        {
            "row": np.arange(rows),
            "size": np.where(random.random(rows) < 0.1, np.nan, size),
            "count": random.integers(0, 9, rows),
            "town": random.choice(["Ulm", "Bonn", "Köln"], rows),
            "sold": pd.date_range("2024-01-01", periods=rows, freq="h").strftime("%Y-%m-%d %H:%M"),
            "class": np.where(size > 0.5, "high", np.where(size < -0.5, "low", "mid")),
        }
    )


def as_arrow(table: pd.DataFrame) -> pa.Table:
    return pa.Table.from_pandas(table, preserve_index=False)


def plan_of(source: Source, folder: Path, folds: int = 2) -> Plan:
    """The plan of a large table."""
    rules = problem_of(source.task).rules
    assert rules is not None
    found = begin_table(source, folder, rules, folds=folds)
    assert isinstance(found, Plan)
    return found


def prepared_on(
    engine: Engine, source: Source, folder: Path, progress: Progress | None = None
) -> PreparedDataset:
    """The large table, prepared on an engine."""
    return plan_of(source, folder).carry_out(engine, progress)
