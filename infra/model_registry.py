"""Registered models in MLflow: versions of a name, and which of them is `champion` or `challenger`."""

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from infra.delivery import mlflow_client
from infra.errors import DataError, StackError

ALIASES = ("champion", "challenger")


@dataclass(frozen=True)
class Version:
    """One version of a registered model."""

    name: str
    number: str
    tags: Mapping[str, str]


class ModelRegistry:
    """The registry of an MLflow server.

    Parameters
    ----------
    uri : str
        The server's address.
    """

    def __init__(self, uri: str) -> None:
        self._client = mlflow_client(uri)
        self.uri = uri

    def holder(self, name: str, alias: str) -> Version | None:
        """The version that has an alias; None if none has."""
        from mlflow.exceptions import MlflowException

        try:
            found = self._client.get_model_version_by_alias(name, alias)
        except MlflowException as error:
            if error.error_code in ("RESOURCE_DOES_NOT_EXIST", "INVALID_PARAMETER_VALUE", "NOT_FOUND"):
                return None
            raise StackError(f"the model registry at {self.uri} does not answer: {error}") from error
        return Version(name, str(found.version), found.tags)

    def register(
        self, name: str, run_id: str, folder: str, tags: Mapping[str, str], description: str = ""
    ) -> Version:
        """Make the artifact folder of a run the next version of a model."""
        from mlflow.exceptions import MlflowException

        with suppress(MlflowException):  # it is there already
            self._client.create_registered_model(name)
        source = f"{self._client.get_run(run_id).info.artifact_uri}/{folder}"
        made = self._client.create_model_version(
            name, source, run_id, tags=dict(tags), description=description
        )
        return Version(name, str(made.version), tags)

    def assign(self, version: Version, alias: str) -> None:
        """Give an alias to a version; whoever had it has it no more."""
        self._client.set_registered_model_alias(version.name, alias, version.number)

    def url(self, version: Version) -> str:
        """Address of a version's page."""
        return f"{self.uri}/#/models/{version.name}/versions/{version.number}"

    def download(self, reference: str, folder: Path) -> Path:
        """Fetch the files of a model.

        Parameters
        ----------
        reference : str
            `NAME@ALIAS`, `NAME/VERSION`, or `NAME`, which is its champion.
        folder : Path
            Where to; it must exist.

        Raises
        ------
        DataError
            If there is no such model.
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
        from mlflow.exceptions import MlflowException

        name, at, alias = reference.partition("@")
        if not at and "/" in reference:
            name, _, number = reference.partition("/")
            try:
                return name, str(self._client.get_model_version(name, number).version)
            except MlflowException:
                raise DataError(f"there is no model {reference!r}; known: {self._known()}") from None
        found = self.holder(name, alias or ALIASES[0])
        if found is None:
            raise DataError(f"there is no model {reference!r}; known: {self._known()}")
        return name, found.number

    def _known(self) -> str:
        names = [model.name for model in self._client.search_registered_models()]
        return ", ".join(names) or "none yet; a study registers its best"
