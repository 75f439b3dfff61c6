"""Memory that a process has freed."""

import subprocess
import sys

import pytest

PROGRAM = """
import psutil
from infra.free_memory import give_back_freed_memory

rss = lambda: psutil.Process().memory_info().rss >> 20
held = [bytearray(60_000) for _ in range(5_000)]  # too small for pages of their own
last = bytearray(60_000)
full = rss()
del held
freed = rss()
give_back_freed_memory()
print(full, freed, rss())
"""


@pytest.mark.skipif(sys.platform != "linux", reason="the C library of Linux keeps freed memory")
def test_freed_memory_goes_back_to_the_system() -> None:
    printed = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, text=True, check=True)
    full, freed, given_back = map(int, printed.stdout.split())
    assert freed > full - 100  # the process kept what it freed
    assert given_back < full - 200
