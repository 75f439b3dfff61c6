"""Registered models, ready to predict, and the check that a source suits the model."""

import hashlib
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from sklearn.pipeline import Pipeline

from infra.errors import DataError
from infra.model_registry import ModelRegistry
from tasks import models
from tasks.datasets.catalogue import Source
from tasks.problems import problem_of


@dataclass(frozen=True)
class LoadedModel:
    """A registered model.

    Parameters
    ----------
    name : str
        Name and version, for example `customers-churned/3`.
    sha256 : str
        Digest of the model's files.
    pipeline : Pipeline
        The fitted model.
    description : Description
        The description of the model.
    """

    name: str
    sha256: str
    pipeline: Pipeline
    description: models.Description

    def require_suits(self, data: str, source: Source) -> None:
        """Refuse images for a model of tables, and a table for a model of images.

        Raises
        ------
        DataError
            If the source does not suit the model.
        """
        if problem_of(source.task).is_table == self.description.images:
            needs = "a folder of images" if self.description.images else "a table"
            raise DataError(f"'{data}': model '{self.name}' needs {needs}")


def load_registered(uri: str, reference: str) -> LoadedModel:
    """Fetch and load a registered model.

    Parameters
    ----------
    uri : str
        Address of the MLflow server.
    reference : str
        `NAME@ALIAS`, `NAME/VERSION`, or `NAME` for the champion.

    Raises
    ------
    DataError
        If there is no such model or more than one, or the model cannot be loaded.
    StackError
        If the registry does not answer.
    """
    registry = ModelRegistry(uri)
    name = "/".join(registry.resolve(reference))
    with TemporaryDirectory() as folder:
        files = registry.download(name, Path(folder))
        return LoadedModel(name, _digest(files), *models.load(files))


def _digest(folder: Path) -> str:
    """Digest of the names and bytes of all files of a folder."""
    digest = hashlib.sha256()
    for file in sorted(one for one in folder.rglob("*") if one.is_file()):
        digest.update(str(file.relative_to(folder)).encode())
        digest.update(hashlib.sha256(file.read_bytes()).digest())
    return digest.hexdigest()
