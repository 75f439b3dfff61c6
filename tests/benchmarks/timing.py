"""Timing side by side: two implementations do the same work in turn, in one run."""

import json
import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any


def in_turn(ours: Callable[[], Any], peer: Callable[[], Any], rounds: int) -> tuple[list[float], list[float]]:
    """Time two functions in turn (A B A B ...), so that a change of the machine's speed affects both.

    Parameters
    ----------
    ours, peer : callable
        Functions without arguments that do the same work.
    rounds : int
        Number of calls of each function.

    Returns
    -------
    tuple of two lists of float
        Wall times of `ours` and of `peer`, in seconds.
    """
    times: tuple[list[float], list[float]] = ([], [])
    for number in range(rounds):
        for function, seconds in zip((ours, peer), times, strict=True):
            start = time.perf_counter()
            function()
            seconds.append(time.perf_counter() - start)
        print(f"  round {number + 1}: ours {times[0][-1]:.2f} s, peer {times[1][-1]:.2f} s", flush=True)
    return times


def row(what: str, ours: list[float], peer: list[float], aim: str) -> dict[str, object]:
    """Row of the results for one comparison.

    Parameters
    ----------
    what : str
        Description of the comparison.
    ours, peer : list of float
        Wall times of each round, in seconds.
    aim : str
        Ratio to reach; empty if there is none.

    Returns
    -------
    dict of str to object
        Medians of both, the median of the rounds' ratios, and all times.
    """
    ratios = [a / b for a, b in zip(ours, peer, strict=True)]
    return {
        "what": what,
        "ours": f"{statistics.median(ours):.2f} s",
        "peer": f"{statistics.median(peer):.2f} s",
        "ratio": f"{statistics.median(ratios):.2f} ({min(ratios):.2f} to {max(ratios):.2f})",
        "aim": aim,
        "ours_s": ours,
        "peer_s": peer,
    }


def save(rows: list[dict[str, object]]) -> None:
    """Write the comparisons into the file that `trilla bench` names as first argument."""
    Path(sys.argv[1]).write_text(json.dumps(rows))
