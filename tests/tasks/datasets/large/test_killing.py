"""A preparation that is killed leaves no half part, and goes on with the parts that are there."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from infra.engines import connect
from tasks.datasets.catalogue import resolve
from tests.infra.engines.starting import ROOT
from tests.tasks.datasets.large.large_tables import as_arrow, frame, prepared_on, small_bounds

PREPARE = """
import sys, time
import pytest
from infra.engines import connect
from infra.storage import path_of
from tasks.datasets.catalogue import resolve
from tasks.datasets.large import parts
from tests.tasks.datasets.large.large_tables import plan_of, small_bounds

small_bounds(pytest.MonkeyPatch())
written = parts._write

def slowly(*arguments):
    time.sleep(0.2)
    return written(*arguments)

parts._write = slowly
plan = plan_of(resolve(sys.argv[1], "class"), path_of(sys.argv[2]))
with connect("local", workers=1) as engine:
    plan.carry_out(engine)
"""


def killed_preparation(path: Path, folder: Path) -> Path:
    """The unfinished folder of a preparation that was killed after three parts."""
    process = subprocess.Popen(
        [sys.executable, "-c", PREPARE, str(path), str(folder)], env={**os.environ, "PYTHONPATH": str(ROOT)}
    )
    until = time.monotonic() + 120
    while len(list(folder.glob(".*/_part-*.json"))) < 3 and time.monotonic() < until:
        time.sleep(0.02)
    process.send_signal(signal.SIGKILL)
    process.wait()
    [working] = folder.glob(".*.unfinished")
    return working


def test_a_killed_preparation_goes_on_with_its_parts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    small_bounds(monkeypatch)
    path, folder = tmp_path / "t.parquet", tmp_path / "large"
    pq.write_table(as_arrow(frame()), path, row_group_size=300)
    working = killed_preparation(path, folder)
    (working / ".unfinished-half").write_bytes(b"half a part")
    kept = {part.name: part.stat().st_ino for part in working.glob("part-*.parquet")}
    done = {record.name for record in working.glob("_part-*.json")}
    assert 3 <= len(done) < 9
    with connect("local", workers=2) as engine:
        dataset = prepared_on(engine, resolve(str(path), "class"), folder)
        other = prepared_on(engine, resolve(str(path), "class"), tmp_path / "other")
    assert dataset.sha256 == other.sha256
    parts = {part.name: part.stat().st_ino for part in Path(dataset.path).glob("*.parquet")}
    for name in done:
        part = name.removeprefix("_").replace(".json", ".parquet")
        assert parts[part] == kept[part]
    assert not list(folder.glob(".*.unfinished"))
    assert not list(Path(dataset.path).glob(".unfinished-*"))
