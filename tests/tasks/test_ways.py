"""The way of a fit, chosen by the memory that it needs."""

import subprocess
import sys
from dataclasses import dataclass, replace

import pytest

from infra.errors import ParameterError
from tasks.ensembles.lightgbm_dataset import lightgbm_bytes
from tasks.ensembles.xgboost_matrix import xgboost_bytes
from tasks.ways import PROCESS, FitWay, TableShape, way_to_fit, ways

GIB = 2**30
SHAPE = TableShape(
    rows=10_000_000, columns=28, itemsize=4, block_rows=65_536, outputs=1, dense=True, held=False
)


@dataclass(frozen=True)
class Workers:
    """What a choice asks an engine."""

    worker_memory: int | None
    in_this_process: bool = False


def chosen(memory: float | None, rows: int = SHAPE.rows, most: int = 4, disk: bool = True) -> str:
    shape = replace(SHAPE, rows=rows)
    possible = ways(min(2, most), most, may_use_disk=disk, in_this_process=False)
    workers = Workers(None if memory is None else int(memory * GIB))
    return str(way_to_fit("X", shape, possible, lambda way: xgboost_bytes(shape, way, 256), workers))


def test_the_fastest_way_that_the_memory_allows_is_chosen() -> None:
    assert chosen(None) == "sharded over 2 workers"
    assert chosen(2) == "sharded over 2 workers"
    assert chosen(0.8) == "sharded over 3 workers"
    assert chosen(0.6) == "sharded over 4 workers, streamed from binned rows on disk"
    assert chosen(1, most=1) == "one fit on one worker, streamed from binned rows on disk"


def test_a_fit_that_no_way_fits_is_refused_in_one_sentence() -> None:
    with pytest.raises(
        ParameterError,
        match=r"^X: a fit to 10,000,000 rows of 28 columns needs about 5.* MiB of memory in each of 4 workers, "
        r"and 409.60 MiB are allowed \(80% of its memory\); use more workers, or workers with more memory, or "
        r"fewer rows$",
    ):
        chosen(0.5, disk=False)


PEAK = """
import sys
import numpy as np
from infra.engines.blocks import BlockSource
from tasks.ensembles import {name} as Model

class Drawn(BlockSource):
    n_rows, n_columns, dtype, block_rows = int(sys.argv[1]), 28, np.dtype(np.float32), 65_536
    def load(self, span):
        return [self.drawn(i) for i in range(span.start, span.stop)]
    def drawn(self, i):
        random = np.random.default_rng(i)
        X = random.standard_normal((min(65_536, self.n_rows - i * 65_536), 28), dtype=np.float32)
        return X, (X[:, 0] > 0).astype(int)

Model(2).fit(Drawn())
print(next(line.split()[1] for line in open("/proc/self/status") if line.startswith("VmHWM")))
"""


@pytest.mark.parametrize("rows", [300_000, 1_000_000])
@pytest.mark.parametrize("name", ["XGBoostClassifier", "GradientBoostingClassifier"])
def test_the_estimated_memory_is_near_the_measured_peak(name: str, rows: int) -> None:
    done = subprocess.run(
        [sys.executable, "-c", PEAK.format(name=name), str(rows)], capture_output=True, text=True, check=True
    )
    shape, way = replace(SHAPE, rows=rows), FitWay(1, False, True)
    estimated = xgboost_bytes(shape, way, 256) if name[0] == "X" else lightgbm_bytes(shape, way)
    peak = int(done.stdout) * 1024
    assert peak / 1.5 < estimated < peak * 1.5
    assert (peak - PROCESS) / 2 < estimated - PROCESS < (peak - PROCESS) * 2
