"""A connection to a Dask cluster: one that this process starts, or an existing one."""

import logging
import os
import socket
import time
from collections.abc import Callable, Sequence
from concurrent.futures import CancelledError
from contextlib import ExitStack
from itertools import count
from typing import Any, TypeVar
from urllib.parse import urlsplit
from uuid import uuid4

import dask
from dask.utils import funcname
from distributed import Client, LocalCluster, Lock, get_worker, worker_client
from distributed.client import ClosedClientError, FutureCancelledError
from distributed.comm import resolve_address
from distributed.comm.core import CommClosedError
from distributed.scheduler import KilledWorker
from distributed.utils import get_mp_context
from tornado.ioloop import PeriodicCallback

from infra.engines.dask_memory import MEMORY_TRIES, FailAtOnce, MemoryKill, MemoryKills, workers_of
from infra.engines.preloading import modules_of_dask
from infra.errors import EngineError
from infra.retrying import retry

WORKER_LOST = (KilledWorker, FutureCancelledError, CancelledError, CommClosedError)
"""Exceptions that Dask raises when a worker that had a task or the data of a task is lost."""
EXCHANGE_TRIES = 3
PAUSE_S = 0.5  # between two tries of an exchange
CONNECT_TIMEOUT_S = 20
WORKERS_TIMEOUT_S = 60
KEEP_UP_S = 5
EMBEDDED = {
    # a worker that died on this machine is not going to answer half a minute later
    "distributed.comm.timeouts.connect": "10s",
    # workers are forked from a process that has imported the libraries: a new worker is there at once
    "distributed.worker.multiprocessing-method": "forkserver",
    # Dask looks at every worker's stack a hundred times a second, and at its own loops fifty times: a twentieth of
    # the time of a fit. Studies profile with cProfile, and only when asked.
    "distributed.worker.profile.enabled": False,
    "distributed.admin.tick.interval": "1s",
    # without Dask's MALLOC_TRIM_THRESHOLD_: it has memory given back to the system at every release, which nearly
    # halves the speed of a network's training
    "distributed.nanny.pre-spawn-environ": dict.fromkeys(
        ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"), 1
    ),
}

T = TypeVar("T")


