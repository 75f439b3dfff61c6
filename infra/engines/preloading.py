"""Libraries that workers have imported when they start, and the process that Spark forks its Python workers from.

Importing the libraries takes one core three seconds. A worker that is forked from a process with imported libraries
need not import the libraries again. Dask forks its workers from a process of its own, which imports `preloaded`.
"""

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from importlib import import_module

from infra.importing import kept_imports

PRELOADED = ["distributed", "lightgbm", "numba", "numpy", "pandas", "pyarrow", "scipy", "sklearn", "xgboost"]
FURTHER = "TRILLA_PRELOAD"
"""Name of the environment variable with further modules to import, separated by commas."""


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


def preload() -> None:
    """Import what workers that are forked from this process need."""
    with kept_imports():
        for name in [*PRELOADED, *filter(None, os.environ.get(FURTHER, "").split(","))]:
            with suppress(ImportError):  # the work that needs a missing library says so
                import_module(name)


if __name__ == "__main__":
    from pyspark.daemon import manager

    preload()
    manager()
