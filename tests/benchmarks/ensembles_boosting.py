"""Boosting, 1,000,000 x 28 from Parquet, 100 rounds, beside LightGBM and XGBoost themselves on 2 threads."""

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
import xgboost as xgb
from sklearn.metrics import roc_auc_score

from infra.engines import connect
from tasks.ensembles import GradientBoostingClassifier, XGBoostClassifier
from tests.benchmarks.timing import in_turn, row

ROWS, COLUMNS, ROUNDS, LEAVES, DEPTH = 1_000_000, 28, 100, 63, 6
WHAT = f"{ROWS:,} x {COLUMNS} from Parquet, {ROUNDS} rounds"
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


def lightgbm_alone(path: Path) -> Any:
    """LightGBM on all threads, from the same file; returns its predictor."""
    read = pq.read_table(path)
    parameters = {"objective": "binary", "num_leaves": LEAVES, "num_threads": WORKERS, "verbosity": -1}
    return lgb.train(parameters, lgb.Dataset(read.drop(["y"]), read["y"].to_numpy()), ROUNDS).predict


def xgboost_alone(path: Path) -> Any:
    """XGBoost on all threads, from the same file; returns its predictor."""
    read = pq.read_table(path)
    X = np.column_stack([read[name].to_numpy() for name in read.column_names if name != "y"])
    binned = xgb.QuantileDMatrix(X, read["y"].to_numpy(), nthread=WORKERS)
    parameters = {"objective": "binary:logistic", "max_depth": DEPTH, "nthread": WORKERS, "verbosity": 0}
    booster = xgb.train(parameters, binned, ROUNDS)
    return lambda rows: booster.predict(xgb.DMatrix(rows))


def rows() -> list[dict[str, object]]:
    """Two Dask workers of one thread each beside each library itself on two threads."""
    with table() as path, connect("dask", workers=WORKERS) as engine:
        boosting = GradientBoostingClassifier(ROUNDS, max_leaf_nodes=LEAVES, engine=engine)
        xgboost = XGBoostClassifier(ROUNDS, max_depth=DEPTH, engine=engine)
        return [
            _beside(f"XGBoost, {WHAT}, depth {DEPTH}", xgboost, xgboost_alone, path, "at most 1.15"),
            _beside(f"LightGBM, {WHAT}, {LEAVES} leaves", boosting, lightgbm_alone, path, "at most 1.25"),
        ]


def _beside(what: str, model: Any, alone: Any, path: Path, aim: str) -> dict[str, object]:
    model.fit(path, "y")
    same(model, alone(path))
    times = in_turn(lambda: model.fit(path, "y"), lambda: alone(path), 3)
    return row(f"{what}: Dask, {WORKERS} workers, beside the library on {WORKERS} threads", *times, aim=aim)


def same(ours: Any, predict: Any) -> None:
    """Check that both tell the classes of unseen rows apart as well."""
    X, y = data(100_000, 1)
    named = pd.DataFrame(X).add_prefix("x")
    ranks = [roc_auc_score(y, p) for p in (ours.predict_proba(named)[:, 1], predict(X))]
    print(f"  area under the ROC curve: ours {ranks[0]:.4f}, the library {ranks[1]:.4f}")
    if abs(ranks[0] - ranks[1]) > TOLERANCE:
        raise AssertionError(f"the scores differ by more than {TOLERANCE}")
