"""The registry of a real MLflow server: versions, aliases, files."""

from pathlib import Path
from uuid import uuid4

import pytest

from infra.errors import DataError, StackError
from infra.mlflow_api import mlflow_client
from infra.model_registry import DATASET_TAG, ModelRegistry, Version, model_name
from infra.servers import Stack
from tests.conftest import free_port


def registered(
    registry: ModelRegistry, stack: Stack, name: str, folder: Path, content: str, dataset: str | None = None
) -> Version:
    client = mlflow_client(stack.mlflow_url)
    run = client.create_run("0")
    folder.mkdir(exist_ok=True)
    (folder / "model.json").write_text(content)
    client.log_artifacts(run.info.run_id, str(folder), "models/it")
    registry.claim([name], {DATASET_TAG: dataset or name})
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


def test_a_name_that_a_model_of_another_purpose_has_is_not_shared(stack: Stack, tmp_path: Path) -> None:
    registry = ModelRegistry(stack.mlflow_url)
    stem = f"sales-{tmp_path.name}"
    one, other = {DATASET_TAG: stem, "trilla.target": "a"}, {DATASET_TAG: stem, "trilla.target": "b"}
    names = [f"{stem}-x", f"{stem}-y"]
    assert [registry.claim(names, tags) for tags in (one, other, one, other)] == [*names, *names]
    with pytest.raises(StackError, match=f"has other models with the names {stem}-x, {stem}-y"):
        registry.claim(names, {DATASET_TAG: stem, "trilla.target": "c"})


def test_a_model_without_tags_belongs_to_the_data_set_of_its_name_only(stack: Stack, tmp_path: Path) -> None:
    registry, client = ModelRegistry(stack.mlflow_url), mlflow_client(stack.mlflow_url)
    old = f"old-{tmp_path.name}"
    client.create_registered_model(old)
    assert registry.claim([old, f"{old}-2"], {DATASET_TAG: "other", "trilla.target": "a"}) == f"{old}-2"
    tags = {DATASET_TAG: old, "trilla.target": "a"}
    assert registry.claim([old, f"{old}-3"], tags) == old
    assert client.get_registered_model(old).tags == tags


def test_the_name_of_a_data_set_means_its_only_model(stack: Stack, tmp_path: Path) -> None:
    registry = ModelRegistry(stack.mlflow_url)
    stem = f'it\'s "50%" {tmp_path.name}'

    def fitted(name: str, dataset: str) -> None:
        version = registered(registry, stack, name, tmp_path / "files", name, dataset)
        registry.assign(version, "champion")

    def content(reference: str) -> str:
        target = tmp_path / uuid4().hex
        target.mkdir()
        return (registry.download(reference, target) / "model.json").read_text()

    fitted(f"{stem}-price", stem)
    fitted(f"{stem}-2-price", f"{stem}-2")
    for version in ("", "@champion", "/1"):
        assert content(f"{stem}{version}") == f"{stem}-price"
    fitted(f"{stem}-size", stem)
    for version in ("", "@champion", "/1"):
        with pytest.raises(DataError) as error:
            registry.download(f"{stem}{version}", tmp_path)
        assert str(error.value) == (
            f"data set '{stem}' has 2 registered models; name one of: {stem}-price{version}, {stem}-size{version}"
        )
    fitted(stem, "another data set")
    assert content(f"{stem}@champion") == stem  # the name of a model comes first


def test_a_model_behind_the_first_page_of_the_registry_is_found(
    stack: Stack, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("infra.model_registry.PAGE", 1)
    registry = ModelRegistry(stack.mlflow_url)
    for target in ("a", "b"):
        registry.claim([f"{tmp_path.name}-{target}"], {DATASET_TAG: tmp_path.name, "trilla.target": target})
    with pytest.raises(DataError, match=f"{tmp_path.name}-a, {tmp_path.name}-b"):
        registry.download(tmp_path.name, tmp_path)


def test_an_unknown_model_is_named_with_the_known_ones(stack: Stack, tmp_path: Path) -> None:
    registry = ModelRegistry(stack.mlflow_url)
    known = f"known-{tmp_path.name}"
    registered(registry, stack, known, tmp_path / "files", "one")
    for reference in ("nobody", "nobody@champion", "nobody/3", f"{known}@champion", f"{known}/9"):
        with pytest.raises(DataError, match=rf"there is no model '{reference}'; known: .*{known}"):
            registry.download(reference, tmp_path)


def test_a_registry_that_does_not_answer_is_a_fault_of_the_stack() -> None:
    registry = ModelRegistry(f"http://127.0.0.1:{free_port()}")
    with pytest.raises(StackError, match="has not taken the model"):
        registry.register("d", "1", "models/it", {})
    with pytest.raises(StackError, match="has not taken the model"):
        registry.claim(["d"], {DATASET_TAG: "d"})
    with pytest.raises(StackError, match="does not answer"):
        registry.download("d", Path())
    with pytest.raises(StackError, match="has not taken the alias"):
        registry.assign(Version("d", "1", {}), "champion")
