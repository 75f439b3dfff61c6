"""XGBoost's own collective among the members of a group of Dask workers."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from xgboost import collective
from xgboost.core import XGBoostError

from infra.engines import ArraySource, connect
from infra.engines.collective import Communicator
from infra.engines.dask import DaskEngine
from infra.errors import EngineError
from tasks.ensembles.xgboost_collective import xgboost_collective
from tests.infra.engines.work import die, first_time

ROWS = np.arange(12.0).reshape(6, 2)


@pytest.fixture(scope="module")
def dask() -> Iterator[Any]:
    with connect("dask", workers=2) as engine:
        yield engine


def run_group(dask: DaskEngine, member: Any, *state: Any) -> list[Any]:
    return dask.run_group(member, dask.partition(ArraySource(ROWS, block_rows=3)), *state)


def total(
    _blocks: list[Any], communicator: Communicator, folder: str | None = None
) -> tuple[int, list[float]]:
    with xgboost_collective(communicator):
        if folder and communicator.rank == 1 and first_time(folder, "died"):
            die()
        found = collective.allreduce(np.array([communicator.rank + 1.0]), collective.Op.SUM)
        return collective.get_rank(), found.tolist()


def test_members_sum_in_the_order_of_their_ranks(dask: DaskEngine) -> None:
    for _ in range(2):  # the first one left nothing open
        assert run_group(dask, total) == [(0, [3.0]), (1, [3.0])]


def test_one_member_needs_no_collective() -> None:
    with xgboost_collective(Communicator(0, 1)):
        assert not collective.is_distributed()


def test_a_member_that_dies_in_it_is_replaced(dask: DaskEngine, tmp_path: Path) -> None:
    assert run_group(dask, total, str(tmp_path)) == [(0, [3.0]), (1, [3.0])]
    assert (tmp_path / "died").exists()


def fails_in_one(_blocks: list[Any], communicator: Communicator) -> None:
    with xgboost_collective(communicator):
        if communicator.rank == 1:
            raise XGBoostError("not to my taste")
        collective.allreduce(np.zeros(1), collective.Op.SUM)


def test_xgboosts_error_in_one_member_is_told(dask: DaskEngine) -> None:
    with pytest.raises(EngineError, match=r"XGBoost failed in a group of 2 workers: .*not to my taste"):
        run_group(dask, fails_in_one)
    assert run_group(dask, total) == [(0, [3.0]), (1, [3.0])]
