"""A model and tables that the tests of scoring share."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path

import numpy as np
import pandas as pd

from infra.engines import Engine, connect
from tasks import models
from tasks.algorithms.base import ModelOptions
from tasks.champion import fit_whole
from tasks.datasets.catalogue import resolve
from tasks.results import Way
from tasks.scoring.loading import LoadedModel
from tasks.scoring.run import Request, Scored, score_folder
from tests.tasks.preparing import prepare

ROWS = 2_400


def table(seed: int, rows: int = ROWS) -> pd.DataFrame:
    """Rows of a table with numbers, texts, dates and a target."""
    random = np.random.default_rng(seed)
    size = random.normal(size=rows)
    return pd.DataFrame(
        {
            "id": np.arange(rows) * 7 + 1_000_000_007,
            "size": size,
            "weight": random.normal(size=rows).round(3),
            "day": pd.date_range("2024-01-01", periods=rows, freq="7h"),
            "colour": random.choice(["red", "green", "blue"], rows),
            "grown": np.where(size + random.normal(size=rows) > 0, "yes", "no"),
        }
    )


def loaded(folder: Path, algorithm: str = "xgboost") -> LoadedModel:
    """A model that is fitted to a table."""
    folder.mkdir()
    table(0, 300).drop(columns="id").to_csv(folder / "grown.csv", index=False)
    dataset = prepare(resolve(str(folder / "grown.csv"), "grown"), folder)
    files = fit_whole(dataset, Way(algorithm, "baseline"), {}, ModelOptions(seed=1), folder / "model")
    return LoadedModel("grown/1", "0" * 64, *models.load(files))


def local() -> Engine:
    return connect("local", workers=2)


def scored(
    model: LoadedModel,
    source: Path | str,
    out: Path,
    keep: tuple[str, ...] = (),
    engine: Callable[[], AbstractContextManager[Engine]] = local,
) -> Scored:
    return score_folder(Request(model, resolve(str(source)), out, keep), engine, lambda _progress: None)


def parts(folder: Path) -> dict[str, bytes]:
    """Bytes of each part."""
    return {part.name: part.read_bytes() for part in sorted(folder.glob("part-*"))}
