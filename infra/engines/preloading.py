"""The process that Spark forks Python workers from, and the libraries that workers need not import any more.

Dask forks its workers from such a process too, its own. Importing them takes a core for three seconds.
"""

import gc
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from importlib import import_module

PRELOADED = ["distributed", "lightgbm", "numba", "numpy", "pandas", "pyarrow", "scipy", "sklearn", "xgboost"]
FURTHER = "TRILLA_PRELOAD"
"""Environment variable with the modules that Spark's process imports besides, separated by commas."""


@contextmanager
def further(modules: Sequence[str]) -> Iterator[None]:
    """Have the processes that are started meanwhile, and theirs, preload these modules too."""
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
        with suppress(ImportError):  # whoever needs it on a machine without it says so
            import_module(name)
    # a worker collects garbage after each task, and would look at all that was imported
    gc.freeze()
    manager()
