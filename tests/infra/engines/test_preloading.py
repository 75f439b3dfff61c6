"""Modules that workers have imported when they start."""

import subprocess
import sys

import pytest

PROGRAM = """
import sys
from infra.engines import connect

def imported(name, _shared):
    import sys
    return name in sys.modules

if __name__ == "__main__":
    with connect(sys.argv[1], workers=1, preload=["wave"]) as engine:
        print(dict(sorted(engine.run(imported, ["wave", "sunau"]))))
"""


@pytest.mark.parametrize("engine", ["dask", "spark"])
def test_workers_start_with_what_is_preloaded(engine: str) -> None:
    """In a process of its own: the one that Dask forks workers from starts once in a process."""
    command = [sys.executable, "-c", PROGRAM, engine]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    assert "{0: True, 1: False}" in done.stdout


TOGETHER = """
from concurrent.futures import ThreadPoolExecutor
from infra.engines import connect
from tests.infra.engines.test_preloading import imported

MODULES = {"dask": "wave", "spark": "sunau"}

def imported_by(engine):
    with connect(engine, workers=1, preload=[MODULES[engine]]) as started:
        return dict(started.run(imported, [MODULES[engine]]))

if __name__ == "__main__":
    with ThreadPoolExecutor() as threads:
        print(list(threads.map(imported_by, MODULES)))
"""


def imported(name: str, _shared: None) -> bool:
    return name in sys.modules


def test_dask_and_spark_start_at_the_same_time_with_modules_of_their_own() -> None:
    command = [sys.executable, "-c", TOGETHER]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    assert "[{0: True}, {0: True}]" in done.stdout
