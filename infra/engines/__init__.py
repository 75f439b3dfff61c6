"""One process, Dask and Spark behind the same few verbs."""

from collections.abc import Sequence
from typing import Any, Literal

from infra.engines.base import Blocks, Engine
from infra.engines.blocks import ArraySource, BlockSource, ParquetSource
from infra.errors import ParameterError
from infra.extras import SPARK
from infra.settings import usable_cores

EngineName = Literal["local", "dask", "spark"]
ENGINES: tuple[EngineName, ...] = ("local", "dask", "spark")

__all__ = [
    "ENGINES",
    "ArraySource",
    "BlockSource",
    "Blocks",
    "Engine",
    "EngineName",
    "ParquetSource",
    "check_installed",
    "connect",
]


def connect(
    name: str,
    *,
    workers: int | None = None,
    address: str | None = None,
    master: str | None = None,
    preload: Sequence[str] = (),
) -> Engine:
    """Start an engine, or attach to an existing cluster; use it as a context manager.

    Parameters
    ----------
    name : {"local", "dask", "spark"}
        Which engine.
    workers : int, optional
        Threads (local), single-threaded processes (dask) or task slots (spark) of the embedded engine;
        default: the cores this process may use. An existing cluster has as many as it has.
    address : str, optional
        Scheduler of an existing Dask cluster, for example `tcp://host:8786`.
    master : str, optional
        Master of an existing Spark cluster, for example `spark://host:7077`.
    preload : sequence of str, optional
        Modules that the workers of an embedded Dask or Spark have imported when they start, once for all of them;
        for Dask those of this process's first cluster count.

    Raises
    ------
    ParameterError
        If the name is unknown, an argument does not belong to it, or its package is not installed.
    EngineError
        If the engine does not start or answer.
    """
    if name not in ENGINES:
        raise ParameterError(f"engine {name!r} is unknown; allowed: {', '.join(ENGINES)}")
    if workers is not None and workers < 1:
        raise ParameterError(f"workers={workers}: at least 1")
    misplaced: dict[str, Any] = {"address": address if name != "dask" else None}
    misplaced["master"] = master if name != "spark" else None
    for argument, value in misplaced.items():
        if value is not None:
            raise ParameterError(f"{argument}={value!r} does not belong to engine {name!r}")
    check_installed(name)
    count = workers or usable_cores()
    if name == "dask":
        from infra.engines.dask import DaskEngine

        return DaskEngine(count, address, preload)
    if name == "spark":
        from infra.engines.spark import SparkEngine

        return SparkEngine(count, master, preload)
    from infra.engines.local import LocalEngine

    return LocalEngine(count)


def check_installed(name: str) -> None:
    """Refuse an engine whose package is not installed.

    Raises
    ------
    ParameterError
        If so; the message names the command that installs it.
    """
    if name == "spark":
        SPARK.require()
