"""A whole study of a large table in processes of its own: time and memory, beside the bare fits that it contains."""

import json
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import pyarrow.dataset as ds

from infra.settings import load_settings, usable_cores

SAMPLE_S = 0.5  # between two looks at the processes
ALGORITHMS = "xgboost,gradient_boosting,linear_model"
WORKERS, MEMORY = 2, "2.5GiB"
CELL = re.compile(r"^\[ *(\d+) s\] .* · .* · .*: [\d.]+ s$", re.MULTILINE)
"""Line of the command about a finished cell, with the seconds since the start."""
COMMAND = "from deployments.cli import main; raise SystemExit(main())"


@dataclass
class Measured:
    """What a study took.

    Parameters
    ----------
    seconds : float
        Wall seconds of the command, with the preparation and without the start of the servers.
    status : int
        Exit status of the command.
    result : dict
        The study's result, as `--json` writes it; empty if the study did not end.
    peaks : dict of str to int
        Highest RSS in bytes of the command's own process (`driver`), of the largest worker process (`worker`), of Java
        (`java`), and of all processes together (`all`).
    first_cell_s : float
        Seconds until the first cell was finished, as the command tells.
    """

    seconds: float
    status: int
    result: dict[str, Any]
    peaks: dict[str, int] = field(default_factory=dict)
    first_cell_s: float = float("nan")


def study(
    table: Path, engine: str, *flags: str, algorithms: str | None = None, target: str | None = "y"
) -> Measured:
    """Run `trilla study` on a table, and measure it from outside.

    Parameters
    ----------
    table : Path
        The table.
    engine : {"local", "dask", "spark"}
        The engine.
    *flags : str
        Further flags of the command.
    algorithms : str, optional
        The algorithms, with commas between them; None: all that fit the data.
    target : str, optional
        The target; None: the rows are clustered.
    """
    with tempfile.TemporaryDirectory() as folder:
        output, told = Path(folder) / "result.json", Path(folder) / "told.txt"
        command = [
            *(sys.executable, "-c", COMMAND, "study", "--data", str(table), "--engines", engine),
            *(("--target", target) if target else ()),
            *(("--algorithms", algorithms) if algorithms else ()),
            *("--json", str(output), *flags),
        ]
        start = time.perf_counter()
        with told.open("wb") as lines, subprocess.Popen(command, stdout=lines, stderr=sys.stderr) as process:
            peaks = watched(process)
        seconds = time.perf_counter() - start
        result = json.loads(output.read_text()) if output.is_file() else {}
        first = CELL.search(told.read_text())
    first_s = float(first[1]) if first else float("nan")
    return Measured(seconds, process.returncode, result, peaks, first_s)


def prepared_of(name: str) -> list[Path]:
    """Files and folders of the prepared data of a table."""
    return list((load_settings().home / "data").glob(f"{name}-*"))


def remove_prepared(name: str) -> None:
    """Remove the prepared data of a table, which the next study would find."""
    for path in prepared_of(name):
        shutil.rmtree(path) if path.is_dir() else path.unlink()


def watched(process: subprocess.Popen[Any]) -> dict[str, int]:
    """Highest RSS in bytes of each role until the process ends.

    Parameters
    ----------
    process : subprocess.Popen
        The process, which is the driver; its children are workers, or Java.
    """
    peaks = {"driver": 0, "worker": 0, "java": 0, "all": 0}
    root = psutil.Process(process.pid)
    while process.poll() is None:
        found = {"driver": 0, "worker": 0, "java": 0, "all": 0}
        for one in [root, *root.children(recursive=True)]:
            try:
                name, rss = one.name(), one.memory_info().rss
            except psutil.NoSuchProcess:
                continue
            role = "driver" if one.pid == root.pid else "java" if name == "java" else "worker"
            found[role] = max(found[role], rss)
            found["all"] += rss
        peaks = {role: max(peaks[role], rss) for role, rss in found.items()}
        time.sleep(SAMPLE_S)
    return peaks


def bare_seconds(table: Path, result: Mapping[str, Any]) -> dict[str, float]:
    """Wall seconds of the libraries' own fits with the parameters that a study found, in memory, on all cores.

    Parameters
    ----------
    table : Path
        The table, with the target `y`.
    result : mapping
        The study's result.

    Returns
    -------
    dict of str to float
        Seconds of each cell, by algorithm and search; the rows are read before.
    """
    rows = ds.dataset(table).to_table()
    y = rows["y"].to_numpy()
    X = np.column_stack(
        [rows[name].to_numpy().astype(np.float32) for name in rows.column_names if name != "y"]
    )
    found = {}
    for cell in result["cells"]:
        model = _LIBRARIES[cell["algorithm"]](cell["params"])
        start = time.perf_counter()
        model.fit(X, y)
        found[f"{cell['algorithm']} {cell['search']}"] = time.perf_counter() - start
    return found


def sharded_seconds(table: Path, workers: int, memory: str) -> float:
    """Wall seconds of XGBoost's own fit on Dask with its default parameters, from the Parquet files to the model.

    Parameters
    ----------
    table : Path
        The table, with the target `y`.
    workers : int
        Number of workers, of one thread each.
    memory : str
        Memory of a worker.
    """
    import dask.dataframe as dd
    from distributed import Client, LocalCluster
    from xgboost import dask as sharded

    with (
        LocalCluster(workers, threads_per_worker=1, memory_limit=memory) as cluster,
        Client(cluster) as client,
    ):
        start = time.perf_counter()
        frame = dd.read_parquet(table)
        # by functions, because Dask joins the partitions of a single column, and XGBoost wants as many as of rows
        X = frame.map_partitions(lambda part: part.drop(columns="y").astype(np.float32))
        y = frame.map_partitions(lambda part: part["y"])
        data = sharded.DaskQuantileDMatrix(client, X, y)
        sharded.train(client, {"objective": "binary:logistic"}, data, num_boost_round=100)
        return time.perf_counter() - start


def _xgboost(params: Mapping[str, Any]) -> Any:
    from xgboost import XGBClassifier

    ours = {"engine", "n_shards", "validation_fraction", "class_weight", "n_jobs", "random_state"}
    return XGBClassifier(
        **{k: v for k, v in params.items() if k not in ours}, random_state=0, n_jobs=usable_cores()
    )


def _lightgbm(params: Mapping[str, Any]) -> Any:
    from lightgbm import LGBMClassifier

    return LGBMClassifier(
        n_estimators=params["n_estimators"],
        learning_rate=params["learning_rate"],
        num_leaves=params["max_leaf_nodes"],
        min_child_samples=params["min_samples_leaf"],
        max_bin=params["max_bins"],
        n_jobs=usable_cores(),
        verbose=-1,
    )


def _logistic(params: Mapping[str, Any]) -> Any:
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    return make_pipeline(StandardScaler(), LogisticRegression(max_iter=params["max_iter"]))


_LIBRARIES = {"xgboost": _xgboost, "gradient_boosting": _lightgbm, "linear_model": _logistic}
