"""The request of a cell: everything that determines the results of an algorithm on an engine."""

import hashlib
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from infra.engines import EngineName
from infra.study_folder import StudyFolder
from tasks.algorithms.base import ModelOptions
from tasks.datasets.prepared import PreparedDataset
from tasks.registry import AlgorithmName
from tasks.results import Cell, Search


class CellRequest(BaseModel):
    """Everything that determines a cell's results; small enough to be sent to the process that runs the cell."""

    model_config = ConfigDict(frozen=True)

    dataset: PreparedDataset
    algorithm: AlgorithmName
    engine: EngineName
    search: Search
    options: ModelOptions
    folds: int = Field(description="Number of folds that score a candidate.")
    candidates: int = Field(description="Number of candidates that a random search draws.")
    workers: int = Field(description="Number of workers of the engine.")
    thread_memory: int | None = Field(
        None,
        description="Bytes of memory that each thread of the engine `local` may use; None: an equal share of the "
        "machine's memory.",
    )
    profile: bool = Field(False, description="Whether driver and workers are profiled.")
    folder: StudyFolder = Field(description="Folder of the study: ledger, curves, checkpoints, networks.")

    @property
    def key(self) -> str:
        """Name of the cell in its study, with a digest of everything that the cell's results depend on."""
        words = {"notes", "caution", "provenance"}  # texts, which do not change results
        exclude: Any = {"folder": True, "thread_memory": True, "dataset": words}
        digest = hashlib.sha256(self.model_dump_json(exclude=exclude).encode()).hexdigest()[:8]
        return f"{self.dataset.name}/{self.algorithm}/{self.engine}/{self.search}/{digest}"

    @property
    def title(self) -> str:
        """Title of the cell: data set, algorithm, engine and search."""
        return f"{self.dataset.name} {self.algorithm} {self.engine} {self.search}"

    def unfinished(self, status: Literal["failed", "too_large"], error: str) -> Cell:
        """Record of a cell that has no result, with the reason."""
        return Cell(
            dataset=self.dataset.name,
            algorithm=self.algorithm,
            engine=self.engine,
            search=self.search,
            status=status,
            error=error,
            workers=self.workers,
        )
