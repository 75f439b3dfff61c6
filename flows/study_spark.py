"""The Spark session of a study: it starts beside the Dask cluster, and a dead one is replaced."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

from infra.engines import Engine


class StudySpark:
    """The one Spark session of a study at a time.

    Parameters
    ----------
    start : callable
        Function that starts a session; it is called now, in a thread, and again after the session has died.
    """

    def __init__(self, start: Callable[[], Engine]) -> None:
        self._start = start
        self._pool = ThreadPoolExecutor(1, thread_name_prefix="trilla-spark-start")
        self._engine = self._pool.submit(start)

    def engine(self) -> Engine:
        """The session, once it has started; a new one if its Java process has ended.

        Raises
        ------
        EngineError
            If Spark does not start.
        """
        engine = self._engine.result()
        if engine.is_alive:
            return engine
        engine.close()
        self._engine = self._pool.submit(self._start)
        return self._engine.result()

    def close(self) -> None:
        """End the session, if it has started."""
        if self._engine.exception() is None:
            self._engine.result().close()
        self._pool.shutdown()
