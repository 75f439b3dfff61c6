"""Vision: prediction of a class for each photograph."""

from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
from sklearn.model_selection import StratifiedShuffleSplit

from infra.progress import Progress
from tasks.algorithms.base import Algorithm, ModelOptions
from tasks.datasets.catalogue import Source, Task
from tasks.datasets.images.packed import PackedImages
from tasks.datasets.images.preparation import prepare_images
from tasks.datasets.planning import Begun, OpenEngine
from tasks.datasets.prepared import PreparedDataset, RowNumbers, Target
from tasks.datasets.table_rules import TableRules
from tasks.pictures.best_networks import network_pictures
from tasks.problems.base import EvaluationScheme
from tasks.problems.classification import Classification
from tasks.results import SEARCHES, Cell, Picture, Recommendation, Way

VALIDATION_SHARE = 0.2


class Vision(Classification):
    """Prediction of a class for each photograph; searches and evaluation are small, because networks train long."""

    name: ClassVar[Task] = "vision"
    reference: ClassVar[str | None] = None  # a linear model of pixels is no reference for a network
    outer_folds: ClassVar[int] = 3
    rules: ClassVar[TableRules | None] = None

    def prepare(
        self,
        source: Source,
        folder: Path,
        *,
        folds: int,
        first_look: bool,
        progress: Progress | None = None,
        open_engine: OpenEngine | None = None,
    ) -> PreparedDataset:
        with ExitStack() as stack:
            engine = stack.enter_context(open_engine()) if open_engine else None
            return prepare_images(source, folder, first_look=first_look, progress=progress, engine=engine)

    def begin(
        self,
        source: Source,
        folder: Path,
        *,
        folds: int,
        first_look: bool,
        progress: Progress | None = None,
    ) -> Begun:
        return self.prepare(source, folder, folds=folds, first_look=first_look, progress=progress)

    def holdout(
        self, dataset: PreparedDataset, y: Target, rows: int | None = None
    ) -> tuple[RowNumbers, RowNumbers]:
        set_aside = PackedImages.open(dataset.path).holdout()
        if rows is not None or not len(set_aside):
            return super().holdout(dataset, y, rows)
        return np.setdiff1d(np.arange(len(y)), set_aside), set_aside

    def search_splitter(self, folds: int, seed: int) -> Any:
        # training a network on each fold would take too long: one split of the training rows scores a candidate
        return StratifiedShuffleSplit(1, test_size=VALIDATION_SHARE, random_state=seed)

    def evaluation_scheme(self, repeats: int, seed: int, candidates: int) -> EvaluationScheme | None:
        return super().evaluation_scheme(min(repeats, 1), seed, candidates)

    def evaluated_ways(self, algorithms: Sequence[Algorithm]) -> list[Way]:
        # tuning a network anew in each fold would take too long
        return [Way(algorithm.name, SEARCHES[0]) for algorithm in algorithms]

    def is_first_look(self, options: ModelOptions) -> bool:
        return options.epochs is None

    def pictures(
        self,
        dataset: PreparedDataset,
        cells: Sequence[Cell],
        recommendation: Recommendation | None,
        progress: Progress | None = None,
    ) -> list[Picture]:
        return network_pictures(dataset, cells, recommendation, self.split(dataset))
