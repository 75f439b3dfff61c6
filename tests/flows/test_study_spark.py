"""The Spark session of a study, whose Java process may die."""

from pathlib import Path

from tests.infra.engines.test_spark import run_script

SCRIPT = """
import psutil
from flows.study_spark import StudySpark
from infra.engines import connect
from tests.infra.engines import work

if __name__ == "__main__":
    spark = StudySpark(lambda: connect("spark", workers=1))
    first = spark.engine()
    print("same:", spark.engine() is first)
    java = psutil.Process(first.worker_pids()["spark-jvm"])
    java.kill()
    psutil.wait_procs([java], timeout=60)
    second = spark.engine()
    print("then:", dict(second.run(work.squared, range(3))))
    java = psutil.Process(second.worker_pids()["spark-jvm"])
    spark.close()
    print("left:", java.is_running())
"""


def test_a_session_whose_java_ended_is_replaced(tmp_path: Path) -> None:
    done = run_script(tmp_path, SCRIPT)
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines() == ["same: True", "then: {0: 0, 1: 1, 2: 4}", "left: False"]