class DaskCluster:
    """A Dask cluster and this process's client of it.

    Parameters
    ----------
    workers : int
        Number of worker processes of an embedded cluster.
    address : str or None
        Address of the scheduler of an existing cluster; None starts an embedded cluster.
    preload : sequence of str
        Names of modules that the workers of an embedded cluster import when they start.
    memory_limit : int or None
        Bytes of memory that each worker may use; belongs to an embedded cluster only.

    Raises
    ------
    EngineError
        If no scheduler answers.
    """

    def __init__(
        self, workers: int, address: str | None, preload: Sequence[str], memory_limit: int | None
    ) -> None:
        self._stack = ExitStack()
        # on this machine nothing stands between this process and the workers; elsewhere Dask decides
        self.direct = True if address is None else None
        try:
            self.address = address or self._start(workers, preload, memory_limit)
            self.client = self._connect()
            self.group_lock = Lock("trilla-group", scheduler_rpc=self.client.scheduler, loop=self.client.loop)
            self._stack.callback(self.client.loop.add_callback, self.group_lock.refresh_callback.stop)
        except BaseException:
            self._stack.close()
            raise
        self._name, self._numbers = uuid4().hex, count()
        self.memory_kills = MemoryKills(self.client, lambda key: self._name in str(key))

    def _start(self, workers: int, preload: Sequence[str], memory_limit: int | None) -> str:
        self._stack.enter_context(dask.config.set(EMBEDDED))
        get_mp_context().set_forkserver_preload(modules_of_dask(preload))
        cluster = LocalCluster(
            n_workers=workers,
            threads_per_worker=1,
            host="127.0.0.1",
            dashboard_address="127.0.0.1:0",
            memory_limit=memory_limit,
            scheduler_kwargs={"plugins": [FailAtOnce()]},
            env=dict(os.environ),  # the process that forks workers keeps the environment of its own start
            silence_logs=logging.CRITICAL,  # errors are raised here; heartbeats lost at the end are noise
        )
        self._stack.callback(cluster.close)
        self._keep_up(cluster, workers)
        return str(cluster.scheduler_address)

    def _keep_up(self, cluster: LocalCluster, workers: int) -> None:
        # the cluster does not start a worker again that was killed while it started, or that restarts slowly; a call
        # of `scale` with the same number of workers makes the cluster start the missing workers
        keeper = PeriodicCallback(lambda: cluster.scale(workers), KEEP_UP_S * 1000)
        cluster.loop.add_callback(keeper.start)
        self._stack.callback(cluster.loop.add_callback, keeper.stop)

    def _connect(self) -> Client:
        if _inside_worker_of(self.address):
            return self._stack.enter_context(worker_client(separate_thread=True))
        try:
            client = Client(self.address, set_as_default=False, timeout=CONNECT_TIMEOUT_S)
        except (OSError, TimeoutError, ValueError) as error:
            raise EngineError(f"no Dask scheduler answers at {self.address}: {error}") from None
        self._stack.callback(client.close)
        return client

    def close(self) -> None:
        """Close the client, and end an embedded cluster."""
        self._stack.close()

    def addresses(self, least: int = 1) -> list[str]:
        """Return the workers' addresses, sorted, as soon as there are at least `least` workers.

        Raises
        ------
        EngineError
            If there are fewer within `WORKERS_TIMEOUT_S`.
        """
        try:
            self.client.wait_for_workers(least, timeout=WORKERS_TIMEOUT_S)
            workers = workers_of(self.client)
        except (OSError, ClosedClientError) as error:
            raise EngineError(f"fewer than {least} Dask workers at {self.address}: {error}") from error
        self.memory_kills.remember(workers)
        return sorted(workers)

    def present(self) -> set[str]:
        """Return the addresses of the workers that are there now, also of those that Dask gives no new work.

        Dask gives no new work to a worker that uses most of its memory, as a worker in the middle of a large fit may.
        """
        return set(workers_of(self.client))

    def submit(
        self, function: Callable[..., Any], *arguments: Any, at: str | None = None, on: str | None = None
    ) -> Any:
        """Submit a task.

        Parameters
        ----------
        function : callable
            The function that the task calls.
        *arguments : object
            Arguments of `function`; futures among them are replaced by their results.
        at : str, optional
            Address of the worker that should run the task if it can.
        on : str, optional
            Address of the worker that alone may run the task.

        Returns
        -------
        distributed.Future
        """
        pinned = {"workers": [at or on], "allow_other_workers": at is not None} if at or on else {}
        try:
            return self.client.submit(
                function, *arguments, key=self._key(funcname(function)), pure=False, **pinned
            )
        except ClosedClientError as error:
            raise self.unreachable(error) from error

    def scatter(self, value: Any, **options: Any) -> Any:
        """Send a value to workers; the options are those of `distributed.Client.scatter`.

        Returns
        -------
        distributed.Future
        """
        key = self._key("data")
        try:
            return self.client.scatter({key: value}, hash=False, **options)[key]
        except ValueError as error:
            if "replicate" not in str(error):
                raise
            # the error of Dask when all workers were lost while they received the value
            raise CommClosedError(str(error)) from error

    def persistently(self, call: Callable[[], T]) -> T:
        """Return the result of an exchange with workers; the exchange is tried again if a worker is lost.

        Raises
        ------
        EngineError
            If the scheduler is lost, all `EXCHANGE_TRIES` tries failed, or `MEMORY_TRIES` workers were killed for
            memory.
        """
        kills: list[MemoryKill] = []

        def failed(error: BaseException, tries_left: int) -> None:
            self.check_scheduler(error)
            kills.extend(self.memory_kills.new(exchange=True))
            if len(kills) >= MEMORY_TRIES:
                raise EngineError(f"given up after {len(kills)} tries: {kills[-1]}") from error
            if not tries_left:
                raise self.unreachable(error) from error
            time.sleep(PAUSE_S)

        return retry(call, tries=EXCHANGE_TRIES, on=(KeyError, OSError, *WORKER_LOST), failed=failed)

    def check_scheduler(self, error: BaseException) -> None:
        """Raise an EngineError if an error means that the scheduler is lost, not only a worker."""
        if getattr(error, "reason", None) == "scheduler-connection-lost" or self.client.status != "running":
            raise self.unreachable(error) from error

    def unreachable(self, error: BaseException) -> EngineError:
        """Return the error that says that the scheduler or its workers do not answer."""
        return EngineError(f"the Dask scheduler at {self.address} or its workers cannot be reached: {error}")

    def host(self) -> str:
        """Return the address of this process as the workers see it."""
        if _inside_worker_of(self.address):
            return urlsplit(get_worker().address).hostname or ""
        return _own_host(self.address)

    def _key(self, name: str) -> str:
        """Return a key of Dask that no other has, and that shows whose it is."""
        return f"{name}-{self._name}-{next(self._numbers)}"


def _inside_worker_of(scheduler: str) -> bool:
    try:
        worker = get_worker()
    except ValueError:
        return False
    return bool(resolve_address(worker.scheduler.address) == resolve_address(scheduler))


def _own_host(scheduler: str) -> str:
    target = urlsplit(scheduler)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:  # connects nothing, finds the route
        probe.connect((target.hostname, target.port))
        return str(probe.getsockname()[0])
