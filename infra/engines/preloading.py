"""Libraries that workers have imported when they start, and the process that Spark forks its Python workers from.

Importing the libraries takes one core three seconds. A worker that is forked from a process with imported libraries
need not import the libraries again. Dask forks its workers from a process of its own that works in the same way.
"""

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from importlib import import_module

from infra.importing import kept_imports

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


def modules_of_dask(further_modules: Sequence[str]) -> list[str]:
    """Modules that the process which Dask forks workers from imports, in their order."""
    return [f"{__package__}.preload_begin", *PRELOADED, *further_modules, f"{__package__}.preload_end"]


if __name__ == "__main__":
    from pyspark.daemon import manager

    with kept_imports():
        for name in [*PRELOADED, *filter(None, os.environ.get(FURTHER, "").split(","))]:
            with suppress(ImportError):  # the work that needs a missing library says so
                import_module(name)
    manager()
