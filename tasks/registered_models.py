"""What a registered model is for: two models share a name only if they predict the same target of the same data set."""

import hashlib
from dataclasses import dataclass

from infra.model_registry import DATASET_TAG, model_name
from tasks.datasets.catalogue import CATALOGUE, Task
from tasks.datasets.prepared import PreparedDataset
from tasks.problems import problem_of

ORIGINS = {True: "own", False: "catalogue"}


@dataclass(frozen=True)
class ModelPurpose:
    """The data set and the target that the versions of a registered model are for.

    Parameters
    ----------
    dataset : str
        Name of the data set.
    target : str, optional
        Name of the column to predict.
    task : {"classification", "regression", "clustering", "vision"}
        Name of the problem.
    own : bool
        Whether the data set is the user's own, and not of the catalogue.
    """

    dataset: str
    target: str | None
    task: Task
    own: bool

    @classmethod
    def of(cls, dataset: PreparedDataset) -> "ModelPurpose":
        """Return the purpose of a model that is fitted to a prepared data set."""
        return cls(dataset.name, dataset.target, dataset.task, dataset.own)

    @property
    def tags(self) -> dict[str, str]:
        """Tags of the registered model."""
        return {
            DATASET_TAG: self.dataset,
            "trilla.target": self.target or "",
            "trilla.task": self.task,
            "trilla.data": ORIGINS[self.own],
        }

    @property
    def names(self) -> list[str]:
        """Names for the registered model, the preferred name first; the others are for a name that is taken."""
        parts = [self.dataset]
        if self.own and self.target and (problem_of(self.task).is_table or self.dataset in CATALOGUE):
            parts.append(self.target)
        digest = hashlib.sha256(repr(self.tags).encode()).hexdigest()[:8]
        return [model_name(*parts), model_name(*parts, self.task), model_name(*parts, digest)]
