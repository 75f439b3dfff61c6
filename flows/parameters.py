"""Parameters of the flows, from which the forms in the UI and the flags of the command are generated."""

from datetime import date
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator
from pydantic_settings import CliToggleFlag

from infra.engines import ENGINES, EngineName, memory_in_bytes
from infra.errors import ParameterError
from tasks.datasets.catalogue import Task
from tasks.datasets.options import DateOrder, DecimalMark, RareClasses, ReadingOptions, described
from tasks.registry import AlgorithmName


def shown_plain(schema: dict[str, Any]) -> None:
    """Describe an optional field to the form in the UI by the type that the field has when it is given.

    For a union with None the form would show a switch between types instead of a field that may stay empty.
    Prefect accepts an empty field, which is null, only where the schema has no default.
    """
    given = [one for one in schema.pop("anyOf") if one != {"type": "null"}]
    schema.update(*given)
    del schema["default"]


def data_first(schema: dict[str, Any]) -> None:
    """Put the fields for data, target, task and algorithms first in the form."""
    properties = schema["properties"]
    first = [name for name in ("data", "target", "task", "algorithms") if name in properties]
    schema["properties"] = {name: properties[name] for name in dict.fromkeys([*first, *properties])}


class SearchParameters(BaseModel):
    """Parameters that all comparisons have."""

    model_config = ConfigDict(extra="forbid", frozen=True, json_schema_extra=data_first)

    algorithms: list[AlgorithmName] | None = Field(
        None,
        description="Algorithms to compare; empty: all that fit the data. A linear model is always cross-validated "
        "as a reference, and can be recommended.",
        json_schema_extra=shown_plain,
    )
    engines: list[EngineName] = Field(
        list(ENGINES), min_length=1, description="Engines to compare: local (one process), dask, spark."
    )
    folds: Annotated[int, Field(ge=2, le=20)] = Field(
        5, description="Number of folds of the cross-validation inside each search."
    )
    candidates: Annotated[int, Field(ge=1, le=10_000)] = Field(
        6, description="Number of candidates that a random search draws."
    )
    exhaustive: CliToggleFlag[bool] = Field(
        False,
        description="Whether a large table is searched and cross-validated like a small one, which takes much longer: "
        "each candidate is fitted on all folds, and every process holds the table.",
    )
    repeats: Annotated[int, Field(ge=0, le=20)] = Field(
        1,
        description="Number of repeats of the 10-fold cross-validation with tuning inside the folds; 0: no "
        "cross-validation.",
    )
    margin: Annotated[float, Field(ge=0, le=1)] = Field(
        0.01,
        description="Largest loss of score at which a cheaper way to make a model is recommended; 0.01 is one point "
        "of accuracy.",
    )
    workers: Annotated[int, Field(ge=1, le=1024)] | None = Field(
        None,
        description="Number of threads, worker processes or task slots of each engine; empty: one for each core.",
        json_schema_extra=shown_plain,
    )
    worker_memory: str | None = Field(
        None,
        description="Memory that each worker of an embedded engine may use, for example 2.5GiB; empty: an equal share "
        "of the machine's memory.",
        json_schema_extra=shown_plain,
    )
    seed: Annotated[int, Field(ge=0, le=2**31 - 1)] = Field(
        0, description="Seed of folds, candidates and models; the same seed gives the same results."
    )
    epochs: Annotated[int, Field(ge=1, le=1000)] | None = Field(
        None,
        description="Number of epochs of a network's training; empty: a first look, which is a short training of a "
        "small network on about 1,000 images.",
        json_schema_extra=shown_plain,
    )
    log_trials: Annotated[int, Field(ge=0, le=1000)] = Field(
        3,
        description="Number of each search's best trials that become MLflow runs; the search's table has all trials.",
    )
    profile: bool = Field(False, description="Profile driver and workers with cProfile.")

    @field_validator("worker_memory")
    @classmethod
    def _is_memory(cls, worker_memory: str | None) -> str | None:
        try:
            memory_in_bytes(worker_memory)
        except ParameterError as error:
            raise ValueError(str(error).replace("memory_limit", "worker_memory")) from None
        return worker_memory

    @field_validator("engines")
    @classmethod
    def _once(cls, engines: list[EngineName]) -> list[EngineName]:
        return list(dict.fromkeys(engines))


