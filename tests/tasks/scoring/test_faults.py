"""A worker that dies in the middle of a scoring costs time and no row."""

import os
import signal
from pathlib import Path

import pandas as pd
import pytest

from tasks.datasets.catalogue import resolve
from tasks.datasets.pieces import parquet
from tasks.scoring.run import Progress, Request, score_folder
from tests.infra.engines.starting import started
from tests.tasks.scoring.scored import ROWS, loaded, parts, scored, table


def test_a_killed_worker_of_dask_loses_no_row(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parquet, "MOST_ROWS", 60)
    model = loaded(tmp_path / "training")
    table(9).drop(columns="grown").to_parquet(tmp_path / "rows.parquet", row_group_size=60)
    request = Request(model, resolve(str(tmp_path / "rows.parquet")), tmp_path / "out", ("id",))
    killed: list[int] = []
    with started("dask", 2, tmp_path / "home") as engine:

        def kill(progress: Progress) -> None:
            if progress.done > 3 and not killed:
                killed.append(next(iter(engine.worker_pids().values())))
                os.kill(killed[0], signal.SIGKILL)

        done = score_folder(request, lambda: engine, kill)
    assert killed
    assert (done.manifest.rows, done.last.rows) == (ROWS, ROWS)
    scored(model, tmp_path / "rows.parquet", tmp_path / "local", ("id",))
    assert parts(tmp_path / "out") == parts(tmp_path / "local")
    assert pd.read_parquet(tmp_path / "out")["id"].is_unique
    assert not list((tmp_path / "out").glob(".unfinished*"))
