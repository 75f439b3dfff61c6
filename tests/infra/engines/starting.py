"""How the tests start engines: with a home of their own, and so that workers find the tests' functions."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from infra.engines import Engine, connect

ROOT = Path(__file__).parents[3]


@contextmanager
def started(name: str, workers: int, home: Path) -> Iterator[Engine]:
    """An embedded engine."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TRILLA_HOME", str(home))
        patch.setenv("PYTHONPATH", str(ROOT))
        with connect(name, workers=workers) as engine:
            yield engine
