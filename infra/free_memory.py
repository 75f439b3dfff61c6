"""Memory that a process has freed, given back to the system."""

import ctypes
import sys
from contextlib import suppress

import pyarrow as pa


def give_back_freed_memory() -> None:
    """Give freed memory back to the system, which the allocators of C and of Arrow otherwise keep for later use.

    A worker that has read a large table keeps some hundred MiB in this way, and Dask counts them as used.
    """
    pa.default_memory_pool().release_unused()
    if sys.platform == "linux":
        with suppress(OSError, AttributeError):  # a C library other than GNU's has no such function
            ctypes.CDLL(None).malloc_trim(0)
