"""Time, CPU and memory of the driver and of every worker, sampled with psutil.

Memory is the resident set size (RSS). It counts pages that processes share, such as libraries, once for
each of them, so that sums are a little too high; the figures without shared pages (USS, PSS) cost the
kernel a walk over all mappings: measured at six times the price of a sample and more in large processes.
"""

import logging
import math
import os
import resource
import socket
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from functools import reduce
from itertools import pairwise
from types import TracebackType
from typing import Self

import psutil
from pydantic import BaseModel, Field

from infra.processes import family, is_alive

log = logging.getLogger(__name__)

SERIES_LIMIT = 300  # samples a process
DRIVER = "driver"


class ProcessUsage(BaseModel):
    """What one process used while it was watched."""

    cpu_s: float = 0.0
    peak_rss: int = Field(0, description="Bytes.")


class Usage(BaseModel):
    """What a piece of work used: wall time, CPU time and memory, driver and workers apart."""

    wall_s: float = 0.0
    cpu_s: float = Field(0.0, description="CPU seconds of all processes together.")
    cpu_percent: float = Field(0.0, description="cpu_s / wall_s x 100; 200 means two full cores.")
    peak_rss: int = Field(0, description="Bytes: highest sum over all processes at one moment.")
    driver: ProcessUsage = Field(default_factory=ProcessUsage)
    workers: dict[str, ProcessUsage] = Field(default_factory=dict)
    series: list[tuple[float, str, float, float]] = Field(
        default_factory=list, description="(unix time s, process name, CPU %, RSS bytes) a sample."
    )


class _Process:
    """One watched process and what its samples showed; `since`: born later, it is counted from its birth."""

    def __init__(self, name: str, pid: int, since: float) -> None:
        self.name = name
        self.handle = psutil.Process(pid)
        self.parent = self.handle.ppid()
        self.peak = self.rss = 0
        self.samples: list[tuple[float, float, int]] = []  # (unix time, CPU s, RSS)
        self.own, self.reaped = self._cpu()
        born = self.handle.create_time() >= since
        self.own_before, self.reaped_before = (0.0, 0.0) if born else (self.own, self.reaped)

    def _cpu(self) -> tuple[float, float]:
        """CPU seconds of the process itself, and of its children that have ended."""
        times = self.handle.cpu_times()
        reaped = times.children_user + times.children_system
        if self.handle.pid == os.getpid():
            return time.process_time(), reaped  # not rounded to the 10 ms that the kernel shows of others
        return times.user + times.system, reaped

    def sample(self, now: float) -> None:
        with self.handle.oneshot():
            self.own, self.reaped = self._cpu()
            self.rss = self.handle.memory_info().rss
        self.peak = max(self.peak, self.rss)
        self.samples.append((now, self.own, self.rss))
        if len(self.samples) > 4 * SERIES_LIMIT:  # bounded, however long it lasts
            self.samples = _thinned(self.samples)

    def series(self) -> list[tuple[float, str, float, float]]:
        samples = _thinned(self.samples)
        return [
            (now, self.name, 100 * (cpu - cpu_before) / (now - before), float(rss))
            for (before, cpu_before, _), (now, cpu, rss) in pairwise(samples)
        ]


class Monitor:
    """Measures what happens inside the `with` block; afterwards `usage` has the figures.

    CPU time is read at start and end, so it is right however short the work. What a process used between
    its last sample and its end is known once its parent, where that is watched, has waited for it, and
    counts to the parent; so do children that nobody watched. The series leave both out. The monitor's own
    CPU time is not counted, and its pace adapts so that it stays below 1 % of a core.

    Parameters
    ----------
    watch
        Names the other processes of this machine to watch (name -> pid); asked before each sample, as
        workers come and go, so it must be quick. Where it names this process, that is left out.
    interval
        Seconds between samples.
    name
        Name of this process; one other than `driver` stands among the workers.
    """

    def __init__(
        self,
        watch: Callable[[], Mapping[str, int]] | None = None,
        interval: float = 0.2,
        name: str = DRIVER,
    ) -> None:
        self.usage = Usage()
        self._watch = watch or dict[str, int]
        self._interval = interval
        self._name = name
        self._complained = False
        self._stop = threading.Event()
        self._cost = 0.0  # CPU seconds of our own
        self._peak = 0
        self._watched: dict[int, _Process] = {}
        self._thread = threading.Thread(target=self._run, name="monitor", daemon=True)

    def __enter__(self) -> Self:
        self._children = {child.pid: _lifetime_cpu(child) for child in psutil.Process().children()}
        self._highest = _highest_rss()
        self._unix, self._start = time.time(), time.perf_counter()
        self._own = _Process(self._name, os.getpid(), since=math.inf)
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
        return self._unix - 1  # psutil counts from the time of boot, which the system knows to the second

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
                    self._watched[pid] = _Process(name, pid, since)
                self._watched[pid].sample(now)
            except psutil.NoSuchProcess:  # it ended: what it used so far is known
                continue
            except psutil.AccessDenied:
                self._complain(f"process {pid} ({name}) belongs to another user")
                continue
            total += self._watched[pid].rss
        self._peak = max(self._peak, total)
        self._cost += time.thread_time() - begun

    def _named(self) -> dict[str, int]:
        try:
            return {name: pid for name, pid in self._watch().items() if pid != os.getpid()}
        except Exception as error:  # a cluster that is going down must not take the measured work with it
            self._complain(f"who they are cannot be told: {error!r}")
            return {}

    def _complain(self, reason: str) -> None:
        if not self._complained:
            log.warning("Some processes are not measured: %s.", reason)
        self._complained = True

    def _result(self) -> Usage:
        wall = time.perf_counter() - self._start
        used = self._used()
        series = [row for process in (self._own, *self._watched.values()) for row in process.series()]
        cpu = sum(figure.cpu_s for figure in used.values())
        return Usage(
            wall_s=wall,
            cpu_s=cpu,
            cpu_percent=100 * cpu / wall,
            peak_rss=max(self._peak, used[self._name].peak_rss),
            driver=used.pop(DRIVER, ProcessUsage()),
            workers=used,
            series=sorted(series),
        )

    def _used(self) -> dict[str, ProcessUsage]:
        """What each name used; several processes in turn may have had the same."""
        reaped = self._lifetime_of_the_ended()
        used: dict[str, ProcessUsage] = {}
        for process in (self._own, *self._watched.values()):
            unseen = process.reaped - process.reaped_before - reaped.get(process.handle.pid, 0.0)
            figure = used.setdefault(process.name, ProcessUsage())
            figure.cpu_s += process.own - process.own_before + max(0.0, unseen)
            figure.peak_rss = max(figure.peak_rss, process.peak)
        own = used[self._name]
        own.cpu_s = max(0.0, own.cpu_s - self._cost)
        if (highest := _highest_rss()) > self._highest:  # a peak between two samples
            own.peak_rss = max(own.peak_rss, highest)
        return used

    def _lifetime_of_the_ended(self) -> dict[int, float]:
        """CPU seconds by parent that processes took with them, and that are counted or not ours to count."""
        ended: dict[int, float] = {}
        for process in self._watched.values():
            if not is_alive(process.handle):
                ended[process.parent] = ended.get(process.parent, 0.0) + process.own + process.reaped
        for pid, cpu in self._children.items():
            if pid not in self._watched and not psutil.pid_exists(pid):
                ended[os.getpid()] = ended.get(os.getpid(), 0.0) + cpu
        return ended


