"""A study whose table and prepared rows are in an object store, as a team uses it whose workers share no disk."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pyarrow.parquet as pq

from infra.servers import Stack
from tests.flows.studying import environments_in
from tests.infra.engines.starting import ROOT
from tests.object_store import Bucket
from tests.tasks.datasets.large.large_tables import ROWS, as_arrow, frame

STUDY = """
import sys
import pytest
from deployments.cli import main
from tasks.datasets import places
from tasks.large import size
from tests.tasks.datasets.large.large_tables import small_bounds

patch = pytest.MonkeyPatch()
small_bounds(patch)
patch.setattr(places, "FETCHED_BYTES", 0)
patch.setattr(size, "CELLS", 1_000)
patch.setattr(size, "ROWS", 100)
main(sys.argv[1:])
"""
SETTINGS = (
    *("--target", "class", "--engines", "local,dask", "--algorithms", "linear_model", "--workers", "2"),
    *("--candidates", "2", "--folds", "2", "--repeats", "0"),
)


def test_a_study_runs_from_a_store_on_local_and_dask(bucket: Bucket, stack: Stack, tmp_path: Path) -> None:
    pq.write_table(as_arrow(frame()), tmp_path / "sales.parquet", row_group_size=300)
    address, result = bucket.upload(tmp_path / "sales.parquet"), tmp_path / "result.json"
    environment = environments_in(tmp_path, stack)("home") | {
        **bucket.environment,
        "TRILLA_DATA": f"{bucket.address}/prepared",
        "PYTHONPATH": str(ROOT),
    }
    done = subprocess.run(
        [sys.executable, "-c", STUDY, "study", "--data", address, *SETTINGS, "--json", str(result)],
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        timeout=280,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    study = json.loads(result.read_text())
    assert {(cell["engine"], cell["status"]) for cell in study["cells"]} == {
        ("local", "completed"),
        ("dask", "completed"),
    }
    [dataset] = study["datasets"]
    assert dataset["rows"] == ROWS
    assert dataset["path"].startswith(f"{bucket.address}/prepared/sales-")
    found = {key.rpartition("/")[0].rpartition(".")[2] for key in bucket.keys("prepared/")}
    assert "drawn" in found
    for local in ("data", "downloads"):
        assert not [path for path in (tmp_path / "home" / local).rglob("*") if path.is_file()]
