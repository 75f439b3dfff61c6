"""A registered model that the tests of scoring share."""

from pathlib import Path

from infra.mlflow_api import mlflow_client
from infra.model_registry import DATASET_TAG, ModelRegistry
from tasks.algorithms.base import ModelOptions
from tasks.champion import fit_whole
from tasks.datasets.catalogue import resolve
from tasks.results import Way
from tests.tasks.preparing import prepare


def registered(mlflow_url: str, folder: Path) -> tuple[str, Path]:
    """Name of a registered champion for the data set `diabetes`, and its files."""
    dataset = prepare(resolve("diabetes"), folder)
    options = ModelOptions(seed=0)
    files = fit_whole(dataset, Way("xgboost", "grid"), {"max_depth": 2}, options, folder / "files")
    client, registry = mlflow_client(mlflow_url), ModelRegistry(mlflow_url)
    run = client.create_run("0")
    client.log_artifacts(run.info.run_id, str(files), "models/it")
    name = f"scored-{folder.name}"
    registry.claim([f"{name}-diabetes"], {DATASET_TAG: name, "trilla.target": "diabetes"})
    registry.assign(registry.register(f"{name}-diabetes", run.info.run_id, "models/it", {}), "champion")
    return f"{name}-diabetes", files
