"""Gradient boosting, 1,000,000 x 28 from Parquet, 100 rounds of 63 leaves, beside LightGBM itself on 2 threads."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import lightgbm as lgb
import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
from sklearn.metrics import roc_auc_score

from infra.engines import connect
from tasks.ensembles import GradientBoostingClassifier
from tests.benchmarks.timing import in_turn, row

ROWS, COLUMNS, ROUNDS, LEAVES = 1_000_000, 28, 100, 63
WHAT = f"Gradient boosting, {ROWS:,} x {COLUMNS} from Parquet, {ROUNDS} rounds, {LEAVES} leaves"
WORKERS = 2
TOLERANCE = 0.005


def data(rows: int, seed: int) -> tuple[Any, Any]:
    """Features of which some matter, apart and together, and two classes that overlap."""
    random = np.random.default_rng(seed)
    X = random.normal(size=(rows, COLUMNS)).astype(np.float32)
    score = X[:, 0] + X[:, 1] * X[:, 2] + np.sin(3 * X[:, 3]) + np.abs(X[:, 4:8]).sum(axis=1) - 3.2
    return X, (random.random(rows) < 1 / (1 + np.exp(-2 * score))).astype(np.int64)


@contextmanager
def table() -> Iterator[Path]:
    """The rows as a Parquet file with the target in the column `y`."""
    X, y = data(ROWS, 0)
    with TemporaryDirectory() as folder:
        path = Path(folder) / "rows.parquet"
        columns = {f"x{j}": X[:, j] for j in range(COLUMNS)} | {"y": y}
        pq.write_table(pa.table(columns), path, row_group_size=131_072)
        yield path


def native(path: Path) -> lgb.Booster:
    """LightGBM on all threads of this machine's share, from the same file."""
    read = pq.read_table(path)
    parameters = {"objective": "binary", "num_leaves": LEAVES, "num_threads": WORKERS, "verbosity": -1}
    return lgb.train(parameters, lgb.Dataset(read.drop(["y"]), read["y"].to_numpy()), ROUNDS)


def rows() -> list[dict[str, object]]:
    """Two Dask workers and, on two threads, one process, each beside LightGBM itself."""
    with table() as path:
        return [_beside(path, "dask"), _beside(path, "local")]


def _beside(path: Path, name: str) -> dict[str, object]:
    with connect(name, workers=WORKERS) as engine:
        model = GradientBoostingClassifier(ROUNDS, max_leaf_nodes=LEAVES, n_jobs=WORKERS, engine=engine)
        model.fit(path, "y")
        same(model, native(path))
        times = in_turn(lambda: model.fit(path, "y"), lambda: native(path), 3)
    ours = "2 threads" if name == "local" else f"Dask, {WORKERS} workers"
    return row(f"{WHAT}: {ours}, beside LightGBM on {WORKERS} threads", *times, aim="at most 1.25")


def same(ours: GradientBoostingClassifier, theirs: lgb.Booster) -> None:
    """Check that both tell the classes of unseen rows apart as well."""
    X, y = data(100_000, 1)
    named = pd.DataFrame(X).add_prefix("x")
    ranks = [roc_auc_score(y, p) for p in (ours.predict_proba(named)[:, 1], theirs.predict(X))]
    print(f"  area under the ROC curve: ours {ranks[0]:.4f}, LightGBM {ranks[1]:.4f}")
    if abs(ranks[0] - ranks[1]) > TOLERANCE:
        raise AssertionError(f"the scores differ by more than {TOLERANCE}")
