"""What a study's cluster has when it is there."""

import os
import subprocess
import sys
from pathlib import Path

PROGRAM = """
import sys
from flows.opening import STEPS, _cluster
from infra.settings import load_settings

def imported(name):
    import sys
    return name in sys.modules

if __name__ == "__main__":
    cluster = _cluster(load_settings(), 1, ["wave"], None)
    print([list(cluster.client.run(imported, name).values()) for name in (STEPS, "wave", "sunau")])
    cluster.close()
"""


def test_workers_have_imported_the_steps_of_a_study_before_the_first_task(tmp_path: Path) -> None:
    """In a process of its own: the one that Dask forks workers from starts once in a process."""
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM],
        env={**os.environ, "TRILLA_HOME": str(tmp_path)},
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout == "[[True], [True], [False]]\n"
