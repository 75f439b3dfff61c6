"""Libraries that workers have imported when they start, and the process that Spark forks its Python workers from.

Importing the libraries takes one core three seconds. A worker that is forked from a process with imported libraries
need not import the libraries again. Dask forks its workers from a process of its own that works in the same way.
"""

import gc
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from importlib import import_module

PRELOADED = ["distributed", "lightgbm", "numba", "numpy", "pandas", "pyarrow", "scipy", "sklearn", "xgboost"]
FURTHER = "TRILLA_PRELOAD"
"""Name of the environment variable with further modules that Spark's process imports, separated by commas."""


@contextmanager
def further(modules: Sequence[str]) -> Iterator[None]:
    """Have processes that are started within this context preload further modules."""
    before = os.environ.get(FURTHER)
    os.environ[FURTHER] = ",".join(modules)
    try:
        yield
    finally:
        os.environ.pop(FURTHER)
        if before is not None:
            os.environ[FURTHER] = before


if __name__ == "__main__":
    from pyspark.daemon import manager

    for name in [*PRELOADED, *filter(None, os.environ.get(FURTHER, "").split(","))]:
        with suppress(ImportError):  # the work that needs a missing library says so
            import_module(name)
    # a worker collects garbage after each task, and would examine all objects of the imported libraries
    gc.freeze()
    manager()
