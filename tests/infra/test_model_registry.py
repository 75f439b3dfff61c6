"""The registry of a real MLflow server: versions, aliases, files."""

from pathlib import Path

import pytest

from infra.errors import DataError
from infra.mlflow_api import mlflow_client
from infra.model_registry import ModelRegistry, Version, model_name
from infra.servers import Stack


def registered(registry: ModelRegistry, stack: Stack, name: str, folder: Path, content: str) -> Version:
    client = mlflow_client(stack.mlflow_url)
    run = client.create_run("0")
    folder.mkdir(exist_ok=True)
    (folder / "model.json").write_text(content)
    client.log_artifacts(run.info.run_id, str(folder), "models/it")
    return registry.register(name, run.info.run_id, "models/it", {"trilla.note": content})


def test_versions_follow_each_other_and_an_alias_has_one_holder(stack: Stack, tmp_path: Path) -> None:
    registry = ModelRegistry(stack.mlflow_url)
    name = f"threshing-{tmp_path.name}"
    assert registry.holder(name, "champion") is None
    first = registered(registry, stack, name, tmp_path / "files", "one")
    registry.assign(first, "champion")
    second = registered(registry, stack, name, tmp_path / "files", "two")
    registry.assign(second, "challenger")
    assert (first.number, second.number) == ("1", "2")
    page = f"{stack.mlflow_url}/#/models/{name}/versions/2?workflowType=machine_learning"
    assert registry.url(second) == page
    held = registry.holder(name, "champion")
    assert held is not None
    assert (held.number, held.tags["trilla.note"]) == ("1", "one")
    registry.assign(second, "champion")
    held = registry.holder(name, "champion")
    assert held is not None
    assert held.number == "2"
    for reference, content in ((name, "two"), (f"{name}@champion", "two"), (f"{name}/1", "one")):
        target = tmp_path / reference.replace("/", "-")
        target.mkdir()
        assert (registry.download(reference, target) / "model.json").read_text() == content


def test_a_data_set_of_any_name_has_a_model_that_a_reference_names(stack: Stack, tmp_path: Path) -> None:
    registry = ModelRegistry(stack.mlflow_url)
    assert model_name("sales 50%") == "sales 50%"
    name = model_name(f"a:b@c/{tmp_path.name}")
    registry.assign(registered(registry, stack, name, tmp_path / "files", "one"), "champion")
    target = tmp_path / "target"
    target.mkdir()
    assert (registry.download(f"{name}@champion", target) / "model.json").read_text() == "one"


def test_an_unknown_model_is_named_with_the_known_ones(stack: Stack, tmp_path: Path) -> None:
    registry = ModelRegistry(stack.mlflow_url)
    known = f"known-{tmp_path.name}"
    registered(registry, stack, known, tmp_path / "files", "one")
    for reference in ("nobody", "nobody@champion", "nobody/3", f"{known}@champion", f"{known}/9"):
        with pytest.raises(DataError, match=rf"there is no model '{reference}'; known: .*{known}"):
            registry.download(reference, tmp_path)