_sampling: dict[str, Monitor] = {}
_sampling_lock = threading.Lock()


def start_sampling(token: str, interval: float = 0.2) -> None:
    """Begin to measure this process, for example a Dask worker through `client.run`.

    Parameters
    ----------
    token
        Names the measurement; in a process that holds several workers the first one begins it.
    interval
        Seconds between samples.
    """
    with _sampling_lock:
        if token not in _sampling:
            _sampling[token] = Monitor(
                interval=interval, name=f"{socket.gethostname()}-{os.getpid()}"
            ).__enter__()


def stop_sampling(token: str) -> Usage:
    """End the measurement and return it, with this process among the workers as `<host>-<pid>`.

    It is empty in a process that was not asked to begin (one that took the place of a dead worker) and
    for further workers of the same process.
    """
    with _sampling_lock:
        monitor = _sampling.pop(token, None)
    if monitor is None:
        return Usage()
    monitor.__exit__(None, None, None)
    return monitor.usage


def merge(*usages: Usage) -> Usage:
    """Put together what was measured at the same time on several machines.

    The peak of the sum is then an upper bound: the sum of the machines' peaks.
    """
    wall = max((usage.wall_s for usage in usages), default=0.0)
    cpu = sum(usage.cpu_s for usage in usages)
    workers: dict[str, ProcessUsage] = {}
    for name, figure in (item for usage in usages for item in usage.workers.items()):
        workers[name] = _both(workers.get(name, ProcessUsage()), figure)
    return Usage(
        wall_s=wall,
        cpu_s=cpu,
        cpu_percent=100 * cpu / wall if wall else 0.0,
        peak_rss=sum(usage.peak_rss for usage in usages),
        driver=reduce(_both, (usage.driver for usage in usages), ProcessUsage()),
        workers=workers,
        series=sorted(row for usage in usages for row in usage.series),
    )


def children_of(pid: int, names: Sequence[str]) -> dict[str, int]:
    """Name a process's descendants whose command line contains one of `names`, for `Monitor(watch=...)`.

    Returns
    -------
    dict
        `<name>-<pid>` -> pid; empty where the process has ended.
    """
    found = {}
    with suppress(psutil.NoSuchProcess):
        for process in family(psutil.Process(pid))[1:]:
            with suppress(psutil.NoSuchProcess):
                command = " ".join(process.cmdline())
                found.update({f"{name}-{process.pid}": process.pid for name in names if name in command})
    return found


def _both(first: ProcessUsage, second: ProcessUsage) -> ProcessUsage:
    return ProcessUsage(cpu_s=first.cpu_s + second.cpu_s, peak_rss=max(first.peak_rss, second.peak_rss))


def _lifetime_cpu(process: psutil.Process) -> float:
    """CPU seconds of a process and of its children that have ended; 0 if it has ended itself."""
    try:
        times = process.cpu_times()
    except psutil.NoSuchProcess:
        return 0.0
    return float(times.user + times.system + times.children_user + times.children_system)


def _highest_rss() -> int:
    """Return the highest RSS this process ever had, in bytes."""
    unit = 1 if sys.platform == "darwin" else 1024
    return unit * resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


def _thinned(samples: list[tuple[float, float, int]]) -> list[tuple[float, float, int]]:
    """The first sample, and at most `SERIES_LIMIT` more that each stand for neighbours, with their peak."""
    size = math.ceil((len(samples) - 1) / SERIES_LIMIT)
    if size <= 1:
        return samples
    groups = [samples[i : i + size] for i in range(1, len(samples), size)]
    return [samples[0], *((*group[-1][:2], max(rss for _, _, rss in group)) for group in groups)]
