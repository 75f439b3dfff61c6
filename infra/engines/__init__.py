"""One process, Dask and Spark behind the same few methods."""

from collections.abc import Sequence
from typing import Literal

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
    "memory_in_bytes",
]


def connect(
    name: str,
    *,
    workers: int | None = None,
    address: str | None = None,
    master: str | None = None,
    preload: Sequence[str] = (),
    memory_limit: int | str | None = None,
) -> Engine:
    """Start an engine, or attach to an existing cluster; the engine is a context manager.

    Parameters
    ----------
    name : {"local", "dask", "spark"}
        Name of the engine.
    workers : int, optional
        Number of threads (local), single-threaded processes (dask) or task slots (spark) of an embedded engine;
        default: the number of cores that this process may use. An existing cluster keeps its own number.
    address : str, optional
        Address of the scheduler of an existing Dask cluster, for example `tcp://host:8786`.
    master : str, optional
        Address of the master of an existing Spark cluster, for example `spark://host:7077`.
    preload : sequence of str, optional
        Names of modules that the workers of an embedded Dask or Spark have imported when they start. All workers
        share one import. For Dask, only the names given to the first cluster of this process count.
    memory_limit : int or str, optional
        Memory that each worker of an embedded engine may use, in bytes or as text such as `"2GiB"`; default: an equal
        share of the machine's memory. Every engine chooses by the limit how a large table is trained on. On Dask, work
        whose worker comes close to the limit fails with an error that says so.

    Returns
    -------
    Engine
        The engine, which ends what it started when its context is left.

    Raises
    ------
    ParameterError
        If the name is unknown, an argument does not belong to the engine or is out of bounds, or the engine's
        package is not installed.
    EngineError
        If the engine does not start or answer.

    Examples
    --------
    >>> from infra.engines import connect
    >>> def power(base, exponent):
    ...     return base**exponent
    >>> with connect("local", workers=2) as engine:
    ...     sorted(engine.run(power, [1, 2, 3], shared=2))
    [(0, 1), (1, 4), (2, 9)]
    """
    if name not in ENGINES:
        raise ParameterError(f"engine {name!r} is unknown; allowed: {', '.join(ENGINES)}")
    if workers is not None and workers < 1:
        raise ParameterError(f"workers={workers}: at least 1")
    belongs = {"address": "dask", "master": "spark"}
    for argument, value in {"address": address, "master": master}.items():
        if value is not None and belongs[argument] != name:
            raise ParameterError(f"{argument}={value!r} does not belong to engine {name!r}")
    existing = address or master
    if existing is not None and memory_limit is not None:
        raise ParameterError(
            f"memory_limit={memory_limit!r} does not belong to an existing cluster, {existing}"
        )
    check_installed(name)
    count, limit = workers or usable_cores(), memory_in_bytes(memory_limit)
    if name == "dask":
        from infra.engines.dask import DaskEngine

        return DaskEngine(count, address, preload, limit)
    if name == "spark":
        from infra.engines.spark import SparkEngine

        return SparkEngine(count, master, preload, limit)
    from infra.engines.local import LocalEngine

    return LocalEngine(count, limit)


def check_installed(name: str) -> None:
    """Refuse an engine whose package is not installed.

    Raises
    ------
    ParameterError
        If the package is not installed; the message names the command that installs the package.
    """
    if name == "spark":
        SPARK.require()


def memory_in_bytes(memory_limit: int | str | None) -> int | None:
    """Number of bytes of a memory limit; None without a limit.

    Parameters
    ----------
    memory_limit : int or str, optional
        Number of bytes, or text such as `"2GiB"`.

    Raises
    ------
    ParameterError
        If the limit is no number of bytes above 0.
    """
    if memory_limit is None:
        return None
    from dask.utils import parse_bytes

    try:
        found = int(parse_bytes(memory_limit))
    except ValueError:
        found = 0
    if found < 1:
        raise ParameterError(f"memory_limit={memory_limit!r}: a number of bytes, or text such as '2GiB'")
    return found
