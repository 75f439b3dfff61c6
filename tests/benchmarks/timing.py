"""Side-by-side timing: two ways to do the same work in turn, in one run."""

import json
import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any


def in_turn(ours: Callable[[], Any], peer: Callable[[], Any], rounds: int) -> tuple[list[float], list[float]]:
    """Wall times in seconds of both, A B A B ..., so that a drift of the machine meets both alike."""
    times: tuple[list[float], list[float]] = ([], [])
    for number in range(rounds):
        for way, collected in zip((ours, peer), times, strict=True):
            start = time.perf_counter()
            way()
            collected.append(time.perf_counter() - start)
        print(f"  round {number + 1}: ours {times[0][-1]:.2f} s, peer {times[1][-1]:.2f} s", flush=True)
    return times


def row(what: str, ours: list[float], peer: list[float], aim: str) -> dict[str, object]:
    """One comparison: medians, and the median of the ratios round by round."""
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
    """Write the comparisons where `trilla bench` asked for them."""
    Path(sys.argv[1]).write_text(json.dumps(rows))
