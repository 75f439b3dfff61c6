"""LightGBM's network: ports that are taken, and members that are lost."""

import socket
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, nullcontext
from itertools import count
from pathlib import Path
from threading import Timer
from typing import Any

import pytest

from infra.engines import ArraySource
from infra.engines.collective import Communicator
from infra.errors import EngineError
from tasks.ensembles import lightgbm_network
from tasks.ensembles.lightgbm_training import LightGBMPlan, train_lightgbm
from tests.infra.engines.starting import started
from tests.infra.engines.work import die, first_time
from tests.tasks.ensembles.sharded import PARAMETERS, PLAN, X, Y, members


@pytest.mark.parametrize("times", [1, 2, 5])
def test_a_port_that_was_taken_meanwhile_is_tried_again(times: int, monkeypatch: pytest.MonkeyPatch) -> None:
    expected = members(2, PLAN, X, Y).model
    with ExitStack() as taken:
        tries = count()

        @contextmanager
        def unlucky() -> Iterator[int]:
            listener = taken.enter_context(socket.socket())
            listener.bind(("", 0))
            if next(tries) < times:
                listener.listen()  # and goes on
                yield listener.getsockname()[1]
            else:
                yield listener.getsockname()[1]
                listener.close()

        monkeypatch.setattr(lightgbm_network, "_reserved_port", unlucky)
        assert members(2, PLAN, X, Y).model == expected
        assert next(tries) > 2


def test_ports_that_are_always_taken_are_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.socket() as listener:
        listener.bind(("", 0))
        listener.listen()
        monkeypatch.setattr(
            lightgbm_network, "_reserved_port", lambda: nullcontext(listener.getsockname()[1])
        )
        with pytest.raises(EngineError, match="LightGBM's network did not open in 5 tries: Binding port"):
            members(2, PLAN, X, Y)


def boost_with_a_loss(blocks: Any, communicator: Communicator, plan: LightGBMPlan, folder: str) -> Any:
    """A fit whose last member's process dies in the middle of it, the first time."""
    if communicator.rank == communicator.size - 1 and first_time(folder, "died"):
        Timer(0.5, die).start()
    return train_lightgbm(blocks, communicator, plan)


@pytest.mark.parametrize("name", ["dask", "spark"])
def test_a_fit_that_loses_a_member_is_begun_again(name: str, tmp_path: Path) -> None:
    plan = LightGBMPlan(PARAMETERS, 2000, classification=True)
    with started(name, 2, tmp_path / "home") as engine:
        blocks = engine.partition(ArraySource(X, Y, block_rows=300))
        [found, _] = engine.run_group(boost_with_a_loss, blocks, plan, str(tmp_path))
    assert (tmp_path / "died").exists()
    assert found.model == members(2, plan, X, Y).model
