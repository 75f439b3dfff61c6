"""Where the time goes: cProfile of the driver and of workers, as a table, a `.prof` file and a picture."""

import cProfile
import marshal
import os
import pstats
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple, ParamSpec, TypeVar

from infra.errors import ParameterError

P = ParamSpec("P")
R = TypeVar("R")


class Line(NamedTuple):
    """One function of a profile."""

    calls: int
    own_s: float
    cumulative_s: float
    function: str


class _Marshalled:
    """What `pstats.Stats` takes for a profiler: statistics that another process has marshalled."""

    def __init__(self, marshalled: bytes) -> None:
        self.stats = marshal.loads(marshalled)  # noqa: S302 - our own workers' bytes, never a user's file

    def create_stats(self) -> None:
        """Do nothing: the statistics are made."""


def profiled(function: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> tuple[R, bytes]:
    """Call a function under cProfile.

    cProfile sees the calling thread: what other threads do, and native code that releases the lock,
    appears as time of the function that waits for it.

    Returns
    -------
    tuple
        The function's result and the marshalled statistics, small and fit to be sent by a worker.

    Raises
    ------
    ParameterError
        If another profiler (or a tool such as a coverage tracer that acts as one) is at work here.
    """
    profiler = cProfile.Profile()
    busy = ParameterError(
        "profile=true: another profiler is at work in this process, and Python allows one at a time;"
        " run without it, or with profile=false."
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
    """Add up the statistics of driver and workers, as `profiled` returned them.

    Raises
    ------
    ParameterError
        If there is none.
    """
    if not profiles:
        raise ParameterError("profiles=[]: at least one profile is needed.")
    merged = _loaded(profiles[0])
    for profile in profiles[1:]:
        merged.add(_loaded(profile))
    return merged


def top_table(stats: pstats.Stats, n: int = 25) -> str:
    """Return the `n` functions with most time of their own, as a plain-text table with seconds."""
    rows = [f"{'calls':>12} {'own s':>10} {'cumulative s':>13}  function"]
    rows += [
        f"{line.calls:>12,} {line.own_s:>10.3f} {line.cumulative_s:>13.3f}  {line.function}"
        for line in _top(stats, n)
    ]
    return "\n".join(rows)


def save(stats: pstats.Stats, path: Path) -> None:
    """Write a `.prof` file, which `pstats`, SnakeViz and the like open."""
    temporary = path.with_name(path.name + ".part")
    stats.dump_stats(temporary)
    os.replace(temporary, path)


def picture(stats: pstats.Stats, path: Path) -> None:
    """Draw the 25 functions with most time of their own as horizontal bars, in a PNG file."""
    from matplotlib.figure import Figure  # without pyplot, which keeps global state and is not thread-safe

    lines = _top(stats, 25)[::-1]
    figure = Figure(figsize=(10, 1.2 + 0.28 * len(lines)), layout="constrained")
    axes = figure.subplots()
    bars = axes.barh(range(len(lines)), [line.own_s for line in lines], color="#2b6cb0")
    axes.set_yticks(range(len(lines)), [_shortened(line.function) for line in lines], fontsize=8)
    axes.bar_label(bars, labels=[f"{line.own_s:.3f} s" for line in lines], padding=3, fontsize=8)
    axes.margins(x=0.12, y=0.01)
    axes.spines[["top", "right"]].set_visible(False)
    axes.set_xlabel("own time (s)")
    axes.set_title(f"Top {len(lines)} functions by own time")
    temporary = path.with_name(path.name + ".part")
    figure.savefig(temporary, format="png", dpi=110)
    os.replace(temporary, path)


def _loaded(marshalled: bytes) -> pstats.Stats:
    return pstats.Stats(_Marshalled(marshalled))  # type: ignore[arg-type]  # any object with create_stats


def _top(stats: pstats.Stats, n: int) -> list[Line]:
    entries: dict[tuple[str, int, str], tuple[Any, ...]] = vars(stats)[
        "stats"
    ]  # public, but not in the stubs
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


def _shortened(text: str, limit: int = 60) -> str:
    return text if len(text) <= limit else f"{text[: limit // 2 - 1]}…{text[-limit // 2 :]}"
