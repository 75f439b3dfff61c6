"""Registered models in MLflow: their versions, and which version is `champion` or `challenger`."""

import re
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, get_args

from infra.errors import DataError, StackError
from infra.mlflow_api import mlflow_client, model_page

Alias = Literal["champion", "challenger"]
ALIASES: tuple[Alias, ...] = get_args(Alias)
UNKNOWN = ("RESOURCE_DOES_NOT_EXIST", "INVALID_PARAMETER_VALUE", "NOT_FOUND")
"""Error codes that MLflow gives for an unknown model or alias."""


DATASET_TAG = "trilla.dataset"
"""Tag of a registered model that names the data set; models of earlier versions of trilla do not have the tag."""
PAGE = 1000
"""Largest number of registered models in one answer of the server."""


def model_name(*parts: str) -> str:
    """Join parts to the name of a model, without `/` and `:`, which the registry refuses, and without `@`."""
    return re.sub("[/:@]", "-", "-".join(parts))


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

    def claim(self, names: Sequence[str], tags: Mapping[str, str]) -> str:
        """Return the first name that is free or that a model with the same tags has; a missing model is created.

        A model of an earlier version of trilla has no tags. Such a model belongs to the data set of its name, and
        gets the tags.

        Parameters
        ----------
        names : sequence of str
            Names for the model, the preferred name first.
        tags : mapping
            Tags of the model, which say what its versions are for; the tag `DATASET_TAG` is one of them.

        Raises
        ------
        StackError
            If the registry does not answer, or if all names belong to other models.
        """
        from mlflow.exceptions import MlflowException

        try:
            for name in names:
                with suppress(MlflowException):  # the model may exist already
                    self._client.create_registered_model(name, dict(tags))
                if self._belongs(name, tags):
                    return name
        except MlflowException as error:
            raise StackError(f"the model registry at {self.uri} has not taken the model: {error}") from error
        raise StackError(
            f"the model registry at {self.uri} has other models with the names {', '.join(names)}"
        )

    def _belongs(self, name: str, tags: Mapping[str, str]) -> bool:
        found = self._client.get_registered_model(name).tags
        if DATASET_TAG not in found and name == model_name(tags[DATASET_TAG]):
            for key, value in tags.items():
                self._client.set_registered_model_tag(name, key, value)
            return True
        return bool(tags.items() <= found.items())

    def register(
        self, name: str, run_id: str, folder: str, tags: Mapping[str, str], description: str = ""
    ) -> Version:
        """Register an artifact folder of a run as the next version of a model.

        Parameters
        ----------
        name : str
            Name of the model, as `claim` returned it.
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

        Raises
        ------
        StackError
            If the registry does not answer or refuses the version.
        """
        from mlflow.exceptions import MlflowException

        try:
            source = f"{self._client.get_run(run_id).info.artifact_uri}/{folder}"
            made = self._client.create_model_version(
                name, source, run_id, tags=dict(tags), description=description
            )
        except MlflowException as error:
            raise StackError(f"the model registry at {self.uri} has not taken the model: {error}") from error
        return Version(name, str(made.version), tags)

    def assign(self, version: Version, alias: str) -> None:
        """Give an alias to a version; the version that had the alias before loses it.

        Raises
        ------
        StackError
            If the registry does not answer.
        """
        from mlflow.exceptions import MlflowException

        try:
            self._client.set_registered_model_alias(version.name, alias, version.number)
        except MlflowException as error:
            raise StackError(f"the model registry at {self.uri} has not taken the alias: {error}") from error

    def url(self, version: Version) -> str:
        """Return the address of a version's page."""
        return model_page(self.uri, version.name, version.number)

    def download(self, reference: str, folder: Path) -> Path:
        """Download the files of a model's version.

        Parameters
        ----------
        reference : str
            `NAME@ALIAS`, `NAME/VERSION`, or `NAME`, which means the champion of the model. NAME is the name of a
            model, or else of a data set that has one model.
        folder : Path
            Existing folder in which the files are placed.

        Returns
        -------
        Path
            Folder of the files.

        Raises
        ------
        DataError
            If the registry has no such model or version, or the data set has several models.
        StackError
            If the registry does not answer.
        """
        from mlflow.artifacts import download_artifacts
        from mlflow.exceptions import MlflowException

        name, number = self.resolve(reference)
        try:
            source = self._client.get_model_version_download_uri(name, number)
            local: Any = download_artifacts(artifact_uri=source, dst_path=str(folder), tracking_uri=self.uri)
        except MlflowException as error:
            raise DataError(f"model {reference!r} cannot be fetched from {self.uri}: {error}") from None
        return Path(local)

    def resolve(self, reference: str) -> tuple[str, str]:
        """Return the name and the number of the version that a reference means.

        Raises
        ------
        DataError
            If the registry has no such model or version, or the data set has several models.
        StackError
            If the registry does not answer.
        """
        given = re.split("[@/]", reference, maxsplit=1)[0]
        version = reference.removeprefix(given)
        models = self._models()
        name = _meant(given, version, models)
        if version.startswith("/"):
            found = self._numbered(name, version[1:])
        else:
            holder = self.holder(name, version[1:] or ALIASES[0])
            found = holder.number if holder else None
        if found is None:
            known = ", ".join(models) or "none yet; a study registers its best"
            raise DataError(f"there is no model {reference!r}; known: {known}")
        return name, found

    def _numbered(self, name: str, number: str) -> str | None:
        from mlflow.exceptions import MlflowException

        try:
            return str(self._client.get_model_version(name, number).version)
        except MlflowException:
            return None

    def _models(self) -> dict[str, str | None]:
        """Return the data set of each registered model; None for a model without the tag."""
        from mlflow.exceptions import MlflowException

        models: dict[str, str | None] = {}
        token = None
        try:
            while True:
                page = self._client.search_registered_models(max_results=PAGE, page_token=token)
                models |= {model.name: model.tags.get(DATASET_TAG) for model in page}
                token = page.token
                if not token:
                    return models
        except MlflowException as error:
            raise StackError(f"the model registry at {self.uri} does not answer: {error}") from error


def _meant(given: str, version: str, models: Mapping[str, str | None]) -> str:
    """Return the name of the model that a person means by the name of a model or of a data set."""
    if given in models:
        return given
    found = [name for name, dataset in models.items() if dataset is not None and model_name(dataset) == given]
    if len(found) > 1:
        choices = ", ".join(f"{name}{version}" for name in found)
        raise DataError(f"data set '{given}' has {len(found)} registered models; name one of: {choices}")
    return found[0] if found else given
