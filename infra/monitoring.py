"""Measure wall time, CPU time and memory of the driver and of every worker process, sampled with psutil.

Memory is the resident set size (RSS). RSS counts a page that several processes share, for example a page of a
library, once for each process, so sums over processes are a little too high. The figures without shared
pages (USS, PSS) need a walk of the kernel over all memory mappings: one sample was measured to cost six times
as much, and more in large processes.
"""

import logging
import math
import os
import resource
import sys
import threading
import time
from collections.abc import Callable, Mapping
from itertools import pairwise
from types import TracebackType
from typing import Self

import psutil
from pydantic import BaseModel, Field

from infra.processes import is_alive

log = logging.getLogger(__name__)

SERIES_LIMIT = 300
"""Largest number of samples of one process in a series."""
DRIVER = "driver"
"""Name of this process in a series."""

SeriesRow = tuple[float, str, float, float]
"""Unix time in seconds, name of the process, CPU in percent of one core, RSS in bytes."""


class ProcessUsage(BaseModel):
    """CPU time and memory of one process while it was watched."""

    cpu_s: float = Field(0.0, description="CPU time in seconds.")
    peak_rss: int = Field(0, description="Highest RSS in bytes.")


class Usage(BaseModel):
    """Wall time, CPU time and memory of a piece of work, separately for the driver and each worker."""

    wall_s: float = Field(0.0, description="Wall time in seconds.")
    cpu_s: float = Field(0.0, description="CPU time of all processes together in seconds.")
    cpu_percent: float = Field(0.0, description="cpu_s / wall_s x 100; 200 means two fully used cores.")
    peak_rss: int = Field(0, description="Highest sum of the RSS of all processes at one moment, in bytes.")
    driver: ProcessUsage = Field(default_factory=ProcessUsage, description="Usage of this process.")
    workers: dict[str, ProcessUsage] = Field(
        default_factory=dict, description="Usage of the other processes by their name."
    )
    series: list[SeriesRow] = Field(
        default_factory=list,
        description="Samples (unix time in seconds, name of the process, CPU %, RSS in bytes) in time order.",
    )


class _WatchedProcess:
    """One watched process and its samples.

    A process that was born after the time `since` is counted from its birth, any other from its first sample.
    """

    def __init__(self, name: str, pid: int, since: float) -> None:
        self.name = name
        self.handle = psutil.Process(pid)
        self.parent = self.handle.ppid()
        self.peak = self.rss = 0
        self.samples: list[tuple[float, float, int]] = []  # (unix time, CPU s, RSS)
        self.own, self.reaped = self._cpu()
        born_later = self.handle.create_time() >= since
        self.own_before, self.reaped_before = (0.0, 0.0) if born_later else (self.own, self.reaped)

    def _cpu(self) -> tuple[float, float]:
        """Return the CPU seconds of the process itself, and those of its children that have ended."""
        times = self.handle.cpu_times()
        reaped = times.children_user + times.children_system
        if self.handle.pid == os.getpid():
            # more exact than the kernel's figures for other processes, which are rounded to 10 ms
            return time.process_time(), reaped
        return times.user + times.system, reaped

    def sample(self, now: float) -> None:
        with self.handle.oneshot():
            self.own, self.reaped = self._cpu()
            self.rss = self.handle.memory_info().rss
        self.peak = max(self.peak, self.rss)
        self.samples.append((now, self.own, self.rss))
        if len(self.samples) > 4 * SERIES_LIMIT:  # the list stays bounded however long the work takes
            self.samples = _thinned(self.samples)

    def series(self) -> list[SeriesRow]:
        samples = _thinned(self.samples)
        return [
            (now, self.name, 100 * (cpu - cpu_before) / (now - before), float(rss))
            for (before, cpu_before, _), (now, cpu, rss) in pairwise(samples)
        ]


