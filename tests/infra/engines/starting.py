"""How the tests start engines: with a home of their own, and so that workers find the tests' functions."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from infra.engines import Engine, connect

ROOT = Path(__file__).parents[3]


_spark: list[Engine] = []


@contextmanager
def started(name: str, workers: int, home: Path) -> Iterator[Engine]:
    """An embedded engine. Spark's is kept for whoever asks next: it takes long to start, and a process has one."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TRILLA_HOME", str(home))
        patch.setenv("PYTHONPATH", str(ROOT))
        if name != "spark":
            with connect(name, workers=workers) as engine:
                yield engine
            return
        if _spark and not (_spark[0].workers == workers and _spark[0].worker_pids()):
            close_spark()
        if not _spark:
            _spark.append(connect("spark", workers=workers))
        yield _spark[0]


def close_spark() -> None:
    """End the session that is kept, if there is one."""
    while _spark:
        _spark.pop().close()
