"""An engine whose work is profiled in the workers, where the work runs."""

from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import closing
from typing import Any

from infra.engines.base import Blocks, Engine, Kernel, Merge
from infra.engines.blocks import BlockSource
from infra.errors import EngineError
from infra.profiling import profiled


class ProfiledEngine(Engine):
    """Another engine, with a profile of the Python code that its workers run.

    Rounds of kernels (`map`, `reduce`, `shuffle`, `iterate`) run without a profile, because kernels are compiled code,
    which cProfile cannot measure.

    Parameters
    ----------
    engine : Engine
        The engine that does the work.
    """

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self.name, self.workers = engine.name, engine.workers
        self.in_this_process = engine.in_this_process
        self.profiles: list[bytes] = []
        """Marshalled cProfile statistics, one for each item of `run` and each member of `run_group`."""

    @property
    def worker_memory(self) -> int | None:
        return self._engine.worker_memory

    def partition(self, source: BlockSource, most: int | None = None) -> Blocks:
        return self._engine.partition(source, most)

    def map(self, kernel: Kernel, blocks: Blocks, *state: Any) -> list[Any]:
        return self._engine.map(kernel, blocks, *state)

    def reduce(self, kernel: Kernel, merge: Merge, blocks: Blocks, *state: Any) -> Any:
        return self._engine.reduce(kernel, merge, blocks, *state)

    def shuffle(self, kernel: Kernel, blocks: Blocks, count: int, *state: Any) -> Blocks:
        return self._engine.shuffle(kernel, blocks, count, *state)

    def iterate(self, *arguments: Any, **hooks: Any) -> tuple[Any, list[Any]]:
        return self._engine.iterate(*arguments, **hooks)

    def run_group(self, function: Callable[..., Any], blocks: Blocks, *state: Any) -> list[Any]:
        return [self._collect(pair) for pair in self._engine.run_group(_Profiled(function), blocks, *state)]

    def run(
        self, function: Callable[..., Any], items: Sequence[Any], shared: Any = None
    ) -> Generator[tuple[int, Any]]:
        with closing(self._engine.run(_Profiled(function), items, shared)) as results:
            for i, result in results:
                yield i, result if isinstance(result, EngineError) else self._collect(result)

    def worker_pids(self) -> Mapping[str, int]:
        return self._engine.worker_pids()

    def _collect(self, pair: tuple[Any, bytes]) -> Any:
        result, profile = pair
        self.profiles.append(profile)
        return result


class _Profiled:
    def __init__(self, function: Callable[..., Any]) -> None:
        self.function = function

    def __call__(self, *arguments: Any) -> tuple[Any, bytes]:
        return profiled(self.function, *arguments)
