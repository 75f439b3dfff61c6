"""Ranks on Dask and on Spark: the loss curve of one process, and going on when a rank is lost."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from infra.engines import Engine
from infra.errors import ParameterError
from tasks.vision.packing import pack
from tests.infra.engines.starting import started
from tests.tasks.vision.pictures import folder
from tests.tasks.vision.synthetic import Fatal, stripes, tiny

X, Y = stripes(160, size=16)


@pytest.fixture(scope="module", params=["dask", "spark"])
def engine(request: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Engine]:
    with started(request.param, 2, tmp_path_factory.mktemp("home")) as found:
        yield found


@pytest.fixture(scope="module")
def alone() -> Any:
    return tiny().fit(X, Y)


def test_two_ranks_have_the_loss_curve_of_one_process(engine: Engine, alone: Any) -> None:
    together = tiny(engine=engine, n_shards=2).fit(X, Y)
    assert together.n_shards_ == 2
    for measure in ("loss", "accuracy", "learning_rate"):
        curves = [[epoch[measure] for epoch in model.history_] for model in (alone, together)]
        np.testing.assert_allclose(*curves, rtol=1e-3)
    for name, weights in alone.weights_.items():
        np.testing.assert_allclose(together.weights_[name], weights, rtol=0.02, atol=2e-3)
    assert (together.predict(X) == alone.predict(X)).all()


def test_one_rank_is_one_process(engine: Engine, alone: Any) -> None:
    one = tiny(engine=engine, n_shards=1).fit(X, Y)
    assert one.n_shards_ == 1
    assert all(one.weights_[name].tobytes() == alone.weights_[name].tobytes() for name in alone.weights_)


def test_ranks_read_a_packed_folder_themselves(engine: Engine, tmp_path: Path) -> None:
    packed = pack(folder(tmp_path / "source", 16), tmp_path / "packed", size=16)
    models = [tiny(batch_size=8, epochs=2, engine=each).fit(packed.path) for each in (None, engine)]
    losses = [[epoch["loss"] for epoch in model.history_] for model in models]
    np.testing.assert_allclose(*losses, rtol=1e-3)


def test_a_killed_rank_costs_no_finished_epoch(engine: Engine, alone: Any, tmp_path: Path) -> None:
    model = tiny(engine=engine, checkpoints=tmp_path / "c", callbacks=[Fatal(tmp_path, 2)]).fit(X, Y)
    assert (tmp_path / "died").exists()
    assert model.n_shards_ == 2
    losses = [[epoch["loss"] for epoch in each.history_] for each in (alone, model)]
    np.testing.assert_allclose(*losses, rtol=1e-3)


def test_more_ranks_than_workers_or_groups_are_refused(engine: Engine) -> None:
    with pytest.raises(ParameterError, match="n_shards=3: at most 2, the worker processes"):
        tiny(engine=engine, n_shards=3).fit(X, Y)
    with pytest.raises(
        ParameterError, match=r"n_shards=2: at most 1, the groups of a batch \(batch_groups\)"
    ):
        tiny(engine=engine, n_shards=2, batch_groups=1).fit(X, Y)
