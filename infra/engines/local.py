"""The engine `local`: threads of this process."""

from collections.abc import Callable, Generator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, as_completed
from threading import Barrier, BrokenBarrierError
from typing import Any

from infra.engines.base import Blocks, Engine, Kernel, Merge
from infra.engines.blocks import BlockSource, Span, cut_span, joined
from infra.engines.collective import ThreadCommunicator
from infra.engines.streaming import resident
from infra.engines.tree import finish, reduce_span


class LocalEngine(Engine):
    """Threads of this process. They run in parallel because kernels release the interpreter's lock.

    Parameters
    ----------
    workers : int
        Number of threads.
    memory_limit : int, optional
        Bytes of memory that each thread may use; default: an equal share of the machine's memory.
    """

    name = "local"
    in_this_process = True

    def __init__(self, workers: int, memory_limit: int | None = None) -> None:
        self.workers = workers
        self.memory_limit = memory_limit
        self._pool = ThreadPoolExecutor(workers, thread_name_prefix="trilla-local")

    def partition(self, source: BlockSource, most: int | None = None) -> Blocks:
        spans = self._spans(source.n_blocks, most)
        return Blocks(spans, tuple(self._pool.map(lambda span: resident(source.detached(span), span), spans)))

    def map(self, kernel: Kernel, blocks: Blocks, *state: Any) -> list[Any]:
        places = [(held, i) for held in blocks.residents for i in range(len(held))]
        return list(self._pool.map(lambda place: kernel(*place[0][place[1]], *state), places))

    def reduce(self, kernel: Kernel, merge: Merge, blocks: Blocks, *state: Any) -> Any:
        def one(span: Span, held: Sequence[Any]) -> Any:
            return reduce_span(kernel, merge, held, span.start, *state)

        parts = self._pool.map(one, blocks.spans, blocks.residents)
        return finish((node for part in parts for node in part), merge)

    def shuffle(self, kernel: Kernel, blocks: Blocks, count: int, *state: Any) -> Blocks:
        spans = self._spans(count)

        def one(span: Span, held: Sequence[Any]) -> Any:
            return cut_span(kernel, held, span.start, spans, *state)

        parts = list(self._pool.map(one, blocks.spans, blocks.residents))
        arriving = ([cut for part in parts for cut in part[i]] for i in range(len(spans)))
        return Blocks(spans, tuple(self._pool.map(joined, arriving)))

    def run_group(self, function: Callable[..., Any], blocks: Blocks, *state: Any) -> list[Any]:
        size = len(blocks.spans)
        places, barrier = [None] * size, Barrier(size)

        def member(rank: int) -> Any:
            try:
                return function(
                    blocks.residents[rank], ThreadCommunicator(rank, size, places, barrier), *state
                )
            except BaseException:
                barrier.abort()  # so that the other members wait no longer
                raise

        others: list[Future[Any]] = []
        failures: list[BaseException] = []
        try:
            others = [self._pool.submit(member, rank) for rank in range(1, size)]
            # the first member runs in the caller's thread, where an interrupt arrives and a profiler looks
            first = member(0)
        except BaseException as error:
            barrier.abort()
            failures = [error]
        failures += filter(None, [future.exception() for future in others])
        for failure in sorted(failures, key=lambda failure: isinstance(failure, BrokenBarrierError)):
            raise failure
        return [first, *(future.result() for future in others)]

    def run(
        self, function: Callable[..., Any], items: Sequence[Any], shared: Any = None
    ) -> Generator[tuple[int, Any]]:
        futures = {self._pool.submit(function, item, shared): i for i, item in enumerate(items)}
        try:
            for future in as_completed(futures):
                yield futures[future], future.result()
        finally:
            for future in futures:
                future.cancel()

    def close(self) -> None:
        self._pool.shutdown(cancel_futures=True)
