"""The process that Spark forks Python workers from, and the libraries that workers need not import any more.

Dask forks its workers from such a process too, its own. Importing them takes a core for three seconds.
"""

from contextlib import suppress
from importlib import import_module

PRELOADED = ["distributed", "lightgbm", "numba", "numpy", "pandas", "pyarrow", "scipy", "sklearn", "xgboost"]

if __name__ == "__main__":
    from pyspark.daemon import manager

    for name in PRELOADED:
        with suppress(ImportError):  # whoever needs it on a machine without it says so
            import_module(name)
    manager()
