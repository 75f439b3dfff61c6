"""What the study's flow does before it measures anything."""

from pathlib import Path

from flows.study import warm_up_workers
from tasks.compiling import compile_kernels
from tests.infra.engines.starting import started


def kernels_loaded() -> int:
    return compile_kernels.cache_info().currsize


def test_every_worker_has_its_kernels_before_a_cell_is_measured(tmp_path: Path) -> None:
    with started("dask", 2, tmp_path) as engine:
        client = engine.client  # type: ignore[attr-defined]
        assert set(client.run(kernels_loaded).values()) == {0}
        warm_up_workers(client, "clustering")
        assert list(client.run(kernels_loaded).values()) == [1, 1]
