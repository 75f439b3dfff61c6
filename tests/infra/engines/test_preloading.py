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