class TableParameters(BaseModel):
    """Parameters that say how a user's own table is read."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    no_header: CliToggleFlag[bool] = Field(False, description=described("no_header"))
    decimal_mark: DecimalMark = Field("auto", description=described("decimal_mark"))
    date_order: DateOrder = Field("auto", description=described("date_order"))
    missing: list[str] = Field([], description=described("missing"))
    keep_column: list[str] = Field([], description=described("keep_column"))
    rare_classes: RareClasses = Field("refuse", description=described("rare_classes"))

    @property
    def reading(self) -> ReadingOptions:
        """What the user says about the reading of a table."""
        return ReadingOptions(**self.model_dump(include=set(ReadingOptions.model_fields)))


class ReadingParameters(TableParameters):
    """Parameters that say how a user's own table is read, and what is to be predicted."""

    target: str | None = Field(
        None,
        description="Column to predict in your own file; empty: the rows are clustered.",
        json_schema_extra=shown_plain,
    )
    task: Literal["auto", "classification", "regression"] = Field(
        "auto",
        description="Kind of target in your own file: classes (classification) or a quantity (regression); auto: the "
        "values of the target decide.",
    )

    @property
    def chosen_task(self) -> Task | None:
        """The task; None if the values of the target decide the task."""
        return None if self.task == "auto" else self.task


class StudyParameters(SearchParameters, ReadingParameters):
    """A study: data sets x algorithms x engines x {baseline, grid, random}."""

    data: list[str] = Field(
        ["diabetes", "burger-king", "cats-dogs"],
        min_length=1,
        json_schema_extra={"uniqueItems": True},
        description="Data sets of the catalogue (diabetes, burger-king, cats-dogs), or the path of a CSV or Parquet "
        "file, or of a folder of images with a sub-folder for each class.",
    )


class ClassificationParameters(SearchParameters, TableParameters):
    """Classifiers on one table."""

    data: str = Field("diabetes", description="`diabetes`, or the path of a CSV or Parquet file.")
    target: str | None = Field(
        None, description="Column to predict in your own file.", json_schema_extra=shown_plain
    )

    def as_study(self) -> StudyParameters:
        task = "auto" if self.target is None else "classification"
        return StudyParameters(**self.model_dump(exclude={"data"}), data=[self.data], task=task)


class ClusteringParameters(SearchParameters, TableParameters):
    """Clusterings of one table."""

    data: str = Field("burger-king", description="`burger-king`, or the path of a CSV or Parquet file.")

    def as_study(self) -> StudyParameters:
        return StudyParameters(**self.model_dump(exclude={"data"}), data=[self.data])


class VisionParameters(SearchParameters):
    """Networks on one folder of images."""

    data: str = Field("cats-dogs", description="`cats-dogs`, or the path of a folder of images.")

    def as_study(self) -> StudyParameters:
        return StudyParameters(**self.model_dump(exclude={"data"}), data=[self.data])


DATE = "{date}"
"""Word in the path of a folder of predictions that stands for the day of the run."""


class ScoringParameters(BaseModel):
    """Predictions of a registered model for the rows of a table of any size."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    model: str = Field(
        min_length=1,
        description="Model: NAME@champion, NAME@challenger, NAME/VERSION, or NAME (the champion). NAME is the name "
        "that the study printed, or the name of the data set if the data set has one model.",
    )
    data: str = Field(
        min_length=1,
        description="File of a table (CSV, Parquet, ORC, Arrow, JSON lines, Excel), its address (https://..., "
        "s3://...), a folder or a pattern of its parts, or a folder of images.",
    )
    out: Path = Field(
        description="File to write, .csv or .parquet, for a table that fits into memory; or a folder for the parts of "
        "a table of any size. {date} stands for the day of the run (UTC), for example predictions-{date}.",
    )
    engine: EngineName = Field(
        "local", description="Engine that predicts into a folder: local (one process), dask, spark."
    )
    workers: Annotated[int, Field(ge=1, le=1024)] | None = Field(
        None,
        description="Number of threads, worker processes or task slots of the engine; empty: one for each core.",
        json_schema_extra=shown_plain,
    )
    keep: list[str] = Field(
        [],
        description="Columns of the table to carry along into the predictions, with their values as they stand in the "
        "table, for example an identifier and a date.",
    )

    def dated(self, day: date) -> "ScoringParameters":
        """The same parameters with the day in place of `{date}`."""
        return self.model_copy(update={"out": Path(str(self.out).replace(DATE, f"{day:%Y-%m-%d}"))})
