"""A LightGBM fit among threads, each of which holds a shard of the rows."""

from typing import Any

from sklearn.datasets import make_classification

from infra.arithmetic import ceil_div
from infra.engines import ArraySource, connect
from tasks.ensembles.lightgbm_training import LightGBMPlan, train_lightgbm

X, Y = make_classification(600, 8, n_informative=5, flip_y=0.1, random_state=0)


def members(size: int, plan: LightGBMPlan, *arrays: Any) -> Any:
    """A sharded fit whose members are threads: LightGBM's network is each thread's own."""
    with connect("local", workers=size) as engine:
        source = ArraySource(*arrays, block_rows=ceil_div(len(arrays[0]), size))
        return engine.run_group(train_lightgbm, engine.partition(source), plan)[0]


PARAMETERS = {
    "objective": "binary", "verbosity": -1, "num_threads": 1, "deterministic": True, "force_row_wise": True,
}  # fmt: skip
PLAN = LightGBMPlan(PARAMETERS, 30, classification=True)
