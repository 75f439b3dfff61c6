"""Typed settings, read from `TRILLA_*` environment variables at each call of `load_settings`."""

import os
from pathlib import Path

from pydantic import Field, ValidationError, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from infra.errors import ParameterError
from infra.storage import path_of
from infra.stored_path import MARK, is_stored


def usable_cores() -> int:
    """Return the number of cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


class Settings(BaseSettings):
    """Folder of the state, servers, clusters and cores that trilla uses."""

    model_config = SettingsConfigDict(
        env_prefix="TRILLA_", env_ignore_empty=True, frozen=True, validate_default=True
    )

    home: Path = Field(
        Path("~/.trilla"), description="Folder of databases, ledgers, prepared data and reports."
    )
    data: str | None = Field(
        None,
        description="Folder of prepared tables, or its address (s3://bucket/folder); default: `data` in home.",
    )
    host: str = Field("127.0.0.1", description="Address on which the local servers listen.")
    prefect_port: int = Field(4200, ge=1, le=65535, description="Port of the local Prefect server.")
    mlflow_port: int = Field(5000, ge=1, le=65535, description="Port of the local MLflow server.")
    prefect_api_url: str | None = Field(
        None, description="Address of an existing Prefect server's API, for example http://host:4200/api."
    )
    mlflow_tracking_uri: str | None = Field(
        None, description="Address of an existing MLflow server, for example http://host:5000."
    )
    dask_address: str | None = Field(
        None, description="Address of an existing Dask scheduler, for example tcp://host:8786."
    )
    spark_master: str | None = Field(
        None, description="Address of an existing Spark master, for example spark://host:7077."
    )
    cores: int = Field(
        default_factory=usable_cores,
        ge=1,
        description="Number of threads that the embedded engines may use together.",
    )
    cats_dogs: Path | None = Field(
        None,
        description="Folder of photographs for the data set cats-dogs; by default, CIFAR-10 is downloaded.",
    )

    @field_validator("data")
    @classmethod
    def _reachable(cls, data: str | None) -> str | None:
        if data is not None and MARK in data and not is_stored(data):
            raise ValueError(
                "give a folder, or an address such as s3://bucket/folder (s3, gs or hdfs, without a query or keys)"
            )
        return data

    @property
    def images(self) -> Path:
        """Folder of prepared images, which every process maps into its memory, so they are on the disk."""
        return self.home / "data"

    @property
    def tables(self) -> Path:
        """Place of prepared tables, on the disk or in a store."""
        return path_of(self.data).expanduser().absolute() if self.data else self.images

    def model_post_init(self, _context: object) -> None:
        object.__setattr__(self, "home", self.home.expanduser().absolute())


def load_settings() -> Settings:
    """Return the settings that the environment has at this moment.

    Raises
    ------
    ParameterError
        If the value of a variable is not allowed.
    """
    try:
        return Settings()
    except ValidationError as error:
        first = error.errors()[0]
        name = "TRILLA_" + "_".join(str(part) for part in first["loc"]).upper()
        raise ParameterError(
            f"{name}={first['input']}: {first['msg'].removeprefix('Value error, ')}"
        ) from None
