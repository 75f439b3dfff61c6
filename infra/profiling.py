"""Profile the driver and the workers with cProfile, and show the functions that take most time as a table."""

import cProfile
import marshal
import pstats
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple, ParamSpec, TypeVar

from infra.errors import ParameterError

P = ParamSpec("P")
R = TypeVar("R")


class Line(NamedTuple):
    """One function of a profile: number of calls, seconds without and with the functions that it calls."""

    calls: int
    own_s: float
    cumulative_s: float
    function: str


class _Marshalled:
    """Statistics that another process has marshalled, with the two names that `pstats.Stats` asks for."""

    def __init__(self, marshalled: bytes) -> None:
        self.stats = marshal.loads(marshalled)  # noqa: S302 - bytes of our own workers, never a user's file

    def create_stats(self) -> None:
        """Do nothing: the statistics exist already."""


def profiled(function: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> tuple[R, bytes]:
    """Call a function under cProfile.

    cProfile sees only the calling thread. The time of other threads, and of native code that releases the
    lock of the interpreter, appears as time of the function that waits for them.

    Parameters
    ----------
    function : callable
        Function to profile.
    *args, **kwargs
        Arguments of the function.

    Returns
    -------
    result : object
        Result of the function.
    profile : bytes
        Marshalled statistics, which are small enough to be sent by a worker.

    Raises
    ------
    ParameterError
        If another profiler, or a tool such as a coverage tracer that acts as one, is active in this process.
    """
    profiler = cProfile.Profile()
    busy = ParameterError(
        "profile=true: another profiler is active in this process, and Python allows one at a time; run"
        " without that profiler, or with profile=false."
    )
    if sys.getprofile() is not None:  # up to Python 3.11 the second profiler would silently replace the first
        raise busy
    try:
        profiler.enable()
    except ValueError as error:
        raise busy from error
    try:
        result = function(*args, **kwargs)
    finally:
        profiler.disable()
    profiler.create_stats()
    return result, marshal.dumps(vars(profiler)["stats"])


def merge_profiles(profiles: Sequence[bytes]) -> pstats.Stats:
    """Add up the profiles of the driver and the workers, as `profiled` returned them.

    Raises
    ------
    ParameterError
        If there is no profile.
    """
    if not profiles:
        raise ParameterError("profiles=[]: at least one profile is needed.")
    merged = _loaded(profiles[0])
    for profile in profiles[1:]:
        merged.add(_loaded(profile))
    return merged


def top_table(stats: pstats.Stats, n: int = 25) -> str:
    """Return the `n` functions with the most time of their own as a plain-text table, in seconds."""
    rows = [f"{'calls':>12} {'own s':>10} {'cumulative s':>13}  function"]
    rows += [
        f"{line.calls:>12,} {line.own_s:>10.3f} {line.cumulative_s:>13.3f}  {line.function}"
        for line in _top(stats, n)
    ]
    return "\n".join(rows)


def _loaded(marshalled: bytes) -> pstats.Stats:
    return pstats.Stats(_Marshalled(marshalled))  # type: ignore[arg-type]  # any object with create_stats


def _top(stats: pstats.Stats, n: int) -> list[Line]:
    # `stats.stats` is public, but the type stubs do not have it
    entries: dict[tuple[str, int, str], tuple[Any, ...]] = vars(stats)["stats"]
    lines = [
        Line(calls, own, cumulative, _label(*function))
        for function, (_, calls, own, cumulative, _) in entries.items()
    ]
    return sorted(lines, key=lambda line: line.own_s, reverse=True)[:n]


def _label(file: str, line: int, function: str) -> str:
    """Return `folder/file.py:line function`; built-in functions have no file."""
    if file == "~":
        return function
    return f"{'/'.join(Path(file).parts[-2:])}:{line} {function}"
