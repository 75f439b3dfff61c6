"""A step whose worker dies: its result in the end, or an error, never silence; with real Dask workers."""

import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import dask
import pytest
from distributed import LocalCluster
from prefect import flow, task
from prefect.cache_policies import NO_CACHE
from prefect.client.schemas.objects import State
from prefect.settings import PREFECT_API_URL, temporary_settings
from prefect_dask import DaskTaskRunner

from flows import gathering
from flows.gathering import complete
from infra.engines.dask import DaskEngine
from infra.engines.dask_memory import MEMORY_TRIES
from infra.errors import EngineError, EngineLostError
from infra.servers import Stack
from tests.flows.studying import settled_states
from tests.infra.engines import work


@pytest.fixture(scope="module")
def cluster() -> Iterator[str]:
    """The scheduler of one worker that is started again when it dies; one death ends a Dask task."""
    with dask.config.set({"distributed.scheduler.allowed-failures": 0}), DaskEngine(1) as engine:
        yield engine.address


@pytest.fixture(autouse=True)
def server(stack: Stack) -> Iterator[None]:
    with temporary_settings({PREFECT_API_URL: stack.prefect_api_url}):
        yield


@task(cache_policy=NO_CACHE)
def dies(times: int, counter: str) -> int:
    """Kill the worker that runs it, so many times; then return how often it has run."""
    runs = int(Path(counter).read_text()) + 1
    Path(counter).write_text(str(runs))
    if runs <= times:
        time.sleep(1.5)  # until the server has heard that it runs, and would show it running for ever
        os.kill(os.getpid(), signal.SIGKILL)
    return runs


@task(cache_policy=NO_CACHE)
def hungry(counter: str) -> None:
    """Take memory until the worker is killed for it."""
    Path(counter).write_text(str(int(Path(counter).read_text()) + 1))
    work.take_memory()


@task(cache_policy=NO_CACHE)
def refuses(sentence: str) -> None:
    raise ValueError(sentence)


@task(cache_policy=NO_CACHE)
def slow() -> int:
    time.sleep(1)
    return 7


@flow
def around(times: int, counter: str) -> int:
    result: int = complete(dies, times, counter)
    return result


def run(cluster: str, times: int, counter: Path) -> State[int]:
    counter.write_text("0")
    runner = DaskTaskRunner(address=cluster)
    return around.with_options(task_runner=runner)(times, str(counter), return_state=True)


def outcome(stack: Stack, state: State[int]) -> dict[str, list[str]]:
    found = settled_states(stack.prefect_api_url, str(state.state_details.flow_run_id))
    return {kind: sorted(name for name, _, _ in runs) for kind, runs in found.items()}


def test_a_lost_step_is_done_again(cluster: str, tmp_path: Path, stack: Stack) -> None:
    state = run(cluster, 1, tmp_path / "runs")
    assert state.result() == 2
    assert outcome(stack, state) == {"flows": ["Completed"], "tasks": ["Completed", "Crashed"]}


def test_a_step_that_always_kills_its_worker_fails_the_flow(
    cluster: str, tmp_path: Path, stack: Stack, caplog: pytest.LogCaptureFixture
) -> None:
    state = run(cluster, 99, tmp_path / "runs")
    with pytest.raises(EngineError, match=f"dies: its worker was lost {gathering.TRIES} times"):
        state.result()
    assert int((tmp_path / "runs").read_text()) == gathering.TRIES
    assert outcome(stack, state) == {"flows": ["Failed"], "tasks": ["Crashed"] * gathering.TRIES}
    assert [record.getMessage()[:33] for record in caplog.records if record.name == gathering.__name__] == [
        "dies: its worker was lost (try 1 ",
        "dies: its worker was lost (try 2 ",
        "dies: its worker was lost (try 3 ",
    ]


def test_a_step_that_needs_too_much_memory_fails_the_flow_and_says_so(tmp_path: Path, stack: Stack) -> None:
    counter = tmp_path / "runs"
    counter.write_text("0")
    with DaskEngine(1, memory_limit=600 * 2**20) as engine:

        @flow(task_runner=DaskTaskRunner(address=engine.address))
        def fed() -> None:
            complete(hungry, str(counter))

        state = fed(return_state=True)
    with pytest.raises(
        EngineError,
        match=r"^hungry: given up after 2 tries: a Dask worker ran out of memory: it used \d+\.\d\d .iB, "
        r"its limit is 600\.00 MiB, .* use fewer workers, workers with more memory, or a smaller table$",
    ):
        state.result()
    assert int(counter.read_text()) == MEMORY_TRIES
    assert outcome(stack, state) == {"flows": ["Failed"], "tasks": ["Crashed"] * MEMORY_TRIES}


def test_what_a_step_raises_is_raised_here(cluster: str) -> None:
    @flow(task_runner=DaskTaskRunner(address=cluster))
    def once() -> None:
        complete(refuses, "no such column")

    with pytest.raises(ValueError, match="no such column"):
        once()


def test_a_cluster_without_workers_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gathering, "LOOK_EVERY_S", 0.2)
    with LocalCluster(n_workers=0, host="127.0.0.1", dashboard_address=None) as empty:

        @flow(task_runner=DaskTaskRunner(address=empty.scheduler_address))
        def alone() -> None:
            complete(refuses, "never runs")

        with pytest.raises(EngineError, match="no worker for 1 s"):
            alone()


def test_a_step_slower_than_a_look_is_waited_for(cluster: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gathering, "LOOK_EVERY_S", 0.1)
    monkeypatch.setattr(gathering, "LOOKS_WITHOUT_WORKERS", 2)

    @flow(task_runner=DaskTaskRunner(address=cluster))
    def patient() -> int:
        result: int = complete(slow)
        return result

    assert patient() == 7


class EndsRightAfterALook:
    """A future whose step ends between the end of a look and the question whether the step is done."""

    def __init__(self) -> None:
        self.wrapped_future = self
        self.ended = False

    def done(self) -> bool:
        self.ended = True
        return True

    def result(self, timeout: float | None = None) -> int:
        if not self.ended:
            raise TimeoutError(f"not within {timeout} s")
        return 7


def test_a_step_that_ends_right_after_a_look_gives_its_result() -> None:
    assert gathering._result(EndsRightAfterALook()) == 7  # type: ignore[arg-type]


def test_a_time_limit_of_the_step_itself_is_raised(cluster: str) -> None:
    @task(cache_policy=NO_CACHE)
    def late() -> None:
        raise TimeoutError("the step's own limit")

    @flow(task_runner=DaskTaskRunner(address=cluster))
    def once() -> None:
        complete(late)

    with pytest.raises(TimeoutError, match="the step's own limit"):
        once()


@task(cache_policy=NO_CACHE)
def needs(engine: int) -> int:
    """Fail as on an engine that died, unless the engine is the third one."""
    if engine < 3:
        raise EngineLostError("the engine died")
    return engine


@pytest.mark.parametrize(("first", "found"), [(1, 3), (2, 3), (3, 3)])
def test_a_step_whose_engine_died_is_tried_on_the_next_engine(first: int, found: int) -> None:
    engines = iter(range(first, 9))

    @flow
    def study() -> int:
        return complete(needs, place=lambda: {"engine": next(engines)})  # type: ignore[no-any-return]

    assert study() == found


def test_a_step_is_given_up_when_every_engine_dies() -> None:
    @flow
    def study() -> None:
        complete(needs, place=lambda: {"engine": 0})

    with pytest.raises(EngineError, match="needs: given up after 3 tries: the engine died"):
        study()
