"""`trilla score` into a folder: what a person sees, what Prefect and MLflow keep, and what a killed run leaves."""

import json
import os
import re
import signal
import subprocess
from pathlib import Path

import httpx
import pandas as pd
import pyarrow.parquet as pq
import pytest

from infra.mlflow_api import mlflow_client
from infra.servers import Stack
from tasks.datasets.catalogue import BUNDLED
from tests.conftest import TRILLA, Command, trilla
from tests.deployments.registered import registered
from tests.flows.studying import wait_for

FILES = 200


@pytest.fixture(scope="module")
def champion(stack: Stack, tmp_path_factory: pytest.TempPathFactory) -> str:
    """Name of a registered champion."""
    return registered(stack.mlflow_url, tmp_path_factory.mktemp("folder"))[0]


def table(folder: Path, files: int, rows: int = 4_000) -> Path:
    """A folder of Parquet files, each of which is a piece."""
    folder.mkdir()
    frame = pd.read_csv(BUNDLED / "diabetes.csv").drop(columns="diabetes")
    frame = pd.concat([frame] * (rows // len(frame) + 1), ignore_index=True)[:rows]
    for i in range(files):
        frame.assign(id=range(i * rows, (i + 1) * rows)).to_parquet(folder / f"rows-{i:04}.parquet")
    return folder


def test_a_folder_of_parts_is_written_shown_and_recorded(
    champion: str, environment: dict[str, str], stack: Stack, tmp_path: Path
) -> None:
    source, out = table(tmp_path / "rows", 3), tmp_path / "out-{date}"
    done = trilla("score", champion, str(source), "--out", str(out), "--keep", "id", environment=environment)
    assert done.returncode == 0, done.stderr
    (folder,) = tmp_path.glob("out-2*")
    assert re.search(
        rf"12,000 predictions of xgboost in {folder} \(3 parts; [\d.]+ s, [\d,]+ rows a second\)", done.stdout
    )
    assert "3 parts were joined" in done.stdout
    found = pd.read_parquet(folder)
    assert found["id"].tolist() == list(range(12_000))
    assert json.loads((folder / "_trilla.json").read_text())["model"] == f"{champion}/1"
    run_id = re.search(r"Prefect run: \S+/flow-run/(\S+)", done.stdout)[1]  # type: ignore[index]
    state = httpx.get(f"{stack.prefect_api_url}/flow_runs/{run_id}").json()
    assert (state["state_type"], state["tags"]) == ("COMPLETED", ["trilla"])
    shown = httpx.post(
        f"{stack.prefect_api_url}/artifacts/filter", json={"flow_runs": {"id": {"any_": [run_id]}}}
    ).json()
    (artifact,) = [one for one in shown if one["key"] == "scoring"]
    assert f"({folder.as_uri()})" in artifact["data"]
    logged = re.search(r"MLflow run: \S+/runs/(\w+)", done.stdout)[1]  # type: ignore[index]
    run = mlflow_client(stack.mlflow_url).get_run(logged)
    assert run.info.status == "FINISHED"
    assert (run.data.metrics["rows"], run.data.metrics["parts"]) == (12_000, 3)
    assert run.data.metrics["driver_peak_rss_mib"] > 50
    assert (run.data.params["engine"], run.data.params["keep"]) == ("local", "id")
    again = trilla("score", champion, str(source), "--out", str(folder), environment=environment)
    assert again.returncode == 2
    assert "the folder holds parts of another run of model" in again.stderr
    assert again.stderr.count("\n") == 1


def test_a_killed_run_goes_on_with_the_parts_that_are_there(
    champion: str, environment: dict[str, str], tmp_path: Path
) -> None:
    source, out = table(tmp_path / "rows", FILES), tmp_path / "out"
    command = ("score", champion, str(source), "--out", str(out), "--keep", "id")
    with open(tmp_path / "first", "w") as log:
        first = subprocess.Popen([TRILLA, *command], env=environment, stdout=log, stderr=log)
    wait_for(lambda: len(list(out.glob("part-*"))) > 5 or first.poll() is not None, every=0.005)
    os.kill(first.pid, signal.SIGKILL)
    first.wait()
    kept = {path: path.stat().st_mtime_ns for path in out.glob("part-*")}
    assert 5 < len(kept) < FILES
    assert all(pq.read_metadata(path).num_rows == 4_000 for path in kept)
    assert json.loads((out / "_trilla.json").read_text())["complete"] is False
    done = trilla(*command, environment=environment)
    assert done.returncode == 0, done.stderr
    assert f"({FILES} parts, of which {len(kept)} were there already; " in done.stdout
    assert {path: path.stat().st_mtime_ns for path in kept} == kept
    assert pd.read_parquet(out)["id"].tolist() == list(range(4_000 * FILES))
    assert sorted(path.name for path in out.iterdir() if path.name[0] in "._") == [
        ".trilla.lock",
        "_trilla.json",
    ]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            ("--out", "p.txt"),
            "--out p.txt: give a file that ends in .csv or .parquet, or a folder, which is a name",
        ),
        (("--out", "parts", "--engine", "ray"), "--engine ray: input should be 'local', 'dask' or 'spark'"),
        (("--out", "parts", "--workers", "0"), "--workers 0: input should be greater than or equal to 1"),
        (
            ("--out", "parts", "--keep", "nobody"),
            "'{data}' has no column 'nobody', which --keep names; columns: ",
        ),
    ],
)
def test_what_is_unclear_is_one_sentence(
    champion: str,
    trilla_here: Command,
    arguments: tuple[str, ...],
    message: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    source = table(tmp_path / "rows", 1)
    monkeypatch.chdir(tmp_path)
    done = trilla_here("score", champion, str(source), *arguments)
    assert done.returncode == 2
    assert done.stderr.startswith(f"trilla: {message.format(data=source)}")
    assert done.stderr.count("\n") == 1
    assert not (tmp_path / "parts").exists()
