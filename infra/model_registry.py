"""Registered models in MLflow: their versions, and which version is `champion` or `challenger`."""

import re
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from infra.errors import DataError, StackError
from infra.mlflow_api import mlflow_client, model_page

ALIASES = ("champion", "challenger")
UNKNOWN = ("RESOURCE_DOES_NOT_EXIST", "INVALID_PARAMETER_VALUE", "NOT_FOUND")
"""Error codes that MLflow gives for an unknown model or alias."""


def model_name(dataset: str) -> str:
    """Return the name of a data set's model, without `/` and `:`, which the registry refuses, and without `@`."""
    return re.sub("[/:@]", "-", dataset)


@dataclass(frozen=True)
class Version:
    """One version of a registered model.

    Parameters
    ----------
    name : str
        Name of the model.
    number : str
        Number of the version.
    tags : mapping
        Tags of the version.
    """

    name: str
    number: str
    tags: Mapping[str, str]


class ModelRegistry:
    """The model registry of an MLflow server.

    Parameters
    ----------
    uri : str
        Address of the server.
    """

    def __init__(self, uri: str) -> None:
        self._client = mlflow_client(uri)
        self.uri = uri

    def holder(self, name: str, alias: str) -> Version | None:
        """Return the version of a model that has an alias, or None if no version has it.

        Raises
        ------
        StackError
            If the registry does not answer.
        """
        from mlflow.exceptions import MlflowException

        try:
            found = self._client.get_model_version_by_alias(name, alias)
        except MlflowException as error:
            if error.error_code in UNKNOWN:
                return None
            raise StackError(f"the model registry at {self.uri} does not answer: {error}") from error
        return Version(name, str(found.version), found.tags)

    def register(
        self, name: str, run_id: str, folder: str, tags: Mapping[str, str], description: str = ""
    ) -> Version:
        """Register an artifact folder of a run as the next version of a model.

        Parameters
        ----------
        name : str
            Name of the model; the model is created if it is missing.
        run_id : str
            The server's id of the run.
        folder : str
            Folder of the model's files among the artifacts of the run.
        tags : mapping
            Tags of the version.
        description : str
            Markdown text that MLflow shows on the page of the version.

        Returns
        -------
        Version
            The new version.
        """
        from mlflow.exceptions import MlflowException

        with suppress(MlflowException):  # the model may exist already
            self._client.create_registered_model(name)
        source = f"{self._client.get_run(run_id).info.artifact_uri}/{folder}"
        made = self._client.create_model_version(
            name, source, run_id, tags=dict(tags), description=description
        )
        return Version(name, str(made.version), tags)

    def assign(self, version: Version, alias: str) -> None:
        """Give an alias to a version; the version that had the alias before loses it."""
        self._client.set_registered_model_alias(version.name, alias, version.number)

    def url(self, version: Version) -> str:
        """Return the address of a version's page."""
        return model_page(self.uri, version.name, version.number)

    def download(self, reference: str, folder: Path) -> Path:
        """Download the files of a model's version.

        Parameters
        ----------
        reference : str
            `NAME@ALIAS`, `NAME/VERSION`, or `NAME`, which means the champion of the model.
        folder : Path
            Existing folder in which the files are placed.

        Returns
        -------
        Path
            Folder of the files.

        Raises
        ------
        DataError
            If the registry has no such model or version.
        """
        from mlflow.artifacts import download_artifacts
        from mlflow.exceptions import MlflowException

        name, number = self._resolved(reference)
        try:
            source = self._client.get_model_version_download_uri(name, number)
            local: Any = download_artifacts(artifact_uri=source, dst_path=str(folder), tracking_uri=self.uri)
        except MlflowException as error:
            raise DataError(f"model {reference!r} cannot be fetched from {self.uri}: {error}") from None
        return Path(local)

    def _resolved(self, reference: str) -> tuple[str, str]:
        """Return the name and the number of the version that a reference means."""
        name, at, alias = reference.partition("@")
        if not at and "/" in reference:
            name, _, number = reference.partition("/")
            found = self._numbered(name, number)
        else:
            holder = self.holder(name, alias or ALIASES[0])
            found = holder.number if holder else None
        if found is None:
            raise DataError(f"there is no model {reference!r}; known: {self._known()}")
        return name, found

    def _numbered(self, name: str, number: str) -> str | None:
        from mlflow.exceptions import MlflowException

        try:
            return str(self._client.get_model_version(name, number).version)
        except MlflowException:
            return None

    def _known(self) -> str:
        names = [model.name for model in self._client.search_registered_models()]
        return ", ".join(names) or "none yet; a study registers its best"