class Monitor:
    """Context manager that measures the work inside its `with` block.

    CPU time is read at the start and at the end, so it is right however short the work is. The CPU time that
    a process used between its last sample and its end becomes known when its parent has waited for it. If the
    parent is watched, this CPU time counts to the parent; the same holds for children that nobody watched.
    The series contain neither. The monitor's own CPU time is not counted, and the pause between samples grows
    so that the monitor uses less than 1 % of a core.

    Parameters
    ----------
    watch : callable, optional
        Function without arguments that returns the other processes of this machine to watch, as a mapping
        from name to process id. The function is called before each sample, because workers come and go, so it
        must be quick. This process is left out if the function names it.
    interval : float
        Seconds between samples.

    Attributes
    ----------
    usage : Usage
        The figures, available after the `with` block.
    """

    def __init__(self, watch: Callable[[], Mapping[str, int]] | None = None, interval: float = 0.2) -> None:
        self.usage = Usage()
        self._watch = watch or dict[str, int]
        self._interval = interval
        self._warned = False
        self._stop = threading.Event()
        self._cost = 0.0  # CPU seconds of the monitor itself
        self._peak = 0
        self._watched: dict[int, _WatchedProcess] = {}
        self._thread = threading.Thread(target=self._run, name="monitor", daemon=True)

    def __enter__(self) -> Self:
        self._children = {child.pid: _lifetime_cpu(child) for child in psutil.Process().children()}
        self._highest = _highest_rss()
        self._unix, self._start = time.time(), time.perf_counter()
        self._own = _WatchedProcess(DRIVER, os.getpid(), since=math.inf)
        self._sample(since=math.inf)
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop.set()
        self._thread.join()
        self._sample(self._since)
        self.usage = self._result()

    @property
    def _since(self) -> float:
        # psutil computes birth times from the time of boot, which the system knows only to the second
        return self._unix - 1

    def _run(self) -> None:
        pause = self._interval
        while not self._stop.wait(pause):
            before = self._cost
            self._sample(self._since)
            pause = max(self._interval, 100 * (self._cost - before))

    def _sample(self, since: float) -> None:
        begun = time.thread_time()
        now = self._unix + time.perf_counter() - self._start
        self._own.sample(now)
        total = self._own.rss
        for name, pid in self._named().items():
            try:
                if pid not in self._watched:
                    self._watched[pid] = _WatchedProcess(name, pid, since)
                self._watched[pid].sample(now)
            except psutil.NoSuchProcess:  # the process ended: its usage up to the last sample is known
                continue
            except psutil.AccessDenied:
                self._warn(f"process {pid} ({name}) belongs to another user")
                continue
            total += self._watched[pid].rss
        self._peak = max(self._peak, total)
        self._cost += time.thread_time() - begun

    def _named(self) -> dict[str, int]:
        try:
            return {name: pid for name, pid in self._watch().items() if pid != os.getpid()}
        except Exception as error:  # an error of a cluster that shuts down must not end the measured work
            self._warn(f"the process ids of the workers cannot be found: {error!r}")
            return {}

    def _warn(self, reason: str) -> None:
        """Log the first reason; a reason that comes up at each sample would fill the log."""
        if not self._warned:
            log.warning("Some processes are not measured: %s.", reason)
        self._warned = True

    def _result(self) -> Usage:
        wall = time.perf_counter() - self._start
        used = self._used()
        series = [row for process in (self._own, *self._watched.values()) for row in process.series()]
        cpu = sum(figure.cpu_s for figure in used.values())
        return Usage(
            wall_s=wall,
            cpu_s=cpu,
            cpu_percent=100 * cpu / wall,
            peak_rss=max(self._peak, used[DRIVER].peak_rss),
            driver=used.pop(DRIVER),
            workers=used,
            series=sorted(series),
        )

    def _used(self) -> dict[str, ProcessUsage]:
        """Return the usage by name; processes that had the same name one after the other are added up."""
        reaped = self._lifetime_of_the_ended()
        used: dict[str, ProcessUsage] = {}
        for process in (self._own, *self._watched.values()):
            unseen = process.reaped - process.reaped_before - reaped.get(process.handle.pid, 0.0)
            figure = used.setdefault(process.name, ProcessUsage())
            figure.cpu_s += process.own - process.own_before + max(0.0, unseen)
            figure.peak_rss = max(figure.peak_rss, process.peak)
        own = used[DRIVER]
        own.cpu_s = max(0.0, own.cpu_s - self._cost)
        if (highest := _highest_rss()) > self._highest:  # a peak between two samples
            own.peak_rss = max(own.peak_rss, highest)
        return used

    def _lifetime_of_the_ended(self) -> dict[int, float]:
        """Return, by parent, the CPU seconds of ended children that must not be counted to the parent.

        The kernel adds all CPU seconds of an ended child to its parent. Those of a watched child are counted
        under the child's own name; those from before the measurement do not belong to the measured work.
        """
        ended: dict[int, float] = {}
        for process in self._watched.values():
            if not is_alive(process.handle):
                ended[process.parent] = ended.get(process.parent, 0.0) + process.own + process.reaped
        for pid, cpu in self._children.items():
            if pid not in self._watched and not psutil.pid_exists(pid):
                ended[os.getpid()] = ended.get(os.getpid(), 0.0) + cpu
        return ended


def _lifetime_cpu(process: psutil.Process) -> float:
    """Return the CPU seconds of a process and of its ended children; 0 if the process has ended itself."""
    try:
        times = process.cpu_times()
    except psutil.NoSuchProcess:
        return 0.0
    return float(times.user + times.system + times.children_user + times.children_system)


def _highest_rss() -> int:
    """Return the highest RSS that this process has ever had, in bytes."""
    unit = 1 if sys.platform == "darwin" else 1024
    return unit * resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


def _thinned(samples: list[tuple[float, float, int]]) -> list[tuple[float, float, int]]:
    """Return the first sample and at most `SERIES_LIMIT` more.

    Each of the others stands for a group of neighbours: it has the time and the CPU seconds of the last
    sample of the group, and the highest RSS in the group.
    """
    size = math.ceil((len(samples) - 1) / SERIES_LIMIT)
    if size <= 1:
        return samples
    groups = [samples[i : i + size] for i in range(1, len(samples), size)]
    return [samples[0], *((*group[-1][:2], max(rss for _, _, rss in group)) for group in groups)]
