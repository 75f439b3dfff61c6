"""Spark's session and its Java process: one of each in a process, started and ended together.

PySpark's public interface can start a Java process, but neither end nor replace it: `SparkSession.stop()` leaves it
running, and PySpark keeps it in class attributes and gives it to every later session, even if it is dead (SPARK-18523,
https://github.com/apache/spark/pull/15961; https://github.com/py4j/py4j/pull/541). So this module reads and clears
those attributes, in `_gateway`, `_context` and `_forget` only.
"""

import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import Any

import psutil
from py4j.protocol import Py4JError, Py4JNetworkError
from pyspark import SparkConf, SparkContext
from pyspark.java_gateway import launch_gateway
from pyspark.sql import SparkSession

from infra.engines import preloading
from infra.errors import EngineError
from infra.java import ensure_java
from infra.settings import load_settings

LOST = (Py4JNetworkError, ConnectionError, EOFError)
LOOPBACK = "127.0.0.1"


def start(master: str, workers: int, preload: Sequence[str] = ()) -> SparkSession:
    """Start Java and a session.

    Parameters
    ----------
    master : str
        Address of Spark's master, for example `spark://host:7077` or `local[2]`.
    workers : int
        Number of partitions that Spark's own shuffles make.
    preload : sequence of str, optional
        Names of modules that the workers of an embedded session have imported when they start.

    Returns
    -------
    pyspark.sql.SparkSession

    Raises
    ------
    EngineError
        If this process has a session already, or Java or Spark does not start.
    """
    if _gateway() is not None:
        if process() is not None:
            raise EngineError("this process has a Spark session already: close that engine, or use it")
        _forget()
    os.environ["JAVA_HOME"] = str(ensure_java())
    os.environ["PYSPARK_PYTHON"] = sys.executable
    os.environ["PYSPARK_DRIVER_PYTHON"] = sys.executable
    log = load_settings().home / "logs" / "spark.log"
    log.parent.mkdir(parents=True, exist_ok=True)
    conf = _configuration(master, workers)
    gateway = None
    try:
        # Java's greetings go to the log, not to the terminal
        with log.open("ab") as stream, _own_address(master), preloading.further(preload):
            gateway = launch_gateway(conf, popen_kwargs={"stderr": stream})
        return SparkSession(SparkContext(conf=conf, gateway=gateway))
    except Exception as error:
        if gateway is not None:
            _end(psutil.Process(gateway.proc.pid))
        _forget()
        reason = (str(error).splitlines() or [type(error).__name__])[0]
        raise EngineError(f"Spark does not start at {master}: {reason} (see {log})") from error


@contextmanager
def _own_address(master: str) -> Iterator[None]:
    """Have an embedded Spark, and its web page, listen on the loopback address only."""
    before = os.environ.get("SPARK_LOCAL_IP")
    if master.startswith("local"):
        os.environ["SPARK_LOCAL_IP"] = LOOPBACK
    try:
        yield
    finally:
        os.environ.pop("SPARK_LOCAL_IP", None)
        if before is not None:
            os.environ["SPARK_LOCAL_IP"] = before


def _configuration(master: str, workers: int) -> SparkConf:
    settings = {
        "spark.ui.showConsoleProgress": "false",
        "spark.sql.shuffle.partitions": str(workers),
        # names of columns that differ only in case are different, as on the other engines
        "spark.sql.caseSensitive": "true",
        "spark.sql.execution.arrow.pyspark.enabled": "true",
        "spark.executorEnv.OMP_NUM_THREADS": "1",
        "spark.python.daemon.module": preloading.__name__,
        "spark.log.level": "ERROR",
    }
    if master.startswith("local"):
        settings |= {
            "spark.driver.bindAddress": LOOPBACK,
            "spark.driver.host": LOOPBACK,
            # over TCP the end of every task waits 40 ms for an acknowledgement
            "spark.python.unix.domain.socket.enabled": "true",
        }
    return SparkConf().setMaster(master).setAppName("trilla").setAll(list(settings.items()))


def stop(session: SparkSession) -> None:
    """Stop a session and its Java process."""
    if _context() not in (None, session.sparkContext):
        return  # its Java died, and another session has taken its place
    java, gateway = process(), _gateway()
    try:
        with suppress(Py4JError, *LOST):
            session.stop()
        if gateway is not None:
            with suppress(Py4JError, *LOST):
                gateway.shutdown()
    finally:
        # py4j may be in any state after an interrupted call; Java must end all the same
        if gateway is not None:
            gateway.proc.stdin.close()  # the launcher ends with its standard input
        if java is not None:
            _end(java)
        _forget()


def process() -> psutil.Process | None:
    """Return the Java process of this process's session; None if there is none alive."""
    gateway = _gateway()
    if gateway is None or getattr(gateway, "proc", None) is None:
        return None
    try:
        found = psutil.Process(gateway.proc.pid)
        return None if found.status() == psutil.STATUS_ZOMBIE else found
    except psutil.NoSuchProcess:
        return None


def _end(java: psutil.Process) -> None:
    with suppress(psutil.NoSuchProcess):
        family = [java, *java.children(recursive=True)]
        java.terminate()
        _, alive = psutil.wait_procs(family, timeout=10)
        for left in alive:
            left.kill()


def _gateway() -> Any:
    """Return PySpark's connection to its Java process."""
    return SparkContext._gateway


def _context() -> SparkContext | None:
    """Return the context of this process's session."""
    return SparkContext._active_spark_context


def _forget() -> None:
    """Have PySpark start a new Java process for the next session."""
    SparkContext._gateway = None
    SparkContext._jvm = None
    SparkContext._active_spark_context = None
    SparkSession._instantiatedSession = None
