"""Ranks on Dask and on Spark, threads of one process: the same weights, and resumption after the loss of a rank."""

import signal
import threading
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from infra.engines import Engine, connect
from infra.errors import ParameterError
from tasks.datasets.images.packing import pack
from tasks.vision.parallel import Machine, each_has_a_gpu
from tests.infra.engines.starting import started
from tests.tasks.datasets.images.image_files import folder
from tests.tasks.vision.synthetic import Fatal, same_weights, stripes, tiny

X, Y = stripes(160, size=16)


@pytest.fixture(scope="module", params=["dask", "spark"])
def engine(request: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Engine]:
    with started(request.param, 2, tmp_path_factory.mktemp("home")) as found:
        yield found


@pytest.fixture(scope="module")
def alone() -> Any:
    return tiny().fit(X, Y)


def assert_same(one: Any, other: Any) -> None:
    """To the last bit."""
    for measure in ("loss", "accuracy", "learning_rate"):
        curves = [[epoch[measure] for epoch in model.history_] for model in (one, other)]
        assert curves[0] == curves[1]
    assert same_weights(one, other)
    assert one.predict_proba(X).tobytes() == other.predict_proba(X).tobytes()


@pytest.mark.parametrize("ranks", [1, 2])
def test_ranks_find_what_one_process_finds(ranks: int, engine: Engine, alone: Any) -> None:
    together = tiny(engine=engine, n_shards=ranks).fit(X, Y)
    assert together.n_shards_ == ranks
    assert_same(together, alone)


def test_threads_find_what_one_finds(alone: Any) -> None:
    assert_same(tiny(n_jobs=2).fit(X, Y), alone)
    with connect("local", workers=4) as engine:
        assert_same(tiny(engine=engine).fit(X, Y), alone)


@pytest.mark.parametrize(("groups", "threads"), [(4, 4), (2, 4), (3, 2)])
def test_more_threads_or_groups_differ_by_rounding(groups: int, threads: int) -> None:
    one, several = (tiny(batch_groups=groups, n_jobs=jobs).fit(X, Y) for jobs in (1, threads))
    losses = [[epoch["loss"] for epoch in model.history_] for model in (one, several)]
    np.testing.assert_allclose(*losses, rtol=1e-3)


class Broken:
    """A callback that fails."""

    def on_epoch(self, epoch: int, metrics: Mapping[str, float]) -> None:
        raise LookupError("no such place")


def test_numbers_of_threads_are_left_as_they_were() -> None:
    before = torch.get_num_threads()
    tiny(n_jobs=2).fit(X, Y).predict(X)
    assert torch.get_num_threads() == before
    with ThreadPoolExecutor(1) as pool:
        assert pool.submit(torch.get_num_threads).result() == before


def test_callbacks_run_in_the_caller_s_thread() -> None:
    seen = []

    class Seen:
        def on_epoch(self, epoch: int, metrics: Mapping[str, float]) -> None:
            seen.append(threading.get_ident())

    tiny(n_jobs=2, callbacks=[Seen()]).fit(X, Y)
    assert set(seen) == {threading.get_ident()}


def test_what_one_thread_raises_ends_all() -> None:
    with pytest.raises(LookupError, match="no such place"):
        tiny(n_jobs=2, callbacks=[Broken()]).fit(X, Y)


@pytest.mark.parametrize("jobs", [1, 2])
def test_an_interrupt_ends_all_threads(jobs: int) -> None:
    started = threading.Event()

    class Started:
        def on_epoch(self, epoch: int, metrics: Mapping[str, float]) -> None:
            if not started.is_set():
                started.set()
                signal.raise_signal(signal.SIGINT)

    before = threading.active_count()
    with pytest.raises(KeyboardInterrupt):
        tiny(epochs=1000, n_jobs=jobs, callbacks=[Started()]).fit(X, Y)
    assert started.is_set()
    assert threading.active_count() == before


def test_ranks_read_a_packed_folder_themselves(engine: Engine, tmp_path: Path) -> None:
    packed = pack(folder(tmp_path / "source", 16), tmp_path / "packed", size=16)
    models = [tiny(batch_size=8, epochs=2, engine=each).fit(packed.path) for each in (None, engine)]
    losses = [[epoch["loss"] for epoch in model.history_] for model in models]
    assert losses[0] == losses[1]


def test_a_killed_rank_costs_no_finished_epoch(engine: Engine, alone: Any, tmp_path: Path) -> None:
    model = tiny(engine=engine, checkpoints=tmp_path / "c", callbacks=[Fatal(tmp_path, 2)]).fit(X, Y)
    assert (tmp_path / "died").exists()
    assert model.n_shards_ == 2
    assert_same(model, alone)


def test_more_ranks_than_workers_or_groups_are_refused(engine: Engine) -> None:
    with pytest.raises(ParameterError, match="n_shards=3: at most 2, the worker processes"):
        tiny(engine=engine, n_shards=3).fit(X, Y)
    with pytest.raises(
        ParameterError, match=r"n_shards=2: at most 1, the groups of a batch \(batch_groups\)"
    ):
        tiny(engine=engine, n_shards=2, batch_groups=1).fit(X, Y)


@pytest.mark.parametrize(
    ("machines", "expected"),
    [
        ([Machine("a", "cuda", 2), Machine("a", "cuda", 2)], True),
        ([Machine("a", "cuda", 1), Machine("b", "cuda", 1)], True),
        ([Machine("a", "cuda", 1), Machine("a", "cuda", 1)], False),
        ([Machine("a", "cuda", 1), Machine("b", "cpu", 0)], False),
    ],
)
def test_ranks_share_no_gpu_where_they_sum_on_it(machines: list[Machine], expected: bool) -> None:
    assert each_has_a_gpu(machines) is expected
